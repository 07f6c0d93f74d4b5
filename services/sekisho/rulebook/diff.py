"""What `sekisho rulebook diff A B` tells: which requests would now be answered otherwise and by which rule, what data
changed, and where only words did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sekisho.domain.book import Rulebook
from sekisho.rulebook import case_run
from sekisho.rulebook.answer_diff import Otherwise, otherwise
from sekisho.rulebook.cases import Case, expand, load_cases
from sekisho.rulebook.compile import NOT_SOURCES, LoadedRulebook
from sekisho.rulebook.families import in_order
from sekisho.rulebook.meaning import Change, changes, words

Answered = tuple[Mapping[str, Any], Mapping[str, Any] | None]


@dataclass(frozen=True)
class Asked:
    """A request put to both rulebooks; `ask` gives decision and record, None where it cannot be read."""

    name: str
    title: str
    where: str
    action: str
    ask: Callable[[Rulebook], Answered | None]


@dataclass(frozen=True)
class Changed:
    """A request that is answered otherwise."""

    asked: Asked
    answer: Otherwise


@dataclass(frozen=True)
class DiffReport:
    """What differs between two rulebooks. `asked` counts the requests that were put to both."""

    before: LoadedRulebook
    after: LoadedRulebook
    asked: int
    answers: tuple[Changed, ...]
    data: tuple[Change, ...]
    words: tuple[tuple[str, str | None, str | None], ...]

    @property
    def same(self) -> bool:
        """Whether nothing differs in meaning; words may."""
        return not self.answers and not self.data

    def by_rule(self) -> dict[str, int]:
        """How many answers each rule makes differ, in the rulebook's order."""
        counted = Counter(rule for changed in self.answers for rule in changed.answer.rules)
        return {rule: counted[rule] for rule in in_order(counted)}

    def by_effect(self) -> dict[tuple[str, str], int]:
        """How many answers go from which effect to which."""
        return dict(sorted(Counter(changed.answer.effect for changed in self.answers).items()))

    def as_dict(self) -> dict[str, Any]:
        """For a program (`--json`)."""
        return {
            "same": self.same,
            "before": {"version": self.before.book.version, "digest": self.before.book.digest},
            "after": {"version": self.after.book.version, "digest": self.after.book.digest},
            "asked": self.asked,
            "by_rule": self.by_rule(),
            "answers": [
                {
                    "name": each.asked.name,
                    "title": each.asked.title,
                    "where": each.asked.where,
                    "before": each.answer.effect[0],
                    "after": each.answer.effect[1],
                    "differences": list(each.answer.lines),
                    "rules": list(each.answer.rules),
                }
                for each in self.answers
            ],
            "data": [
                {"section": each.section, "entry": each.entry, "how": each.how, "details": list(each.details)}
                for each in self.data
            ],
            "words": [{"where": where, "before": old, "after": new} for where, old, new in self.words],
        }


def diff(before: LoadedRulebook, after: LoadedRulebook, asked: Iterable[Asked]) -> DiffReport:
    """Put every request to both rulebooks and compare the rulebooks themselves."""
    answers: list[Changed] = []
    count = 0
    for each in asked:
        old, new = each.ask(before.book), each.ask(after.book)
        if old is None or new is None:
            continue
        count += 1
        found = otherwise(old, new, each.action)
        if found is not None:
            answers.append(Changed(each, found))
    return DiffReport(
        before, after, count, tuple(answers),
        tuple(changes(before.book, after.book)), tuple(words(before.sources, after.sources)),
    )  # fmt: skip


def of_cases(before: Path, after: Path) -> list[Asked]:
    """The cases of both folders as requests: one that both have alike once, one that they have otherwise twice.

    Raises RulebookError for what is wrong with a file of cases, OSError.
    """
    old, new = _cases(before), _cases(after)
    return [
        *(_asked(case, before, suffix=" (as in the first)" * _differs(case, new)) for case in old.values()),
        *(
            _asked(case, after, suffix=" (as in the second)" * _differs(case, old))
            for case in new.values()
            if case.id not in old or _differs(case, old)
        ),
    ]


def _cases(folder: Path) -> dict[str, Case]:
    cases = folder / NOT_SOURCES
    return {case.id: case for case in load_cases(cases)} if cases.is_dir() else {}


def _differs(case: Case, others: Mapping[str, Case]) -> bool:
    other = others.get(case.id)
    return other is not None and (case.malformed, expand(case)) != (other.malformed, expand(other))


def _asked(case: Case, folder: Path, suffix: str) -> Asked:
    return Asked(
        f"{case.id}{suffix}",
        f"{case.title.ja} {case.title.en}",
        f"{folder / NOT_SOURCES}/{case.place}",
        str(case.request.get("action")),
        partial(case_run.answer_or_none, case),
    )
