"""Sets the notice on paper, as a Japanese business letter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sekisho.audit.disclosure.japanese import day, kanji
from sekisho.audit.disclosure.notice import Decision, Notice, StatedParticular, StatedRecord
from sekisho.audit.disclosure.paper import Block, Card, Facts, Heading, Paper, Paragraph, Row, Table, is_long
from sekisho.audit.disclosure.texts import names, notice_wording
from sekisho.audit.disclosure.wording import Direction


def letter(notice: Notice) -> Paper:
    """The notice as a printable letter."""
    words = notice_wording()
    return Paper(
        language="ja",
        title=notice.title,
        issued_on=notice.issued_on,
        author=notice.organization.name,
        footer=words.footer.format(title=notice.title, id=notice.document_id),
        blocks=(
            Paragraph(words.opening.format(received=day(notice.request.received_on))),
            *_numbered(notice),
            Paragraph(words.terms, "quiet"),
        ),
        top=(words.document_id.format(id=notice.document_id), day(notice.issued_on)),
        addressee=_addressee(notice),
        sender=(
            notice.organization.name,
            notice.organization.address,
            words.head_of_organization.format(name=notice.organization.representative),
        ),
        end=words.end,
    )


def _addressee(notice: Notice) -> tuple[str, ...]:
    """To the person, or to the representative with the person named below."""
    words, to, person = notice_wording(), notice.addressee, notice.subject
    if to.capacity == "person":
        if person.name is None:
            return (words.person_unnamed.format(id=person.id),)
        return (words.person.format(name=person.name),)
    capacity = names().capacities[to.capacity]
    name = (
        words.representative_unnamed.format(capacity=capacity)
        if to.name is None
        else words.representative.format(name=to.name)
    )
    called = (
        words.person_by_id.format(id=person.id)
        if person.name is None
        else words.person_named.format(name=person.name)
    )
    return name, words.representative_for.format(person=called, capacity=capacity)


def _numbered(notice: Notice) -> Iterator[Block]:
    """The sections, numbered; those with nothing to tell are left out, but both lists always stand."""
    heads = notice_wording().sections
    sections: list[tuple[str, list[Block]]] = [
        (heads.answer, _answer(notice)),
        (heads.request, [_request(notice)]),
        (heads.provisions, _listed(notice, "provision", notice.provisions)),
        (heads.receipts, _listed(notice, "receipt", notice.receipts)),
        (heads.withheld, _withheld(notice)),
        (heads.expired, _expired(notice)),
        (heads.ledger, _ledger(notice)),
        (heads.contact, _contact(notice)),
    ]
    told = [(head, blocks) for head, blocks in sections if blocks]
    for number, (head, blocks) in enumerate(told, start=1):
        yield Heading(f"{number}　{head}")
        yield from blocks


def _answer(notice: Notice) -> list[Block]:
    first, *others = notice.statement
    found: list[Block] = [Paragraph(first, "strong"), *[Paragraph(each) for each in others]]
    if notice.provisions or notice.receipts:
        found.append(_summary(notice))
    return found


def _summary(notice: Notice) -> Table:
    words = notice_wording().summary
    lists = (notice.provisions, notice.receipts)
    part = [sum(any(each.withheld for each in record.particulars) for record in each) for each in lists]
    rows = [
        (words.whole, *[words.count.format(count=len(each) - p) for each, p in zip(lists, part, strict=True)])
    ]
    if any(part):
        rows.append((words.part, *[words.count.format(count=each) for each in part]))
    return Table(words.caption, words.columns, tuple(rows), (2, 1, 1), (1, 2), captioned=True)


def _request(notice: Notice) -> Facts:
    words, asked = notice_wording().request, notice.request
    given = names().disclosure_methods[notice.method].format(self=notice.organization.calls_itself)
    wanted = names().disclosure_methods[asked.method].format(self=notice.organization.calls_itself)
    method = (
        given if notice.method == asked.method else words.method_changed.format(given=given, asked=wanted)
    )
    rows = (
        (words.asker, _asker(notice)),
        (words.person, _person(notice)),
        (words.received, day(asked.received_on)),
        (words.period, _period(notice)),
        (words.searched, day(notice.as_of)),
        (words.method, method),
    )
    return Facts(
        words.caption, notice_wording().card.parts, tuple(Row(label, (line,)) for label, line in rows)
    )


def _asker(notice: Notice) -> str:
    words, to = notice_wording().request, notice.addressee
    if to.capacity == "person":
        return words.asked_by_person
    capacity = names().capacities[to.capacity]
    if to.name is None:
        return words.asked_by_unnamed.format(capacity=capacity)
    return words.asked_by_representative.format(capacity=capacity, name=to.name)


def _person(notice: Notice) -> str:
    words, person = notice_wording().request, notice.subject
    if person.name is None:
        return words.person_unnamed.format(id=person.id)
    return words.person_named.format(id=person.id, name=person.name)


def _period(notice: Notice) -> str:
    words, first, last = notice_wording().period, notice.request.period_first, notice.request.period_last
    if first is not None and last is not None:
        return words.both.format(first=day(first), last=day(last))
    if first is not None:
        return words.first.format(first=day(first))
    return words.all if last is None else words.last.format(last=day(last))


def _listed(notice: Notice, direction: Direction, records: Sequence[StatedRecord]) -> list[Block]:
    words = notice_wording()
    if not records:
        return [Paragraph(words.nothing_listed)]
    intro = words.provisions_intro if direction == "provision" else words.receipts_intro
    itself = notice.organization.calls_itself
    return [Paragraph(intro.format(self=itself), "leading"), *[_card(direction, each) for each in records]]


def _card(direction: Direction, record: StatedRecord) -> Card:
    words = notice_wording().card
    title = words.provision if direction == "provision" else words.receipt
    rows = tuple(_row(number, each) for number, each in enumerate(record.particulars, start=1))
    return Card(
        title=title.format(number=record.number),
        tag=f"{record.basis_name}（{record.article}）",
        columns=words.parts,
        rows=rows,
        small=tuple(_small(record)),
        long=is_long(rows),
    )


def _row(number: int, stated: StatedParticular) -> Row:
    words = notice_wording().card
    remarks: list[str] = []
    if stated.items_withheld:
        remarks.append(words.withheld_items.format(count=stated.items_withheld))
    elif stated.withheld:
        remarks.append(words.withheld)
    remarks += [_because(each) for each in stated.withheld]
    return Row(stated.label, stated.values, tuple(remarks), kanji(number))


def _because(decision: Decision) -> str:
    words = notice_wording().card
    return words.withheld_because.format(ground=_ground(decision), reason=decision.reason)


def _ground(decision: Decision) -> str:
    return f"{decision.article}：{decision.text}"


def _small(record: StatedRecord) -> Iterator[tuple[str, str]]:
    """What is told beside the particulars of the law."""
    words = notice_wording().card
    hidden = record.provided_on is None
    yield words.method, f"{record.method_name}（{record.method_article}）"
    if record.created_on is not None:
        yield words.created, day(record.created_on)
    if hidden:
        yield words.retention, words.withheld_follows
    elif record.retain_until is None:
        told = words.retained_open if record.method == "individual" else words.retained_while
        yield words.retention, told.format(rule=record.retention_article)
    else:
        last = day(record.retain_until)
        yield words.retention, words.retained_until.format(last=last, rule=record.retention_article)
    yield words.record_id, record.record_id
    if record.proof is not None:
        yield words.proof, record.proof


def _withheld(notice: Notice) -> list[Block]:
    words = notice_wording()
    if not notice.withheld:
        return []
    rows = tuple(
        (str(each.number), each.record_id, _ground(each.decision), each.decision.reason)
        for each in notice.withheld
    )
    return [
        Paragraph(words.withheld_intro.format(count=len(rows)), "leading"),
        Table(words.withheld_caption, words.withheld_columns, rows, (3, 13, 9, 9), (0,)),
    ]


def _expired(notice: Notice) -> list[Block]:
    words = notice_wording()
    if not notice.expired:
        return []
    rows = tuple(
        (str(each.number), each.record_id, day(each.created_on), day(each.purged_on))
        for each in notice.expired
    )
    return [
        Paragraph(words.expired_intro.format(count=len(rows)), "leading"),
        Table(words.expired_caption, words.expired_columns, rows, (2, 12, 6, 6), (0,)),
    ]


def _ledger(notice: Notice) -> list[Block]:
    """What the records' numbers mean, where there are some, and what proves the ledger."""
    words = notice_wording()
    listed = notice.provisions or notice.receipts or notice.withheld or notice.expired
    if not listed and notice.ledger_reference is None:
        return []
    found: list[Block] = [
        Paragraph(words.ledger_intro.format(self=notice.organization.calls_itself), "leading")
    ]
    if notice.ledger_reference is not None:
        row = Row(words.ledger_reference, (notice.ledger_reference,))
        found.append(Facts(words.ledger_caption, words.card.parts, (row,)))
    return found


def _contact(notice: Notice) -> list[Block]:
    words, contact = notice_wording(), notice.organization.contact
    rows = (
        (words.contact.desk, contact.desk),
        (words.contact.address, contact.address),
        (words.contact.phone, contact.phone),
        (words.contact.hours, contact.hours),
        (words.contact.email, contact.email),
    )
    told = tuple(Row(label, (line,)) for label, line in rows if line is not None)
    return [Paragraph(words.contact_intro, "leading"), Facts(words.contact_caption, words.card.parts, told)]
