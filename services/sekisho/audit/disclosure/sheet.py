"""The operator's own count: every record that the ledger gave, with what became of it and why.

It tells of records that the person must not be told of, so it never goes out with the notice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Literal

from sekisho.audit.disclosure.given import (
    Answer,
    Capacity,
    ExcludedKind,
    ExpiredRecord,
    Ground,
    Request,
    Statements,
)
from sekisho.audit.disclosure.judging import Judged
from sekisho.audit.disclosure.notice import FORMAT, Document
from sekisho.audit.disclosure.particulars import Told
from sekisho.audit.disclosure.texts import sheet_wording
from sekisho.audit.disclosure.wording import Both, Category, Outcome, SheetWarnings
from sekisho.domain.vocabulary import RecordBasis, RecordExemption, RecordMethod, values

WarningCode = Literal[
    "not_verified", "incomplete", "without_effect", "not_displayable", "expired_undecided", "days_passed"
]


class WithheldPart(Document):
    """A decision on a record, or on a part of it."""

    ground: Ground
    reason: str
    whole: bool
    particulars: tuple[str, ...]
    items: tuple[str, ...]


class SheetEntry(Document):
    """One record."""

    record_id: str
    category: Category
    of_which: str | None
    """The ground, the kind, the exemption or the controller."""
    reason: str | None
    """As the operator stated it."""
    kept: bool
    """Whether its content is still there."""
    basis: RecordBasis | None
    method: RecordMethod | None
    provided_on: date | None
    withheld: tuple[WithheldPart, ...]


class SheetCounts(Document):
    """How many records fell where; the categories add up to `total`."""

    total: int
    kept: int
    purged: int
    categories: dict[Category, int]
    """Every category, also those with none."""
    withheld_by_ground: dict[Ground, int]
    """Of the records withheld in whole."""
    partly_withheld_by_ground: dict[Ground, int]
    """Of the records withheld in part; one that is withheld on two grounds counts under both."""
    excluded_by_kind: dict[ExcludedKind, int]
    without_duty_by_exemption: dict[RecordExemption, int]
    """Only those that occur."""
    other_controllers: dict[str, int]
    """Only those that occur."""


class SheetWarning(Document):
    """Something that the operator should look at."""

    code: WarningCode
    ja: str
    en: str
    record_ids: tuple[str, ...]


class Sheet(Document):
    """The operator's count sheet."""

    format: Literal[1]
    type: Literal["sekisho.disclosure.sheet"]
    document_id: str
    organization: str
    subject_id: str
    capacity: Capacity
    verified_by: str | None
    received_on: date
    issued_on: date
    days: int
    """From the request to the answer."""
    as_of: date
    outcome: Outcome
    ledger_reference: str | None
    counts: SheetCounts
    entries: tuple[SheetEntry, ...]
    """Those that the person is told of first, then the others; within a category by id."""
    warnings: tuple[SheetWarning, ...]


def counted(
    request: Request,
    answer: Answer,
    judged: Sequence[Judged],
    outcome: Outcome,
    warnings: Iterable[SheetWarning],
) -> Sheet:
    """The sheet of all records."""
    order = {category: place for place, category in enumerate(values(Category))}
    entries = sorted(judged, key=lambda each: (order[each.category], each.record_id))
    return Sheet(
        format=FORMAT,
        type="sekisho.disclosure.sheet",
        document_id=answer.document_id,
        organization=answer.organization.id,
        subject_id=request.person.subject_id,
        capacity=request.asker.capacity,
        verified_by=request.asker.verified_by,
        received_on=request.received_on,
        issued_on=answer.issued_on,
        days=(answer.issued_on - request.received_on).days,
        as_of=answer.as_of,
        outcome=outcome,
        ledger_reference=answer.ledger_reference,
        counts=_counts(judged),
        entries=tuple(_entry(each) for each in entries),
        warnings=tuple(warnings),
    )


def _entry(judged: Judged) -> SheetEntry:
    record = None if judged.kept is None else judged.kept.record
    return SheetEntry(
        record_id=judged.record_id,
        category=judged.category,
        of_which=judged.of_which,
        reason=judged.reason,
        kept=record is not None,
        basis=None if record is None else record.basis,
        method=None if record is None else record.method,
        provided_on=None if record is None else record.provided_on,
        withheld=tuple(
            WithheldPart(
                ground=each.ground,
                reason=each.reason,
                whole=each.whole,
                particulars=each.particulars,
                items=each.items,
            )
            for each in judged.withheld
        ),
    )


def _counts(judged: Sequence[Judged]) -> SheetCounts:
    found = Counter(each.category for each in judged)
    kept = sum(each.kept is not None for each in judged)
    grounds: tuple[Ground, ...] = values(Ground)  # type: ignore[assignment]
    kinds: tuple[ExcludedKind, ...] = values(ExcludedKind)  # type: ignore[assignment]
    categories: tuple[Category, ...] = values(Category)  # type: ignore[assignment]
    exemptions: tuple[RecordExemption, ...] = values(RecordExemption)  # type: ignore[assignment]
    whole, partly = _of_which(judged, "withheld"), _partly_by_ground(judged)
    excluded, written = _of_which(judged, "excluded"), _of_which(judged, "without_duty")
    return SheetCounts(
        total=len(judged),
        kept=kept,
        purged=len(judged) - kept,
        categories={each: found[each] for each in categories},
        withheld_by_ground={each: whole[each] for each in grounds},
        partly_withheld_by_ground={each: partly[each] for each in grounds},
        excluded_by_kind={each: excluded[each] for each in kinds},
        without_duty_by_exemption={each: written[each] for each in exemptions if written[each]},
        other_controllers=dict(sorted(_of_which(judged, "other_controller").items())),
    )


def _of_which(judged: Iterable[Judged], category: Category) -> Counter[str]:
    return Counter(each.of_which for each in judged if each.category == category and each.of_which)


def _partly_by_ground(judged: Iterable[Judged]) -> Counter[str]:
    return Counter(
        ground
        for each in judged
        if each.category == "partly_withheld"
        for ground in {withholding.ground for withholding in each.withheld}
    )


def warnings(
    request: Request,
    answer: Answer,
    statements: Statements,
    judged: Sequence[Judged],
    told: Mapping[str, tuple[Told, ...]],
    not_displayable: Iterable[str],
) -> tuple[SheetWarning, ...]:
    """What the operator should look at before the letter goes out."""
    words = sheet_wording().warnings
    found: list[SheetWarning] = []
    if request.asker.verified_by is None:
        found.append(_warning("not_verified", words))
    for code, record_ids in (
        ("incomplete", sorted(id_ for id_, each in told.items() if any(one.absent for one in each))),
        ("without_effect", _without_effect(statements, judged)),
        ("not_displayable", sorted(not_displayable)),
        ("expired_undecided", _of_unknown_controller(judged)),
    ):
        if record_ids:
            found.append(_warning(code, words, tuple(record_ids)))  # type: ignore[arg-type]
    days = (answer.issued_on - request.received_on).days
    if days:
        found.append(_warning("days_passed", words, days=days))
    return tuple(found)


def _warning(
    code: WarningCode, words: SheetWarnings, record_ids: tuple[str, ...] = (), **told: object
) -> SheetWarning:
    text: Both = getattr(words, code)
    return SheetWarning(
        code=code, ja=text.ja.format(**told), en=text.en.format(**told), record_ids=record_ids
    )


def _without_effect(statements: Statements, judged: Iterable[Judged]) -> list[str]:
    """Statements on records that are not disclosed anyway, for another reason."""
    withheld = {each.record_id for each in statements.withheld}
    apart = {each.record_id for each in statements.excluded}
    apart |= {each.record_id for each in statements.without_duty}
    return sorted(
        each.record_id
        for each in judged
        if (each.record_id in withheld and not each.withheld)
        or (each.record_id in apart and each.category not in ("excluded", "without_duty"))
    )


def _of_unknown_controller(judged: Iterable[Judged]) -> list[str]:
    return sorted(
        each.record_id
        for each in judged
        if isinstance(each.entry, ExpiredRecord) and each.entry.controller is None
    )
