"""What one record states, in the law's order and the notice's words (ER 20(1), 24(1)), and which of it is withheld.

What a withheld particular would be told by is left out with it: the day also stands behind the retention's end, the day
of creation and the place in the ledger; the country behind the recipient's address.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from sekisho.audit.disclosure.given import KeptRecord, Particular, Withholding
from sekisho.audit.disclosure.japanese import day
from sekisho.audit.disclosure.texts import notice_wording, refusal
from sekisho.audit.disclosure.wording import Direction
from sekisho.contracts.provision_records import ProvisionRecord
from sekisho.domain.question import HOME

_SIDE: Final[tuple[Particular, ...]] = (
    "counterparty_name",
    "counterparty_address",
    "counterparty_representative",
)
_ROWS: Final[Mapping[str, tuple[Particular, ...]]] = {
    "provision.consent": ("date", "consent", *_SIDE, "person", "items"),
    "provision.opt_out": ("date", *_SIDE, "person", "items"),
    "provision.foreign_consent": ("date", "consent", *_SIDE, "person", "items"),
    "receipt.consent": ("date", "consent", *_SIDE, "acquisition", "person", "items"),
    "receipt.opt_out": ("date", *_SIDE, "acquisition", "person", "items", "ppc_publication"),
    "receipt.private": ("date", *_SIDE, "acquisition", "person", "items"),
    "referable.receipt": ("date", "consent", "foreign_information", *_SIDE, "person", "items"),
}
"""Rows of records.md's first table, with the day that every record keeps."""


class Told(NamedTuple):
    """One particular as it is told; `withheld` holds the decision on it, or those on some of its items."""

    name: Particular
    values: tuple[str, ...]
    withheld: tuple[Withholding, ...]
    items_withheld: int = 0
    absent: bool = False
    """The law wants it and the record has none."""


class Records(NamedTuple):
    """The records that one may refer to (ER 20(2), 24(2)), and what is withheld of them."""

    by_id: Mapping[str, ProvisionRecord]
    withheld: Mapping[str, tuple[Withholding, ...]]


def direction_of(record: ProvisionRecord) -> Direction:
    """Whether data were given away or received; referable information is recorded as received (ER 24(1)(iii))."""
    return "provision" if record.basis.startswith("provision.") else "receipt"


def particulars(
    entry: KeptRecord, withheld: tuple[Withholding, ...], records: Records, item_names: Mapping[str, str]
) -> tuple[Told, ...]:
    """What the record states. Raises DisclosureError if what is to be withheld is not there, or is withheld elsewhere."""
    record = entry.record
    rows = tuple(_rows(record, records))
    _refuse_unknown(record, withheld, rows, records)
    return tuple(_told(record, name, withheld, records, item_names) for name in rows)


def day_withheld(withheld: tuple[Withholding, ...]) -> bool:
    """Whether the day of provision is withheld, and with it all that tells it."""
    return _of(withheld, "date") is not None


def _rows(record: ProvisionRecord, records: Records) -> Iterator[Particular]:
    """The particulars of the record's basis that can be there: no address of many, no representative of a private person."""
    for name in _ROWS[record.basis]:
        many = record.counterparty.unspecified_many and name in _SIDE[1:]
        private = name == "counterparty_representative" and record.basis == "receipt.private"
        home = name == "foreign_information" and record.foreign is None
        if not (many or home or (private and not _values(record, name, records, {})[0])):
            yield name


def _refuse_unknown(
    record: ProvisionRecord, withheld: tuple[Withholding, ...], rows: tuple[Particular, ...], records: Records
) -> None:
    items = _source(record, "items", records).items
    for each in withheld:
        strange: list[str] = [name for name in each.particulars if name not in rows]
        strange += [item for item in each.items if item not in items]
        if strange:
            raise refusal("statement.no_such_particular", record_id=record.record_id, what=strange[0])


def _of(withheld: tuple[Withholding, ...], name: Particular) -> Withholding | None:
    return next((each for each in withheld if name in each.particulars), None)


def _told(
    record: ProvisionRecord,
    name: Particular,
    withheld: tuple[Withholding, ...],
    records: Records,
    item_names: Mapping[str, str],
) -> Told:
    decision = _of(withheld, name)
    if decision is not None:
        return Told(name, (), (decision,))
    on_items = tuple(each for each in withheld if each.items and name == "items")
    left_out = frozenset(item for each in on_items for item in each.items)
    values, source = _values(record, name, records, item_names, left_out)
    _refuse_taken(record, name, source, left_out, records)
    if not values and not on_items:
        return Told(name, (notice_wording().value.absent,), (), absent=True)
    return Told(name, values, on_items, len(left_out))


def _refuse_taken(
    record: ProvisionRecord,
    name: Particular,
    source: ProvisionRecord,
    left_out: frozenset[str],
    records: Records,
) -> None:
    """What is withheld of a record must not come out by another that refers to it without a decision of its own."""
    if source is record:
        return
    for each in records.withheld.get(source.record_id, ()):
        if (
            each.whole
            or name in each.particulars
            or (name == "items" and not left_out.issuperset(each.items))
        ):
            raise refusal("statement.referred", record_id=record.record_id, what=name, other=source.record_id)


def _source(record: ProvisionRecord, name: Particular, records: Records) -> ProvisionRecord:
    """The record that states it: this one, or the kept one that it refers to instead of repeating it (ER 20(2))."""
    found, seen = record, {record.record_id}
    while not _states(found, name):
        referred = records.by_id.get(found.refers_to or "")
        if referred is None or referred.record_id in seen:
            return record
        seen.add(referred.record_id)
        found = referred
    return found


def _states(record: ProvisionRecord, name: Particular) -> bool:
    other = record.counterparty
    stated: Mapping[Particular, object] = {
        "consent": record.consent,
        "foreign_information": record.foreign,
        "counterparty_name": other.name or other.unspecified_many,
        "counterparty_address": other.address or other.unspecified_many,
        "counterparty_representative": other.representative or other.unspecified_many,
        "acquisition": record.acquisition,
        "items": record.items,
        "ppc_publication": record.ppc_publication,
    }
    return bool(stated.get(name, True))


def _values(
    record: ProvisionRecord,
    name: Particular,
    records: Records,
    item_names: Mapping[str, str],
    left_out: frozenset[str] = frozenset(),
) -> tuple[tuple[str, ...], ProvisionRecord]:
    """The lines of a particular, and the record that states it; no lines where none does."""
    words, source = notice_wording().value, _source(record, name, records)
    other = source.counterparty
    if name == "date":
        return _days(record), record
    if name == "person":
        return _some(words.person.format(id=record.subject.id) if record.subject else None), record
    if name == "items":
        return tuple(item_names.get(each, each) for each in source.items if each not in left_out), source
    if name == "counterparty_name" and other.unspecified_many:
        return (words.unspecified_many,), source
    if name == "foreign_information":
        return (words.foreign_information,), source
    texts: Mapping[Particular, str | None] = {
        "consent": None if source.consent is None else source.consent.statement,
        "counterparty_name": other.name,
        "counterparty_address": _address(source),
        "counterparty_representative": other.representative,
        "acquisition": source.acquisition,
        "ppc_publication": source.ppc_publication,
    }
    return _some(texts[name]), source


def _some(text: str | None) -> tuple[str, ...]:
    return (text,) if text else ()


def _address(record: ProvisionRecord) -> str | None:
    """The address, with the country's code where it is not Japan."""
    other, words = record.counterparty, notice_wording().value
    if other.country in (None, HOME):
        return other.address
    if not other.address:
        return words.abroad_alone.format(country=other.country)
    return words.abroad.format(address=other.address, country=other.country)


def _days(record: ProvisionRecord) -> tuple[str, ...]:
    """The day of provision; of a batch or contract also the days that its record spans."""
    words, told = notice_wording().value, (day(record.provided_on),)
    first, last = record.first_provision, record.last_provision
    if record.method == "individual" or (first is None and last is None):
        return told
    if first is None:
        assert last is not None
        return *told, words.span_last.format(last=day(last))
    if last is None:
        return *told, words.span_open.format(first=day(first))
    return *told, words.span.format(first=day(first), last=day(last))
