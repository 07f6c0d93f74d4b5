"""The rulebook as a handbook: each rule with its data, its codes and its cases, found by rule, by code and by source.

`sekisho rulebook explain` and the pages of docs/rules are written from it, so both say the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sekisho.rulebook.case_model import DOCUMENTS, CitedSentence, Undecided
from sekisho.rulebook.cases import Case, load_cases, load_undecided
from sekisho.rulebook.compile import NOT_SOURCES, LoadedRulebook, load
from sekisho.rulebook.coverage import codes_named
from sekisho.rulebook.families import in_order
from sekisho.rulebook.model_base import Bilingual
from sekisho.rulebook.model_rules import Citation, ReasonSource, Rule
from sekisho.rulebook.problems import Place
from sekisho.rulebook.record_terms import RECORD_BASES, RECORD_EXEMPTIONS, RecordTerm
from sekisho.rulebook.sources import Places, validate
from sekisho.rulebook.wanted import Wanted

Kind = Literal["source", "rule", "reason", "basis", "obligation", "record basis", "record exemption"]


@dataclass(frozen=True)
class Entry:
    """What one rule says of a code: a reason, a basis or an obligation."""

    kind: Kind
    code: str
    rule: str
    message: Bilingual
    remedy: Bilingual | None
    sources: tuple[Citation, ...]
    otherwise: str | None
    place: Place
    reason_kind: str | None = None


@dataclass(frozen=True)
class Found:
    """What a code means: as a rule, as the entries of rules, or as a term of records; and the cases that show it."""

    code: str
    kinds: tuple[Kind, ...]
    rules: tuple[str, ...]
    entries: tuple[Entry, ...]
    record: RecordTerm | None
    cases: tuple[Case, ...]
    undecided: tuple[Undecided, ...] = ()
    """Of a place in a source: what there is that no request is decided by."""


@dataclass(frozen=True)
class Handbook:
    """A rulebook with its cases (none where its folder has no `cases`)."""

    loaded: LoadedRulebook
    places: Places
    cases: tuple[Case, ...]
    undecided: tuple[Undecided, ...] = ()

    @property
    def rules(self) -> Mapping[str, Rule]:
        """The rules as data, in the rulebook's order."""
        stated = self.loaded.sources.rules
        return {rule: stated[rule] for rule in in_order(stated)}

    def place(self, rule: str) -> Place:
        """Where a rule stands."""
        return self.places.of(("rules", rule))

    def cases_of(self, rule: str) -> list[Case]:
        """The cases that are there to show a rule: those that refuse first."""
        return sorted(
            (case for case in self.cases if case.rule == rule), key=lambda case: case.direction != "deny"
        )

    def entries(self, rule: str) -> list[Entry]:
        """The codes of a rule: reasons, then bases, then obligations, as they stand in the file."""
        stated = self.loaded.sources.rules[rule]
        found = [self._reason(rule, stated, code, source) for code, source in stated.reasons.items()]
        found += [self._told(rule, stated, "basis", code, text) for code, text in stated.bases.items()]
        found += [
            self._told(rule, stated, "obligation", code, text) for code, text in stated.obligations.items()
        ]
        return found

    def _reason(self, rule: str, stated: Rule, code: str, source: ReasonSource) -> Entry:
        own = source.sources is not None
        return Entry(
            "reason", code, rule, source.message, source.remedy,
            source.sources if source.sources is not None else stated.sources,
            source.otherwise if own else stated.otherwise,
            self.places.of(("rules", rule, "reasons", code)), source.kind,
        )  # fmt: skip

    def _told(
        self, rule: str, stated: Rule, kind: Literal["basis", "obligation"], code: str, text: Bilingual
    ) -> Entry:
        part = "bases" if kind == "basis" else "obligations"
        place = self.places.of(("rules", rule, part, code))
        return Entry(kind, code, rule, text, None, stated.sources, stated.otherwise, place)

    def known(self) -> list[str]:
        """Everything that `find` knows: rule ids, codes, record bases and exemptions."""
        codes = {entry.code for rule in self.rules for entry in self.entries(rule)}
        return [*self.rules, *sorted(codes | {*RECORD_BASES, *RECORD_EXEMPTIONS})]

    def find(self, code: str) -> Found | None:
        """What a rule id, a code, or a term of records means here; None where nothing bears that name."""
        if code in self.rules:
            entries = tuple(self.entries(code))
            return Found(code, ("rule",), (code,), entries, None, tuple(self.cases_of(code)))
        entries = tuple(entry for rule in self.rules for entry in self.entries(rule) if entry.code == code)
        kinds: list[Kind] = list(dict.fromkeys(entry.kind for entry in entries))
        record = RECORD_BASES.get(code) or RECORD_EXEMPTIONS.get(code)
        if record is not None:
            kinds.append("record basis" if code in RECORD_BASES else "record exemption")
        if not kinds:
            return None
        rules = tuple(dict.fromkeys(entry.rule for entry in entries))
        return Found(code, tuple(kinds), rules, entries, record, tuple(self.cases_with(code)))

    def find_source(self, text: str) -> Found | None:
        """The rules and cases that rest on a place in a source (`SV 14(2)`), or on a sentence or a part of it.

        A text longer than what is cited finds it too: a whole paragraph may be given. Of a place that no request is
        decided by, why. None where nothing is known of it.
        """
        place = Wanted.read(text)
        cases = tuple(case for case in self.cases if place.carries(case.source))
        rules = [
            rule
            for rule, stated in self.rules.items()
            if any(place.is_cited_in(citation) for _, _, citation in self._citations(rule, stated))
        ]
        undecided = tuple(
            each
            for each in self.undecided
            if any(place.reaches(each.document, section) for section in each.sections)
        )
        if not cases and not rules and not undecided:
            return None
        decided = in_order((*rules, *(case.rule for case in cases)))
        return Found(text, ("source",), tuple(decided), (), None, cases, undecided)

    def _citations(self, rule: str, stated: Rule) -> list[tuple[str, str, str]]:
        told = citations(stated.sources, stated.otherwise)
        for entry in self.entries(rule):
            told += citations(entry.sources, entry.otherwise)
        return told

    def cases_with(self, code: str) -> Iterator[Case]:
        """The cases in whose answer a code stands."""
        return (case for case in self.cases if code in codes_in(case))

    def by_source(self) -> dict[str, dict[str, dict[CitedSentence, list[Case]]]]:
        """Document → section → sentence → cases; documents and sections as they would be read."""
        found: dict[str, dict[str, dict[CitedSentence, list[Case]]]] = {}
        for case in sorted(self.cases, key=lambda each: _place_in_sources(each.source)):
            sections = found.setdefault(case.source.document, {})
            sections.setdefault(case.source.section, {}).setdefault(case.source, []).append(case)
        return found


def _place_in_sources(cited: CitedSentence) -> tuple[int, list[tuple[int, int, str]], str]:
    return DOCUMENTS.index(cited.document), natural(cited.section), cited.sentence


def open_handbook(path: Path) -> Handbook:
    """The handbook of a rulebook folder. Raises RulebookError (file, line), OSError."""
    loaded = load(path)
    folder = path / NOT_SOURCES
    cases = load_cases(folder) if folder.is_dir() else []
    undecided = load_undecided(folder) if folder.is_dir() else []
    return Handbook(loaded, validate(loaded.texts).places, tuple(cases), tuple(undecided))


def codes_in(case: Case) -> set[str]:
    """Every code of a case's expected answer: reasons, bases, obligations, failed clauses, record basis, exemption."""
    named = codes_named(case)
    if case.record is not None:
        named.add(str(case.record.get("basis")))
    return named | ({case.expected.record_exemption} if case.expected.record_exemption is not None else set())


def answered(case: Case) -> str:
    """A case's expected answer in one line: the effect, what it rests on or why not, what is owed and left behind."""
    expected = case.expected
    told = list(expected.reasons)
    if not told:
        told = sorted(
            {code for each in expected.items for item in each.values() for code in item.allow or ()}
        )
    told += [f"owes {each}" for each in expected.obligations]
    if case.record is not None:
        told.append(f"record {case.record.get('basis')} ({case.record.get('method')})")
    if expected.record_exemption is not None:
        told.append(f"no record: {expected.record_exemption}")
    return f"{expected.effect}: {', '.join(told)}" if told else expected.effect


def citations(sources: Iterable[Citation], otherwise: str | None) -> list[tuple[str, str, str]]:
    """(whom it binds, severity, citation), for whom no source binds last (as policy)."""
    told: list[tuple[str, str, str]] = [
        (source.binds, source.severity, source.citation) for source in sources
    ]
    return [*told, ("others", "policy", otherwise)] if otherwise is not None else told


def natural(text: str) -> list[tuple[int, int, str]]:
    """A sort key by which 2 comes before 10."""
    parts: list[tuple[int, int, str]] = []
    number = ""
    for character in [*text, ""]:
        if character.isdecimal():
            number += character
            continue
        if number:
            parts.append((0, int(number), ""))
            number = ""
        parts.append((1, 0, character))
    return parts
