"""Disclosure to the person of the third-party-provision records about them (APPI 33(5); SV 20(5)-(7)).

Pure: given the request, the answer's particulars, the operator's statements and all that the ledger holds for the
person, it makes the notice for the person and the operator's count. It reads no ledger, no clock and no file but its
own texts. What the person must not be told of (Cabinet Order 11, `referable.provision`, what was written without a duty)
has no way into the notice: it is made of the told records alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sekisho.audit.disclosure.composing import composed, told_of
from sekisho.audit.disclosure.given import Answer, ExpiredRecord, KeptRecord, Request, Statements
from sekisho.audit.disclosure.judging import Case, Judged, judged, statements_by_record
from sekisho.audit.disclosure.notice import Notice, StatedRecord
from sekisho.audit.disclosure.particulars import Records
from sekisho.audit.disclosure.sheet import Sheet, counted, warnings
from sekisho.audit.disclosure.texts import refusal
from sekisho.audit.disclosure.visible import all_printed


class Disclosure(NamedTuple):
    """What goes to the person, and what stays with the operator."""

    notice: Notice
    sheet: Sheet


def disclose(
    request: Request,
    answer: Answer,
    statements: Statements,
    kept: Iterable[KeptRecord],
    expired: Iterable[ExpiredRecord],
    item_names: Mapping[str, str],
) -> Disclosure:
    """The disclosure of one person's records; `kept` and `expired` are all that the ledger has for that person.

    `item_names` are the Japanese names of the data items. Raises DisclosureError: no living individual, another person's
    record, statements that do not fit the records, days or methods that do not fit each other.
    """
    _refuse_unfit(request, answer)
    stated = statements_by_record(statements)
    case = Case(request.person, answer.organization, request.period, stated)
    found = judged(case, kept, expired)
    told = told_of(found, _records(answer, found), item_names)
    notice = composed(request, answer, found, told)
    looked_at = warnings(request, answer, statements, found, told, _not_displayable(notice))
    return Disclosure(notice, counted(request, answer, found, notice.outcome, looked_at))


def _refuse_unfit(request: Request, answer: Answer) -> None:
    person, period = request.person, request.period
    if person.kind != "individual":
        raise refusal("person.not_individual")
    if not person.living:
        raise refusal("person.not_living")
    if request.asker.capacity != "person" and request.asker.name is None:
        raise refusal("asker.unnamed")
    if not request.received_on <= answer.as_of <= answer.issued_on:
        raise refusal(
            "dates.order", received=request.received_on, as_of=answer.as_of, issued=answer.issued_on
        )
    if period.first is not None and period.last is not None and period.first > period.last:
        raise refusal("period.order", first=period.first, last=period.last)
    _refuse_method(request, answer)


def _refuse_method(request: Request, answer: Answer) -> None:
    """Another method than the one asked for only where that is difficult, then by document, and told (APPI 33(2)(3))."""
    if answer.method == request.method:
        if answer.method_difficulty is not None:
            raise refusal("method.reason_unneeded")
    elif answer.method_difficulty is None:
        raise refusal("method.reason_missing")
    elif answer.method != "document":
        raise refusal("method.not_document")


def _records(answer: Answer, found: Sequence[Judged]) -> Records:
    """This organization's kept records, that others may refer to."""
    own = [
        each
        for each in found
        if each.kept is not None and each.kept.record.controller == answer.organization.id
    ]
    return Records(
        {each.record_id: each.kept.record for each in own if each.kept is not None},
        {each.record_id: each.withheld for each in own if each.withheld},
    )


def _not_displayable(notice: Notice) -> list[str]:
    return [each.record_id for each in (*notice.provisions, *notice.receipts) if not all(_texts_shown(each))]


def _texts_shown(record: StatedRecord) -> Iterable[bool]:
    for each in record.particulars:
        yield from (all_printed(value) for value in each.values)
