"""Sets the operator's count sheet on paper, in Japanese or English."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from sekisho.audit.disclosure.japanese import day
from sekisho.audit.disclosure.paper import Block, Facts, Heading, Paper, Paragraph, Row, Table
from sekisho.audit.disclosure.sheet import Sheet, SheetEntry
from sekisho.audit.disclosure.texts import sheet_wording
from sekisho.audit.disclosure.wording import Both, Category, Language


def sheet_paper(sheet: Sheet, language: Language) -> Paper:
    """The sheet as a printable document."""
    words = sheet_wording()
    title = words.title.of(language)
    return Paper(
        language=language,
        title=title,
        issued_on=sheet.issued_on,
        author=sheet.organization,
        footer=words.footer.of(language).format(title=title, id=sheet.document_id),
        blocks=(Paragraph(words.warning.of(language), "boxed"), *_blocks(sheet, language)),
        top=(words.document_id.of(language).format(id=sheet.document_id), _day(sheet.issued_on, language)),
    )


def _blocks(sheet: Sheet, language: Language) -> Iterator[Block]:
    words = sheet_wording()
    yield Heading(words.counts.caption.of(language))
    yield _counts(sheet, language)
    yield Heading(words.warnings.heading.of(language))
    if not sheet.warnings:
        yield Paragraph(words.warnings.none.of(language))
    for each in sheet.warnings:
        yield Paragraph("\n".join((each.ja if language == "ja" else each.en, *each.record_ids)))
    yield Heading(words.facts.caption.of(language))
    yield _facts(sheet, language)
    yield Heading(words.entries.caption.of(language))
    columns = tuple(each.of(language) for each in words.entries.columns)
    rows = tuple(_entry(each, language) for each in sheet.entries)
    yield Table(words.entries.caption.of(language), columns, rows, (7, 4, 5, 5, 3))


def _facts(sheet: Sheet, language: Language) -> Facts:
    words = sheet_wording()
    facts, missing = words.facts, words.facts.not_given.of(language)
    rows = (
        (facts.organization, sheet.organization),
        (facts.subject, sheet.subject_id),
        (facts.asker, words.capacities[sheet.capacity].of(language)),
        (facts.verified_by, sheet.verified_by or missing),
        (facts.received, _day(sheet.received_on, language)),
        (facts.as_of, _day(sheet.as_of, language)),
        (facts.issued, _day(sheet.issued_on, language)),
        (facts.days, str(sheet.days)),
        (facts.outcome, words.outcomes[sheet.outcome].of(language)),
        (facts.ledger, sheet.ledger_reference or missing),
    )
    columns = facts.columns
    return Facts(
        facts.caption.of(language),
        (columns[0].of(language), columns[1].of(language)),
        tuple(Row(label.of(language), (line,)) for label, line in rows),
    )


def _counts(sheet: Sheet, language: Language) -> Table:
    """Every category with its count, those that are divided further with their parts."""
    words, counts = sheet_wording(), sheet.counts
    rows = [
        (words.counts.total.of(language), "", str(counts.total)),
        (words.counts.kept.of(language), "", str(counts.kept)),
        (words.counts.purged.of(language), "", str(counts.purged)),
    ]
    parts: Mapping[Category, Mapping[str, int]] = {
        "withheld": {words.grounds[each].of(language): n for each, n in counts.withheld_by_ground.items()},
        "partly_withheld": {
            words.grounds[each].of(language): n for each, n in counts.partly_withheld_by_ground.items()
        },
        "excluded": {words.kinds[each].of(language): n for each, n in counts.excluded_by_kind.items()},
        "without_duty": {
            words.exemptions[each].of(language): n for each, n in counts.without_duty_by_exemption.items()
        },
        "other_controller": counts.other_controllers,
    }
    for category, count in counts.categories.items():
        rows.append((words.categories[category].of(language), "", str(count)))
        rows += [("", part, str(n)) for part, n in parts.get(category, {}).items()]
    columns = tuple(each.of(language) for each in words.counts.columns)
    return Table(words.counts.caption.of(language), columns, tuple(rows), (5, 5, 2), (2,))


def _entry(entry: SheetEntry, language: Language) -> tuple[str, ...]:
    words = sheet_wording()
    reasons = [entry.reason] if entry.reason is not None else []
    which = [] if entry.of_which is None else [_of_which(entry.category, entry.of_which, language)]
    if entry.category == "partly_withheld":
        for each in entry.withheld:
            what = ", ".join((*each.particulars, *each.items))
            ground = words.grounds[each.ground].of(language)
            which.append(words.entries.withheld_parts.of(language).format(ground=ground, what=what))
            reasons.append(each.reason)
    return (
        entry.record_id,
        words.categories[entry.category].of(language),
        "\n".join(which),
        "\n".join(reasons),
        "" if entry.provided_on is None else _day(entry.provided_on, language),
    )


def _of_which(category: Category, code: str, language: Language) -> str:
    words = sheet_wording()
    named: Mapping[Category, Mapping[str, Both]] = {
        "withheld": {str(key): text for key, text in words.grounds.items()},
        "excluded": {str(key): text for key, text in words.kinds.items()},
        "without_duty": {str(key): text for key, text in words.exemptions.items()},
    }
    text = named.get(category, {}).get(code)
    return code if text is None else text.of(language)


def _day(of: date, language: Language) -> str:
    return day(of) if language == "ja" else of.isoformat()
