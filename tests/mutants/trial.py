"""One mutant on trial, in a process forked for it: the cases of its family first, the other cases, then the unit tests.

Only a function's body is changed as a rule; then the function that stands gets the mutant's code, and nothing is loaded
anew. What is run when a module is loaded (constants, defaults, fields, and all of a module that the loading of the rulebook
uses) needs everything loaded anew, which takes half a second.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.abc
import importlib.util
import io
import os
import resource
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final

import hypothesis
import pytest
from hypothesis import Phase

from mutants.mutating import Mutant

ROOT: Final = Path(__file__).parents[2]
DOMAIN: Final = ROOT / "services" / "sekisho" / "domain"
TESTS: Final = ROOT / "tests" / "domain"
NOT_FOR_ALL: Final = {
    "test_properties.py": (),
    "test_openings.py": (),
    "test_reach.py": (),
    "test_periods.py": ("calendar", "retention"),
    "test_memory.py": ("memory", "alike", "question", "decision", "records"),
    "test_alike.py": ("memory", "alike", "question", "decision", "events"),
}
"""The domain's tests that take seconds, and the modules whose mutants they judge; the others judge all."""
CPU_SECONDS: Final = 60
"""Of a trial: a mutant that goes round in circles is noticed, too."""
MEMORY: Final = 4 * 2**30
AT_LOADING: Final = frozenset({"book", "vocabulary", "events", "request", "verdict", "calendar", "rules"})
"""Modules of which the rulebook's or the contract's loading runs functions."""


def name_of(path: Path) -> str:
    """The module of a file of the domain, as people call it: `rules.wall`."""
    parts = path.relative_to(DOMAIN).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


class Court:
    """All that trials need, loaded once; each trial runs in a fork of this process."""

    def __init__(self, *, without_failing: bool = False) -> None:
        """`without_failing`: cases that fail on the unchanged domain are left out, which is said."""
        os.chdir(ROOT)
        on_the_core = importlib.import_module("cases.on_the_core")
        self._cases = list(on_the_core.all_cases())
        on_the_core.book()
        while without_failing and (wrong := _first_wrong_case(self._cases, ())) is not None:
            print(f"LEFT OUT, for it fails on the unchanged domain: {wrong}", flush=True)
            self._cases = [case for case in self._cases if f"case {case.id}" != wrong]
        self._finds_nothing()
        _forget()
        gc.collect()
        gc.freeze()

    def _finds_nothing(self) -> None:
        """The cases and the unit tests pass on the domain as it stands; what they load is loaded from now on."""
        code, said = _pytest()
        if code != 0:
            raise SystemExit(f"The unit tests fail on the unchanged domain:\n{said}")
        wrong = _first_wrong_case(self._cases, ())
        if wrong is not None:
            raise SystemExit(f"The {wrong} fails on the unchanged domain.")

    def try_(self, path: Path, mutant: Mutant, likely: Sequence[str]) -> str | None:
        """Who noticed the mutant: a case's id, a test, or how it broke; None where nobody did. Runs in a fork.

        `likely` are those who noticed others of its function and module, who are asked first.
        """
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 5))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        try:
            if not _swap(path, mutant):
                _load_anew(path, mutant)
                sys.modules["cases.on_the_core"].__dict__["all_cases"] = lambda: self._cases
            wrong = _first_wrong_case(self._cases, _family(path), likely)
        except BaseException as error:  # noqa: BLE001  whatever a mutant does is an answer
            return f"{type(error).__name__}: {str(error)[:80]}"
        if wrong is not None:
            return wrong
        code, said = _pytest(name_of(path))
        return None if code == 0 else _failed_test(said)


def _unit_tests(module: str | None) -> list[str]:
    """The test files for a module's mutants; all of them for none."""
    return [
        str(path)
        for path in sorted(TESTS.glob("test_*.py"))
        if path.name not in NOT_FOR_ALL
        or (module in NOT_FOR_ALL[path.name] if module else NOT_FOR_ALL[path.name])
    ]


def _family(path: Path) -> tuple[str, ...]:
    return (path.stem.upper(),)


def _first_wrong_case(
    cases: Sequence[Any], families: tuple[str, ...], likely: Sequence[str] = ()
) -> str | None:
    """The first case that is not answered as it expects; the likely ones come first, then those of the families."""
    on_the_core = sys.modules["cases.on_the_core"]
    compare = sys.modules["sekisho.rulebook.cases"].__dict__["compare"]
    first = {name: place for place, name in enumerate(likely)}
    last = len(first)
    for case in sorted(
        cases,
        key=lambda case: (first.get(f"case {case.id}", last), case.rule.partition("-")[0] not in families),
    ):
        if compare(case, *on_the_core.answer(case)):
            return f"case {case.id}"
    return None


def _pytest(module: str | None = None) -> tuple[int, str]:
    said = io.StringIO()
    # who has noticed it need not find the smallest example, nor remember it
    hypothesis.settings.register_profile(
        "trial", phases=[Phase.explicit, Phase.generate], database=None, deadline=None, derandomize=True
    )
    hypothesis.settings.load_profile("trial")
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = pytest.main(
            ["-x", "-q", "--tb=no", "-p", "no:cacheprovider", *_unit_tests(module)]
        )  # fmt: skip
    return int(code), said.getvalue()


def _failed_test(said: str) -> str:
    lines = [line for line in said.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return lines[0].partition(" - ")[0] if lines else f"pytest: {said[-200:]}"


def _swap(path: Path, mutant: Mutant) -> bool:
    """Gives the one function that differs the mutant's code; False where more than one function's body differs."""
    if name_of(path) in AT_LOADING:
        return False
    module = sys.modules["sekisho.domain." + name_of(path)]
    old = compile(path.read_text("utf-8"), str(path), "exec")
    new = compile(mutant.source, str(path), "exec")
    if _own(old) == _own(new) and [*map(_bare, _functions(old))] == [*map(_bare, _functions(new))]:
        _forget()
        return True
    changed = _changed_function(old, new)
    if changed is None:
        return False
    function = _function(module, changed.co_qualname)
    if function is None or function.__code__.co_freevars != changed.co_freevars:
        return False
    function.__code__ = changed
    _forget()
    return True


def _changed_function(old: CodeType, new: CodeType) -> CodeType | None:
    """The code of the only function, or method, that differs; None where the module or a class itself does."""
    before, after = list(_functions(old)), list(_functions(new))
    if _own(old) != _own(new) or len(before) != len(after):
        return None
    changed = [two for one, two in zip(before, after, strict=True) if _bare(one) != _bare(two)]
    return changed[0] if len(changed) == 1 else None


def _bare(code: CodeType) -> CodeType:
    """Without its lines, which a change further up may have moved."""
    inner = tuple([_bare(each) if isinstance(each, CodeType) else each for each in code.co_consts])
    return code.replace(co_firstlineno=1, co_linetable=b"", co_consts=inner)


def _nested(code: CodeType) -> Iterator[CodeType]:
    return (each for each in code.co_consts if isinstance(each, CodeType))


def _is_class(code: CodeType) -> bool:
    return "__qualname__" in code.co_names and "__module__" in code.co_names


def _functions(code: CodeType) -> Iterator[CodeType]:
    for each in _nested(code):
        if _is_class(each):
            yield from _functions(each)
        else:
            yield each


def _own(code: CodeType) -> list[object]:
    """What the loading of a module, or of its classes, runs itself."""
    whole: list[object] = [code.co_code, code.co_names]
    for each in code.co_consts:
        if not isinstance(each, CodeType):
            whole.append((type(each), each))
        else:
            whole.append([each.co_qualname, *(_own(each) if _is_class(each) else [])])
    return whole


def _function(module: ModuleType, qualified: str) -> FunctionType | None:
    found: Any = module
    for name in qualified.split("."):
        found = vars(found).get(name)
        found = getattr(found, "fget", None) or getattr(found, "__func__", found)
    found = getattr(found, "__wrapped__", found)
    return found if isinstance(found, FunctionType) else None


def _forget() -> None:
    """What the unchanged functions have left in memories."""
    for name, module in list(sys.modules.items()):
        if name.startswith("sekisho.domain"):
            for each in list(vars(module).values()):
                if hasattr(each, "cache_clear"):
                    each.cache_clear()
                elif hasattr(each, "most_bytes") and hasattr(each, "clear"):
                    each.clear()
    sys.modules["sekisho.domain.decision"].__dict__["forget"]()


class _Mutated(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads one module from the mutant's text."""

    def __init__(self, name: str, path: Path, source: str) -> None:
        self._name, self._path, self._source = name, path, source

    def find_spec(self, fullname: str, path: object, target: object = None) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        places = [str(self._path.parent)] if self._path.name == "__init__.py" else None
        return importlib.util.spec_from_file_location(
            fullname, self._path, loader=self, submodule_search_locations=places
        )

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._source, str(self._path), "exec"), vars(module))


def _load_anew(path: Path, mutant: Mutant) -> None:
    """Everything of the product and of the tests, with the mutant in its module's place."""
    ours = {each.name for each in (ROOT / "tests").iterdir()} | {"sekisho", "tests"}
    for name in [name for name in sys.modules if name.partition(".")[0] in ours - {"mutants"}]:
        del sys.modules[name]
    sys.meta_path.insert(0, _Mutated("sekisho.domain." + name_of(path), path, mutant.source))
    importlib.import_module("cases.on_the_core")
