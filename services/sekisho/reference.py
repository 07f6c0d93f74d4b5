"""Writes docs/settings.md, docs/metrics.md, docs/cli.md and docs/rules from their declarations, or checks that they are up
to date.

    python -m sekisho.reference [--check] docs

Exit 0: written, or as they should be; 1 (with --check): a page differs, and how is shown; 2: usage.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from sekisho.cli.reference import cli_page
from sekisho.rulebook import sample_path
from sekisho.rulebook.handbook import open_handbook
from sekisho.rulebook.rule_pages import pages as rule_pages
from sekisho.settings import Settings
from sekisho.settings.source import SECRET_CHARACTERS, Matching, Variable, group_model, variables
from sekisho.telemetry.definitions import NONE, OTHER, Definition, Label, all_definitions

_MADE_AT_START: Final = {
    "effects": "`allow`, `deny`",
    "actions": "the contract's actions",
    "reasons": "the rulebook's reason codes",
    "causes": "the contract's causes of rejection",
    "methods": "the contract's record methods",
    "bases": "the contract's record bases",
    "lanes": "the numbers of the partitions",
    "build": "one value a process",
}
_HEADINGS: Final = {None: "General", "http": "HTTP", "log": "Log", "kafka": "Kafka"}


def settings_page() -> str:
    """docs/settings.md."""
    return "\n".join(_settings_lines()) + "\n"


def _settings_lines() -> Iterator[str]:
    yield "# Settings\n"
    yield "<!-- Written by `python -m sekisho.reference docs`; change services/sekisho/settings/ instead. -->\n"
    yield "Every setting is a variable of the environment. They are read once, at start, and all at once checked: a value that is not"
    yield "allowed, an empty one and an unknown `SEKISHO_*` variable (a misspelt one) are errors that say what is wrong. Only"
    yield "`SEKISHO_TEST_*`, the test suite's own, are passed over.\n"
    yield "Not settings: the names of groups and transactional ids. They are the topic prefix and a fixed ending (`gate`, `gate-3`,"
    yield "`router`), because the transactional id is what fences a lane: two groups that shared it would fence each other for ever."
    yield "\nNor are the contract's own limits (500 items of a request, 20 near misses told): they stand in the schemas, for all gates and"
    yield "for ever, since a replay must give the same decision."
    grouped: dict[str | None, list[Variable]] = {}
    for one in variables(Settings):
        grouped.setdefault(one.group, []).append(one)
    for group, members in grouped.items():
        model = group_model(Settings.model_fields[group]) if group else None
        yield f"\n## {_HEADINGS.get(group) or str(group).capitalize()}\n"
        if model is not None:
            yield f"{model.__doc__}\n"
        for one in members:
            yield from _setting_lines(one)


def _setting_lines(one: Variable) -> Iterator[str]:
    yield f"### `{one.name}`\n"
    yield f"{one.info.description}\n"
    yield f"{_allowed(one.info, one.secret)}. {_default(one.info)}.\n"


def _default(info: FieldInfo) -> str:
    if info.default_factory is not None:
        return "Default: as said above"
    if info.default is None:
        return "No default"
    assert info.default is not PydanticUndefined, "every setting has a default or none"
    shown = str(info.default).lower() if isinstance(info.default, bool) else str(info.default)
    return f"Default: `{shown}`"


def _allowed(info: FieldInfo, secret: bool) -> str:
    """What a value may be, in words."""
    if secret:
        key = any(_named(part, "long_enough") for part in _parts(info.annotation))
        return f"A secret{f' of {SECRET_CHARACTERS} characters or more' if key else ''}"
    parts = [*_parts(info.annotation), *(part for extra in info.metadata for part in _parts(extra))]
    for part in parts:
        form = getattr(part, "func", None)
        if isinstance(form, Matching):
            return form.says[0].upper() + form.says[1:]
    choices = next((get_args(part) for part in parts if get_origin(part) is Literal), ())
    if choices:
        return "One of " + ", ".join(f"`{choice}`" for choice in choices)
    kind = next((_KINDS[part] for part in parts if isinstance(part, type) and part in _KINDS), None)
    assert kind is not None, f"no words for {info.annotation}"
    return kind + _bounds(parts)


_KINDS: Final[dict[type, str]] = {
    bool: "`true` or `false`",
    int: "A whole number",
    float: "A number",
    Path: "A path",
    str: "A text",
}
_BOUNDS: Final = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}


def _bounds(parts: Sequence[Any]) -> str:
    said = [
        f"{word} {getattr(part, bound)}"
        for part in parts
        for bound, word in _BOUNDS.items()
        if hasattr(part, bound)
    ]
    return f", {' and '.join(said)}" if said else ""


def _parts(annotation: Any) -> Iterator[Any]:
    """An annotation and all that it is made of: members of unions, the metadata of Annotated."""
    yield annotation
    if isinstance(annotation, FieldInfo):
        yield from annotation.metadata
    elif get_origin(annotation) is not Literal:
        for part in get_args(annotation):
            yield from _parts(part)


def _named(part: Any, name: str) -> bool:
    return getattr(getattr(part, "func", None), "__name__", "") == name


def metrics_page() -> str:
    """docs/metrics.md."""
    return "\n".join(_metrics_lines()) + "\n"


def _metrics_lines() -> Iterator[str]:
    yield "# Metrics\n"
    yield "<!-- Written by `python -m sekisho.reference docs`; change services/sekisho/telemetry/definitions.py instead. -->\n"
    yield "What a gate or a ledger serves under `/metrics`, in Prometheus's text format, beside the usual `process_*`. Each label"
    yield "has a closed vocabulary; a person, an operator or a branch is never one. `all`: the gate and the ledger.\n"
    yield "| metric | served by | kind | meaning | labels |\n|---|---|---|---|---|"
    for definition in all_definitions():
        yield _metric_row(definition)


def _metric_row(definition: Definition) -> str:
    labels = "<br>".join(_label(label) for label in definition.labels) or "-"
    return (
        f"| `{definition.name}` | {definition.service} | {definition.kind} | {definition.help} | {labels} |"
    )


def _label(label: Label) -> str:
    if isinstance(label.values, tuple):
        values = ", ".join(f"`{value}`" for value in label.values)
    else:
        values = _MADE_AT_START[label.values]
    more = [each for each, may in ((NONE, label.or_none), (OTHER, label.or_other)) if may]
    return f"`{label.name}`: {label.meaning} ({', '.join((values, *(f'`{each}`' for each in more)))})"


PAGES: Final[dict[str, Callable[[], str]]] = {
    "settings.md": settings_page,
    "metrics.md": metrics_page,
    "cli.md": cli_page,
}
_RULES: Final = "rules"
"""The folder of which every page is written here, so that one that is written no more is out of date."""


def pages() -> dict[str, str]:
    """Every page by its path below docs. Raises RulebookError where the sample rulebook or a case is wrong."""
    return {**{name: page() for name, page in PAGES.items()}, **rule_pages(open_handbook(sample_path()))}


def outdated(folder: Path) -> dict[str, str]:
    """The pages in `folder` that differ from what would be written, each with the difference (unified)."""
    found = {}
    wanted = pages()
    for name in (*wanted, *_left_over(folder, wanted)):
        path = folder / name
        present = path.read_text("utf-8") if path.exists() else ""
        declared = wanted.get(name, "")
        if present != declared:
            lines = difflib.unified_diff(
                present.splitlines(), declared.splitlines(), str(path), "as declared", lineterm=""
            )
            found[name] = "\n".join(lines)
    return found


def _left_over(folder: Path, wanted: Collection[str]) -> list[str]:
    """Pages of rules that stand but are not written (any more)."""
    present = (f"{_RULES}/{path.name}" for path in sorted((folder / _RULES).glob("*.md")))
    return [name for name in present if name not in wanted]


def write(folder: Path) -> None:
    """Write every page; delete those of rules that are no more."""
    wanted = pages()
    (folder / _RULES).mkdir(parents=True, exist_ok=True)
    for name, page in wanted.items():
        (folder / name).write_text(page, "utf-8")
    for name in _left_over(folder, wanted):
        (folder / name).unlink()


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the pages; gives the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m sekisho.reference",
        description="docs/settings.md, docs/metrics.md, docs/cli.md, docs/rules",
    )
    parser.add_argument("folder", type=Path, help="where the pages are")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a page is out of date")
    options = parser.parse_args(arguments)
    if options.check:
        differences = outdated(options.folder)
        for name, difference in differences.items():
            sys.stderr.write(
                f"{name} is out of date; write it with `python -m sekisho.reference docs`:\n{difference}\n"
            )
        return 1 if differences else 0
    write(options.folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
