"""The built wheel works outside the checkout: what it ships is enough to decide, to keep a ledger and to hand over what it holds."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy/docker/Dockerfile"


def _sources() -> list[str]:
    """What the Dockerfile copies into the image's builder: from no more than that the wheel must come about."""
    lines = re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE.read_text("utf-8"), re.MULTILINE)
    return [source for line in lines for source in line.split()[:-1]]


@pytest.fixture(scope="session")
def unpacked_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy of the sources that the image's builder gets, unpacked into a folder far from the checkout."""
    copy, built, unpacked = (tmp_path_factory.mktemp(name) for name in ("sources", "built", "unpacked"))
    for name in _sources():
        source, target = ROOT / name, copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(built), str(copy)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    (wheel,) = built.glob("sekisho-*.whl")
    zipfile.ZipFile(wheel).extractall(unpacked)
    return unpacked


def _python(wheel: Path, script: str, *arguments: str, told: str = "") -> subprocess.CompletedProcess[str]:
    """Runs a script in the wheel's folder, with the libraries of this environment but without the checkout."""
    start = "import sys; sys.path.insert(0, sys.argv.pop(1))\n"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEKISHO_")}
    return subprocess.run(
        [sys.executable, "-c", start + script, str(wheel), *arguments],
        input=told, cwd=wheel, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def _run(wheel: Path, *arguments: str, told: str = "") -> subprocess.CompletedProcess[str]:
    """Runs the wheel's command."""
    return _python(wheel, "from sekisho.cli import main; sys.exit(main())", *arguments, told=told)


def test_the_wheels_own_code_answers(unpacked_wheel: Path) -> None:
    """The code that runs is the wheel's, not the checkout's."""
    told = _python(unpacked_wheel, "import sekisho; print(sekisho.__file__)")
    assert Path(told.stdout.strip()).is_relative_to(unpacked_wheel)


def test_it_decides_with_the_sample_rulebook_that_it_ships(unpacked_wheel: Path) -> None:
    """`sekisho decide` answers from the wheel alone: the sample rulebook is inside."""
    request = {
        "request_id": "wheel-1",
        "requested_at": "2026-11-21T10:00:00+09:00",
        "requester": {"organization": "savings-bank", "business": "deposit", "system": "core-banking"},
        "subject": {"id": "C-1", "kind": "individual"},
        "action": "use",
        "holder": "savings-bank",
        "items": ["savings.balance"],
        "purpose": "savings.administration",
        "activity": {"kind": "maintenance", "mode": "none"},
    }
    document = {"at": "2026-11-21T10:00:00+09:00", "events": [], "request": request}
    done = _run(unpacked_wheel, "decide", "-", told=json.dumps(document))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["items"][0]["basis"] == ["basis.specified_purpose"]


def test_its_rulebook_passes_its_own_check(unpacked_wheel: Path) -> None:
    """`sekisho rulebook check` finds the shipped sample without fault."""
    done = _run(unpacked_wheel, "rulebook", "check", str(unpacked_wheel / "sekisho" / "rulebook" / "sample"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_not_code_is_shipped(unpacked_wheel: Path) -> None:
    """Kafka's lock, the type marker, the database's schema, a document's template: whatever lies beside the code goes along."""
    services = ROOT / "services"
    beside = [
        path.relative_to(services)
        for path in (services / "sekisho").rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    ]
    assert {"py.typed", "kafka-lock.json", "v0001_ledger.sql", "document.typ"} <= {
        path.name for path in beside
    }
    assert [path for path in beside if not (unpacked_wheel / path).is_file()] == []


def test_an_export_finds_the_auditors_program(unpacked_wheel: Path) -> None:
    """`sekisho audit export` copies the Go program's source out of the wheel: all files of it, as they are in the checkout."""
    told = _python(unpacked_wheel, "from sekisho.cli.audit_export import auditor_path; print(auditor_path())")
    found = Path(told.stdout.strip())
    assert found.is_relative_to(unpacked_wheel), told.stderr
    shipped = {path.name: path.read_bytes() for path in found.iterdir()}
    assert shipped == {path.name: path.read_bytes() for path in (ROOT / "deploy/auditor").iterdir()}
    assert {"verify.go", "go.mod", "go.sum"} <= set(shipped)


def test_a_disclosure_is_printed_from_the_wheel_alone(unpacked_wheel: Path) -> None:
    """Its wording, its template, its style and its fonts are there: a person's document comes as PDF, HTML and JSON."""
    script = (
        f"sys.path.append({str(ROOT / 'tests')!r})\n"
        "from audit.disclosure.samples import disclosed\n"
        "from sekisho.audit.disclosure import notice_html, notice_json, notice_pdf, sheet_pdf\n"
        "from sekisho.audit.disclosure import disclosing\n"
        "made = disclosed()\n"
        "assert notice_pdf(made)[:5] == sheet_pdf(made)[:5] == b'%PDF-'\n"
        "assert notice_html(made) and notice_json(made)\n"
        "print(disclosing.__file__)"
    )
    told = _python(unpacked_wheel, script)
    assert told.returncode == 0, told.stderr
    assert Path(told.stdout.strip()).is_relative_to(unpacked_wheel)


@pytest.mark.database
def test_a_ledgers_schema_comes_from_the_wheel_alone(unpacked_wheel: Path, database: str) -> None:
    """The migrations are there, and find each other: an empty database gets the ledger's schema."""
    script = "from sekisho.ledger.store import schema; print(schema.migrate(sys.argv[1]), schema.__file__)"
    told = _python(unpacked_wheel, script, database)
    assert told.returncode == 0, told.stderr
    version, _, file = told.stdout.strip().partition(" ")
    assert version
    assert Path(file).is_relative_to(unpacked_wheel)
