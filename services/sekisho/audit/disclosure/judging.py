"""What becomes of each record: one category each, so that the operator's count is complete by construction.

The order of the questions is the law's: whose record it is, whether it is a 第三者提供記録 at all (APPI 33(5); Cabinet
Order 11; GL 3-8-3-1), whether it was asked for, and only then whether one of the grounds withholds it (33(2)).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple

from sekisho.audit.disclosure.given import (
    Exclusion,
    ExpiredRecord,
    KeptRecord,
    Organization,
    Period,
    Person,
    Statements,
    Withholding,
    WithoutDuty,
)
from sekisho.audit.disclosure.texts import refusal
from sekisho.audit.disclosure.wording import Category
from sekisho.contracts.provision_records import ProvisionRecord


class Stated(NamedTuple):
    """The statements on one record."""

    withheld: tuple[Withholding, ...] = ()
    excluded: Exclusion | None = None
    without_duty: WithoutDuty | None = None


class Judged(NamedTuple):
    """A record, kept or purged, and what becomes of it. `of_which` is the ground, kind, exemption or controller."""

    record_id: str
    category: Category
    of_which: str | None
    reason: str | None
    entry: KeptRecord | ExpiredRecord
    withheld: tuple[Withholding, ...] = ()

    @property
    def kept(self) -> KeptRecord | None:
        """The record with its content; None if it was purged."""
        return self.entry if isinstance(self.entry, KeptRecord) else None


class Case(NamedTuple):
    """What judges all records of one disclosure."""

    person: Person
    organization: Organization
    period: Period
    stated: Mapping[str, Stated]


def judged(case: Case, kept: Iterable[KeptRecord], expired: Iterable[ExpiredRecord]) -> tuple[Judged, ...]:
    """Every record with its category, in the order given.

    Raises DisclosureError: another person's record, one given twice, a statement on a record that was not given.
    """
    found = [_kept(case, each) for each in kept] + [_expired(case, each) for each in expired]
    seen: set[str] = set()
    for each in found:
        if each.record_id in seen:
            raise refusal("entry.doubled", record_id=each.record_id)
        seen.add(each.record_id)
    for record_id in case.stated:
        if record_id not in seen:
            raise refusal("statement.unknown_record", record_id=record_id)
    return tuple(found)


def statements_by_record(statements: Statements) -> dict[str, Stated]:
    """The statements of each record. Raises DisclosureError if two contradict or repeat each other."""
    found: dict[str, Stated] = {}
    for withholding in statements.withheld:
        so_far = found.get(withholding.record_id, Stated())
        found[withholding.record_id] = so_far._replace(withheld=(*so_far.withheld, withholding))
    for exclusion in statements.excluded:
        found[exclusion.record_id] = _alone(found, exclusion.record_id, Stated(excluded=exclusion))
    for written in statements.without_duty:
        found[written.record_id] = _alone(found, written.record_id, Stated(without_duty=written))
    for record_id, stated in found.items():
        _refuse_overlaps(record_id, stated.withheld)
    return found


def _alone(found: Mapping[str, Stated], record_id: str, stated: Stated) -> Stated:
    if record_id in found:
        raise refusal("statement.contradiction", record_id=record_id)
    return stated


def _refuse_overlaps(record_id: str, withheld: tuple[Withholding, ...]) -> None:
    particulars = [name for each in withheld for name in each.particulars]
    items = [item for each in withheld for item in each.items]
    whole = any(each.whole for each in withheld) and len(withheld) > 1
    twice = len(set(particulars)) < len(particulars) or len(set(items)) < len(items)
    if whole or twice or ("items" in particulars and items):
        raise refusal("statement.contradiction", record_id=record_id)


def _kept(case: Case, entry: KeptRecord) -> Judged:
    record = entry.record
    _refuse_others(case.person, record)
    stated = case.stated.get(record.record_id, Stated())
    apart = _no_disclosed_record(case, record, stated)
    if apart is not None:
        category, of_which, reason = apart
        return Judged(record.record_id, category, of_which, reason, entry)
    if not stated.withheld:
        return Judged(record.record_id, "disclosed", None, None, entry)
    first = stated.withheld[0]
    if first.whole:
        return Judged(record.record_id, "withheld", first.ground, first.reason, entry, stated.withheld)
    return Judged(record.record_id, "partly_withheld", None, None, entry, stated.withheld)


def _refuse_others(person: Person, record: ProvisionRecord) -> None:
    if record.subject is None:
        if record.basis != "referable.provision":
            raise refusal("entry.personless", record_id=record.record_id, basis=record.basis)
    elif record.subject.id != person.subject_id:
        raise refusal("entry.other_person", record_id=record.record_id)


def _no_disclosed_record(
    case: Case, record: ProvisionRecord, stated: Stated
) -> tuple[Category, str | None, str | None] | None:
    """Why this is no 第三者提供記録 that this organization was asked for; None if it is one."""
    if record.controller != case.organization.id:
        return "other_controller", record.controller, None
    if record.basis == "referable.provision":
        return "referable_provision", None, None
    if stated.excluded is not None:
        return "excluded", stated.excluded.kind, stated.excluded.reason
    if stated.without_duty is not None:
        return "without_duty", stated.without_duty.exemption, stated.without_duty.reason
    if record.subject is not None and record.subject.kind == "corporation":
        return "without_duty", "corporation", None
    if not _within(case.period, record):
        return "outside_period", None, None
    return None


def _within(period: Period, record: ProvisionRecord) -> bool:
    """Whether a day of provision lies in the period; a batch or contract that goes on reaches to the end of time."""
    first = min(record.first_provision or record.provided_on, record.provided_on)
    last = record.provided_on
    if record.method != "individual":
        last = max(record.last_provision or date.max, record.provided_on)
    return (period.last is None or first <= period.last) and (period.first is None or last >= period.first)


def _expired(case: Case, entry: ExpiredRecord) -> Judged:
    stated = case.stated.get(entry.record_id, Stated())
    if stated.withheld:
        raise refusal("statement.purged", record_id=entry.record_id)
    category: Category = "expired" if entry.disclosable else "expired_untold"
    of_which = reason = None
    if entry.controller is not None and entry.controller != case.organization.id:
        category, of_which = "other_controller", entry.controller
    elif stated.excluded is not None:
        category, of_which, reason = "excluded", stated.excluded.kind, stated.excluded.reason
    elif stated.without_duty is not None:
        category, of_which, reason = "without_duty", stated.without_duty.exemption, stated.without_duty.reason
    return Judged(entry.record_id, category, of_which, reason, entry)
