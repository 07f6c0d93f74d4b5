"""Makes the notice of the records that the person is told of, and of nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date

from sekisho.audit.disclosure.given import Answer, ExpiredRecord, KeptRecord, Request, Withholding
from sekisho.audit.disclosure.japanese import day
from sekisho.audit.disclosure.judging import Judged
from sekisho.audit.disclosure.notice import (
    FORMAT,
    Addressee,
    Decision,
    Notice,
    NoticeContact,
    NoticeCounts,
    NoticeOrganization,
    NoticeRequest,
    NoticeSubject,
    PurgedRecord,
    StatedParticular,
    StatedRecord,
    WithheldRecord,
)
from sekisho.audit.disclosure.particulars import Records, Told, day_withheld, direction_of, particulars
from sekisho.audit.disclosure.texts import names, notice_wording
from sekisho.audit.disclosure.wording import TOLD, Direction, Outcome
from sekisho.contracts.provision_records import ProvisionRecord
from sekisho.domain.calendar import tokyo_day


def composed(
    request: Request, answer: Answer, all_judged: Iterable[Judged], told: Mapping[str, tuple[Told, ...]]
) -> Notice:
    """The notice. `told` holds the particulars of each record that is disclosed, in whole or part."""
    judged = [each for each in all_judged if each.category in TOLD]
    counts = _counts(judged)
    return Notice(
        format=FORMAT,
        type="sekisho.disclosure.notice",
        language="ja",
        title=notice_wording().title,
        document_id=answer.document_id,
        issued_on=answer.issued_on,
        as_of=answer.as_of,
        outcome=_outcome(counts),
        addressee=Addressee(capacity=request.asker.capacity, name=_asker_name(request)),
        subject=NoticeSubject(id=request.person.subject_id, name=request.person.name),
        request=NoticeRequest(
            received_on=request.received_on,
            method=request.method,
            period_first=request.period.first,
            period_last=request.period.last,
        ),
        organization=_organization(answer),
        method=answer.method,
        method_difficulty=answer.method_difficulty,
        statement=tuple(_statement(request, answer, counts)),
        counts=counts,
        provisions=_listed("provision", judged, told),
        receipts=_listed("receipt", judged, told),
        withheld=_withheld(judged),
        expired=_expired(judged),
        ledger_reference=answer.ledger_reference,
    )


def told_of(
    judged: Iterable[Judged], records: Records, item_names: Mapping[str, str]
) -> dict[str, tuple[Told, ...]]:
    """The particulars of each record that is disclosed, by its id. Raises DisclosureError (particulars.py)."""
    return {
        each.record_id: particulars(each.kept, each.withheld, records, item_names)
        for each in judged
        if each.kept is not None and each.category in ("disclosed", "partly_withheld")
    }


def _organization(answer: Answer) -> NoticeOrganization:
    told = answer.organization
    return NoticeOrganization(
        id=told.id,
        name=told.name,
        address=told.address,
        representative=told.representative,
        calls_itself=told.calls_itself,
        contact=NoticeContact(**told.contact.model_dump()),
    )


def _asker_name(request: Request) -> str | None:
    return request.person.name if request.asker.capacity == "person" else request.asker.name


def _counts(judged: Iterable[Judged]) -> NoticeCounts:
    found = Counter(each.category for each in judged)
    return NoticeCounts(
        records=found.total() - found["expired"],
        disclosed=found["disclosed"],
        partly_withheld=found["partly_withheld"],
        withheld=found["withheld"],
        expired=found["expired"],
    )


def _outcome(counts: NoticeCounts) -> Outcome:
    if not counts.records:
        return "none"
    if counts.disclosed == counts.records:
        return "disclosed"
    return "withheld" if counts.withheld == counts.records else "partly_withheld"


def _statement(request: Request, answer: Answer, counts: NoticeCounts) -> list[str]:
    """What the answer says, with what APPI 33(3) and 36 want to be told."""
    words, outcome, itself = notice_wording(), _outcome(counts), answer.organization.calls_itself
    told = [
        words.answer[outcome].format(
            count=counts.records,
            whole=counts.disclosed,
            part=counts.partly_withheld,
            withheld=counts.withheld,
            self=itself,
        )
    ]
    if outcome == "none":
        told += [words.none_notified, words.none_reason.format(as_of=day(answer.as_of), self=itself)]
    elif outcome != "disclosed":
        told.append(words.withheld_notified)
    if counts.expired:
        told.append(words.expired_mentioned.format(count=counts.expired))
    if answer.method_difficulty is not None:
        asked = names().disclosure_methods[request.method].format(self=itself)
        told += [
            words.method_difficult.format(asked=asked),
            words.method_reason.format(reason=answer.method_difficulty),
        ]
    return told


def _listed(
    direction: Direction, judged: Iterable[Judged], told: Mapping[str, tuple[Told, ...]]
) -> tuple[StatedRecord, ...]:
    """By the day of provision; those whose day is withheld last, since their place would tell it."""
    kept = [
        (each.kept, each.withheld)
        for each in judged
        if each.record_id in told and each.kept is not None and direction_of(each.kept.record) == direction
    ]
    kept.sort(key=lambda each: _place(*each))
    return tuple(
        _stated(number, entry, withheld, told[entry.record.record_id])
        for number, (entry, withheld) in enumerate(kept, start=1)
    )


def _place(entry: KeptRecord, withheld: tuple[Withholding, ...]) -> tuple[bool, date, str]:
    hidden = day_withheld(withheld)
    return hidden, date.min if hidden else entry.record.provided_on, entry.record.record_id


def _stated(
    number: int, entry: KeptRecord, withheld: tuple[Withholding, ...], told: tuple[Told, ...]
) -> StatedRecord:
    record, hidden, called = entry.record, day_withheld(withheld), names()
    direction, method = direction_of(record), called.methods[record.method]
    assert record.basis != "referable.provision"
    basis = called.bases[record.basis]
    retention = called.retention[record.method]
    return StatedRecord(
        number=number,
        record_id=record.record_id,
        basis=record.basis,
        basis_name=basis.name,
        article=basis.article,
        method=record.method,
        method_name=method.name,
        method_article=method.provision if direction == "provision" else method.receipt,
        provided_on=None if hidden else record.provided_on,
        created_on=None if hidden else tokyo_day(record.created_at),
        particulars=tuple(_particular(record, each) for each in told),
        retain_until=None if hidden else _retained(entry),
        retention_article=retention.provision if direction == "provision" else retention.receipt,
        proof=None if hidden else entry.proof,
    )


def _retained(entry: KeptRecord) -> date | None:
    """The later of what the record says and what the ledger has prolonged it to: never shortened."""
    if entry.open_ended:
        return None
    ends = [each for each in (entry.record.retain_until, entry.retain_until) if each is not None]
    return max(ends, default=None)


def _particular(record: ProvisionRecord, told: Told) -> StatedParticular:
    called = names()
    label = called.particulars[direction_of(record)][told.name]
    if told.name == "items" and record.basis == "referable.receipt":
        label = called.referable_items
    return StatedParticular(
        particular=told.name,
        label=label,
        values=told.values,
        items_withheld=told.items_withheld,
        withheld=tuple(_decision(each) for each in told.withheld),
    )


def _decision(withholding: Withholding) -> Decision:
    ground = names().grounds[withholding.ground]
    return Decision(
        ground=withholding.ground, article=ground.article, text=ground.text, reason=withholding.reason
    )


def _withheld(judged: Iterable[Judged]) -> tuple[WithheldRecord, ...]:
    """By their ids: another order would tell of their days."""
    whole = sorted((each for each in judged if each.category == "withheld"), key=lambda each: each.record_id)
    return tuple(
        WithheldRecord(number=number, record_id=each.record_id, decision=_decision(each.withheld[0]))
        for number, each in enumerate(whole, start=1)
    )


def _expired(judged: Iterable[Judged]) -> tuple[PurgedRecord, ...]:
    purged = [
        each.entry for each in judged if each.category == "expired" and isinstance(each.entry, ExpiredRecord)
    ]
    purged.sort(key=lambda each: (each.created_on, each.record_id))
    return tuple(
        PurgedRecord(
            number=number, record_id=each.record_id, created_on=each.created_on, purged_on=each.purged_on
        )
        for number, each in enumerate(purged, start=1)
    )
