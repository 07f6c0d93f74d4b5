"""`sekisho rulebook explain`: what a rule or a code means, with its sources' sentences and its cases."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import click

from sekisho.cli.outcome import DONE, InputError
from sekisho.cli.rulebook import folder
from sekisho.cli.screen import Screen, stdout_screen
from sekisho.rulebook.case_model import CitedSentence, Undecided
from sekisho.rulebook.cases import Case
from sekisho.rulebook.compile import NOT_SOURCES
from sekisho.rulebook.families import FAMILIES, family_of
from sekisho.rulebook.handbook import Entry, Found, Handbook, answered, citations, open_handbook
from sekisho.rulebook.model_base import Bilingual
from sekisho.rulebook.model_rules import Rule
from sekisho.rulebook.packaged import sample_path
from sekisho.rulebook.problems import nearest

_SHOWN: Final = 12
"""Cases shown of one code; some stand in a hundred."""
_MARKS: Final = {"allow": ("✓ ", "green"), "deny": ("✗ ", "red")}


@click.command()
@click.argument("code")
@click.option("--lang", type=click.Choice(["ja", "en"]), help="One language alone; without it both.")
@click.option(
    "--rulebook",
    "path",
    type=click.Path(path_type=Path),
    help="The rulebook's folder; without it the sample.",
)
@click.option("--all", "every", is_flag=True, help=f"Every case, not {_SHOWN} of them.")
@click.option("--json", "as_json", is_flag=True, help="Print all of it as one JSON object.")
def explain(code: str, lang: str | None, path: Path | None, every: bool, as_json: bool) -> int:
    """Says what CODE means: a rule id, or a code of a reason, a basis, an obligation, a record.

    For each rule: what it says, whom its sources bind and with what weight, when it is in force, the message and the
    remedy of its codes; then the sentences of the sources that its cases cite, and what each case is answered.

    CODE may also be a place in a source ("SV 14(2)"; APPI, ER, GL, IBR, JP, SG, SV), or a sentence of one: then the
    rules and cases that rest on it are told, and what of it no request is decided by, with the reason.

    Exit codes: 0 explained, 1 the rulebook is wrong, 2 nothing is called CODE (the nearest names are told).

    \b
    Examples:
      sekisho rulebook explain WALL-8
      sekisho rulebook explain consent.expired --lang ja
      sekisho rulebook explain provision.opt_out --json | jq .cases
      sekisho rulebook explain "APPI 第27条第1項"
      sekisho rulebook explain "GL 3-5"
    """
    book = open_handbook(sample_path() if path is None else folder(path))
    found = book.find(code) or book.find(code.upper()) or book.find_source(code)
    if found is None:
        near = nearest(code, book.known()) or nearest(code.upper(), book.known())
        raise InputError(
            f'nothing in this rulebook is called "{code}"',
            near[:1].upper() + near[1:]
            if near
            else "Name a rule (WALL-8), a code (consent.expired) or a place (SV 14(2)).",
        )
    if as_json:
        click.echo(json.dumps(_document(book, found), ensure_ascii=False))
    else:
        _Page(stdout_screen(), book, ("ja", "en") if lang is None else (lang,)).show(found, every=every)
    return DONE


class _Page:
    """One explanation on the screen."""

    def __init__(self, screen: Screen, book: Handbook, languages: tuple[str, ...]) -> None:
        self._screen = screen
        self._book = book
        self._languages = languages

    def show(self, found: Found, *, every: bool) -> None:
        if found.kinds != ("rule",):
            self._screen.text(", ".join(found.kinds), first=f"{found.code}  ", lead="bold", style="dim")
        if found.record is not None:
            for language in self._languages:
                self._screen.text(getattr(found.record, language), indent=2)
            self._screen.text(found.record.citation, indent=2, style="dim")
        for rule in found.rules:
            self._rule(rule, [entry for entry in found.entries if entry.rule == rule])
            self._screen.line()
        if found.cases or not found.undecided:
            self._cases(found.cases, every=every)
        self._undecided(found.undecided)

    def _undecided(self, places: Iterable[Undecided]) -> None:
        for place in places:
            self._screen.text(
                ", ".join(place.sections), first=f"{place.document} ", lead="bold", style="yellow"
            )
            self._both(place.what, 2)
            self._both(place.why, 2, first="→ ")

    def _rule(self, rule: str, entries: Iterable[Entry]) -> None:
        stated, family = self._book.rules[rule], FAMILIES.get(family_of(rule))
        name = "" if family is None else f"{family.ja} {family.en}; "
        self._screen.text(f"{name}{_at(self._book.place(rule))}", first=f"{rule}  ", lead="bold", style="dim")
        self._both(stated.says, 2)
        self._screen.text(_in_force(stated), indent=2, style="dim")
        self._bound(citations(stated.sources, stated.otherwise), 2)
        for entry in entries:
            self._entry(entry, stated)

    def _entry(self, entry: Entry, stated: Rule) -> None:
        kind = entry.kind if entry.reason_kind in (None, "refused") else f"{entry.kind}, {entry.reason_kind}"
        self._screen.text(
            f"{kind}; {_at(entry.place)}", indent=2, first=f"{entry.code}  ", lead="bold", style="dim"
        )
        self._both(entry.message, 4)
        if entry.remedy is not None:
            self._both(entry.remedy, 4, first="→ ")
        if entry.sources != stated.sources or entry.otherwise != stated.otherwise:
            self._bound(citations(entry.sources, entry.otherwise), 4)

    def _both(self, text: Bilingual, indent: int, first: str = "") -> None:
        for language in self._languages:
            self._screen.text(getattr(text, language), indent=indent, first=first)

    def _bound(self, told: Iterable[tuple[str, str, str]], indent: int) -> None:
        for binds, severity, citation in told:
            self._screen.text(citation, indent=indent, first=f"{severity:<7}{binds:<11}", lead="dim")

    def _cases(self, cases: tuple[Case, ...], *, every: bool) -> None:
        if not cases:
            self._screen.text("no case", style="yellow")
            return
        self._screen.text(f"{len(cases)} case{'s' * (len(cases) != 1)}", style="bold")
        shown = cases if every else _some(cases)
        for cited, own in _by_sentence(shown):
            self._screen.text(
                f"「{cited.sentence}」", indent=2, first=f"{cited.document} {cited.section} ", lead="bold"
            )
            for case in own:
                self._case(case)
        if len(shown) < len(cases):
            self._screen.text(f"… and {len(cases) - len(shown)} more (--all)", indent=2, style="dim")

    def _case(self, case: Case) -> None:
        mark, style = _MARKS[case.expected.effect]
        title = " ".join(getattr(case.title, language) for language in self._languages)
        self._screen.text(f"{case.id} ({case.rule}): {title}", indent=4, first=mark, lead=style)
        self._screen.text(f"{answered(case)}  {NOT_SOURCES}/{case.place}", indent=6, style="dim")


def _some(cases: tuple[Case, ...]) -> list[Case]:
    """As many as are shown, of each effect half, so that both directions are seen."""
    left = dict.fromkeys(_MARKS, _SHOWN // 2)
    shown = []
    for case in cases:
        left[case.expected.effect] -= 1
        if left[case.expected.effect] >= 0:
            shown.append(case)
    return shown


def _by_sentence(cases: Iterable[Case]) -> Iterator[tuple[CitedSentence, list[Case]]]:
    grouped: dict[CitedSentence, list[Case]] = {}
    for case in cases:
        grouped.setdefault(case.source, []).append(case)
    yield from grouped.items()


def _at(place: tuple[str, int, int]) -> str:
    return f"{place[0]}:{place[1]}"


def _in_force(rule: Rule) -> str:
    if rule.effective_from is None and rule.effective_until is None:
        return "in force: always"
    first = "the beginning" if rule.effective_from is None else rule.effective_from.isoformat()
    last = "further notice" if rule.effective_until is None else rule.effective_until.isoformat()
    return f"in force: from {first} until {last}, both included"


def _document(book: Handbook, found: Found) -> dict[str, Any]:
    return {
        "code": found.code,
        "kinds": list(found.kinds),
        "record": None if found.record is None else found.record._asdict(),
        "rules": [_rule_document(book, rule) for rule in found.rules],
        "codes": [_entry_document(entry) for entry in found.entries],
        "cases": [_case_document(case) for case in found.cases],
        "undecided": [place.model_dump(mode="json") for place in found.undecided],
    }


def _rule_document(book: Handbook, rule: str) -> dict[str, Any]:
    stated = book.rules[rule]
    return {
        "rule": rule,
        "says": stated.says.model_dump(),
        "sources": _bindings(citations(stated.sources, stated.otherwise)),
        "effective_from": None if stated.effective_from is None else stated.effective_from.isoformat(),
        "effective_until": None if stated.effective_until is None else stated.effective_until.isoformat(),
        "at": _at(book.place(rule)),
    }


def _entry_document(entry: Entry) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "code": entry.code,
        "rule": entry.rule,
        "reason_kind": entry.reason_kind,
        "message": entry.message.model_dump(),
        "remedy": None if entry.remedy is None else entry.remedy.model_dump(),
        "sources": _bindings(citations(entry.sources, entry.otherwise)),
        "at": _at(entry.place),
    }


def _bindings(told: Iterable[tuple[str, str, str]]) -> list[dict[str, str]]:
    return [
        {"binds": binds, "severity": severity, "citation": citation} for binds, severity, citation in told
    ]


def _case_document(case: Case) -> dict[str, Any]:
    return {
        "case": case.id,
        "rule": case.rule,
        "direction": case.direction,
        "title": case.title.model_dump(),
        "source": case.source.model_dump(),
        "answer": answered(case),
        "at": f"{NOT_SOURCES}/{case.place}",
    }
