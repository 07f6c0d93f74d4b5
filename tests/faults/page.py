"""Writes docs/faults.md from the fault tests' marks and docstrings: `python -m faults.page [--check] docs/faults.md`.

Read from the source, not from running tests: what a test is marked as proving, its docstring, and the findings that it
asserts. Exit 0: written, or as it should be; 1 (with --check): it differs.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from faults.tampering import TAMPERINGS
from sekisho.audit.findings import KINDS

FOLDER: Final = Path(__file__).parent
TEST: TypeAlias = ast.AsyncFunctionDef | ast.FunctionDef
_HEAD: Final = """# What is done to gates, and what the verifier says

<!-- Written by `make faults` from the marks and docstrings in tests/faults/; change those instead. -->

Every test below runs gates on a real Kafka, does something to them, and lets the one verifier (`sekisho audit check`)
judge the topics. `make test` runs each once; `make fire` runs them at length.
"""
_SCENARIOS: Final = """## Scenarios

A gate must survive each of these: every request is answered once, rightly and in order.

| what is done | test | what must hold | the verifier |
|---|---|---|---|
"""
_CONTROLS: Final = """## Controls

Each takes one guarantee away by wiring that only tests have. The verifier must find what the gate then does wrong: a
control that passes would be a hole in it. Each has a clean twin, the same script with the guarantee in place.

| what is taken away | test | the verifier finds | clean twin |
|---|---|---|---|
"""


class Proof(NamedTuple):
    """One test and one thing that it proves. `kind`: scenario or control."""

    kind: str
    name: str
    file: str
    test: str
    told: str
    findings: tuple[str, ...]
    is_clean: bool
    twin: str


def proofs() -> list[Proof]:
    """All marked tests, file by file in their order."""
    return [each for path in sorted(FOLDER.glob("test_*.py")) for each in _of_file(path)]


def _of_file(path: Path) -> Iterator[Proof]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tests = [each for each in tree.body if isinstance(each, TEST) and each.name.startswith("test_")]
    clean = [each.name for each in tests if _is_clean(each)]
    for number, test in enumerate(tests):
        behind = [each.name for each in tests[number + 1 :] if each.name in clean]
        twin = (behind or clean or [""])[0]
        for kind, name in _marks(test):
            yield Proof(kind, name, path.name, test.name, _told(test), _findings(test), _is_clean(test), twin)
        if any("TAMPERINGS" in ast.unparse(each) for each in test.decorator_list):
            for name, tampering in TAMPERINGS.items():
                yield Proof(
                    "control", name, path.name, test.name, _told(test), (tampering.found,), False, twin
                )


def _marks(test: TEST) -> Iterator[tuple[str, str]]:
    """In the order in which they stand."""
    calls = [each for each in test.decorator_list if isinstance(each, ast.Call)]
    for call in calls:
        kind = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        if kind in ("scenario", "control") and isinstance(call.args[0], ast.Constant):
            yield kind, str(call.args[0].value)


def _told(test: TEST) -> str:
    return " ".join((ast.get_docstring(test) or "").split())


def _findings(test: TEST) -> tuple[str, ...]:
    constants = [each.value for each in ast.walk(test) if isinstance(each, ast.Constant)]
    return tuple(dict.fromkeys(each for each in constants if isinstance(each, str) and each in KINDS))


def _is_clean(test: TEST) -> bool:
    return any(isinstance(each, ast.Attribute) and each.attr == "ok" for each in ast.walk(test))


def page() -> str:
    """The whole page."""
    found = proofs()
    scenarios = [each for each in found if each.kind == "scenario"]
    controls = [each for each in found if each.kind == "control"]
    return "\n".join(
        (
            _HEAD,
            _SCENARIOS + "\n".join(map(_scenario, scenarios)) + "\n",
            _CONTROLS + "\n".join(map(_control, controls)) + "\n",
        )
    )


def _scenario(proof: Proof) -> str:
    said = _kinds(proof) if proof.findings else "nothing wrong"
    return f"| {proof.name} | `{proof.test}` ({proof.file}) | {proof.told} | {said} |"


def _control(proof: Proof) -> str:
    twin = "the same test, once the transaction has ended" if proof.is_clean else f"`{proof.twin}`"
    return f"| {proof.name} | `{proof.test}` ({proof.file}) | {_kinds(proof)} | {twin} |"


def _kinds(proof: Proof) -> str:
    return "; ".join(f"`{kind}`: {KINDS[kind].en}" for kind in proof.findings)


def main(arguments: list[str]) -> int:
    """Writes or checks the page."""
    path = Path(arguments[-1])
    if "--check" in arguments:
        return 0 if path.read_text(encoding="utf-8") == page() else 1
    path.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
