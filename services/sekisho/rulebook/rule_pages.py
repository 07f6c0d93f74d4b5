"""docs/rules: a page for each rule family, one of the records, and an index by source; from the rulebook's data and cases."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from sekisho.rulebook.case_model import DOCUMENTS, CitedSentence
from sekisho.rulebook.cases import Case
from sekisho.rulebook.compile import NOT_SOURCES
from sekisho.rulebook.coverage import WITHOUT_CASES
from sekisho.rulebook.families import FAMILIES, families_in_order, family_of, in_order
from sekisho.rulebook.handbook import Entry, Handbook, answered, citations
from sekisho.rulebook.model_rules import Rule
from sekisho.rulebook.problems import Place
from sekisho.rulebook.record_terms import RECORD_BASES, RECORD_EXEMPTIONS, RecordTerm
from sekisho.rulebook.rule_data import RULE_DATA
from sekisho.rulebook.wanted import DOCUMENT_NAMES

_WRITTEN: Final = "<!-- Written by `python -m sekisho.reference docs` from deploy/rulebook; change the data or the cases instead. -->\n"
_RULEBOOK: Final = "../../deploy/rulebook"
_MARKS: Final = {"allow": "✓", "deny": "✗"}


def pages(book: Handbook) -> dict[str, str]:
    """Every page by its path below docs."""
    found = {"rules/index.md": _page(_index(book))}
    for family in families_in_order(book.rules):
        found[f"rules/{family.lower()}.md"] = _page(_family(book, family))
    found["rules/records.md"] = _page(_records(book))
    found["rules/sources.md"] = _page(_sources(book))
    return found


def _page(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"


def _index(book: Handbook) -> Iterator[str]:
    yield "# ルール · The rules\n"
    yield _WRITTEN
    yield "Every rule with what it says, its sources, the texts of its codes and its cases. By source, sentence for sentence:"
    yield "[sources.md](sources.md). What provisions leave behind: [records.md](records.md). At the command line:"
    yield "`sekisho rulebook explain CODE`, `sekisho rulebook test`.\n"
    yield "| | 日本語 | English | rules | cases |\n|---|---|---|---|---|"
    for family in families_in_order(book.rules):
        rules = [rule for rule in book.rules if family_of(rule) == family]
        count = sum(len(book.cases_of(rule)) for rule in rules)
        name = FAMILIES.get(family)
        ja, en = ("", "") if name is None else name
        yield f"| [{family}]({family.lower()}.md) | {ja} | {en} | {len(rules)} | {count} |"
    yield "\n## すべてのルール · Every rule\n"
    yield "| | 日本語 | English |\n|---|---|---|"
    for rule, stated in book.rules.items():
        yield f"| {_rule_link(rule)} | {_cell(stated.says.ja)} | {_cell(stated.says.en)} |"


def _family(book: Handbook, family: str) -> Iterator[str]:
    name = FAMILIES.get(family)
    yield f"# {family}" + ("" if name is None else f" {name.ja} · {name.en}") + "\n"
    yield _WRITTEN
    yield "[ルール一覧 · all rules](index.md) · [出典別 · by source](sources.md)"
    for rule, stated in book.rules.items():
        if family_of(rule) == family:
            yield from _rule(book, rule, stated)


def _rule(book: Handbook, rule: str, stated: Rule) -> Iterator[str]:
    yield f"\n## {rule}\n"
    yield "| 日本語 | English |\n|---|---|"
    yield f"| {_cell(stated.says.ja)} | {_cell(stated.says.en)} |\n"
    yield from _bound(citations(stated.sources, stated.otherwise))
    yield f"\n{_data(book, rule)}{_in_force(stated)}\n"
    entries = book.entries(rule)
    if entries:
        yield "| code | 日本語 | English |\n|---|---|---|"
        for entry in entries:
            yield _entry(entry, stated)
        yield ""
    if rule in WITHOUT_CASES:
        yield f"No case: {WITHOUT_CASES[rule]}."
    else:
        yield from _cases(book.cases_of(rule))


def _bound(told: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    yield "| severity | binds | source |\n|---|---|---|"
    for binds, severity, citation in told:
        yield f"| {severity} | {binds} | {_cell(citation)} |"


def _data(book: Handbook, rule: str) -> str:
    places = [(_linked(book.place(rule), "rule"))]
    for section in RULE_DATA.get(rule, ()):
        if (section,) in book.places.keys:
            places.append(_linked(book.places.of((section,)), f"`{section}`"))
    return f"Data: {', '.join(places)}"


def _linked(place: Place, name: str) -> str:
    return f"[{name}]({_RULEBOOK}/{place.file}#L{place.line})"


def _in_force(stated: Rule) -> str:
    if stated.effective_from is None and stated.effective_until is None:
        return ""
    return f". In force {stated.effective_from or ''} – {stated.effective_until or ''}, both days included"


def _entry(entry: Entry, stated: Rule) -> str:
    kind = entry.kind if entry.reason_kind is None else f"{entry.kind}, {entry.reason_kind}"
    told = f"`{entry.code}`<br>{kind}"
    if entry.sources != stated.sources or entry.otherwise != stated.otherwise:
        own = citations(entry.sources, entry.otherwise)
        told += "".join(f"<br>{severity}, {binds}: {_cell(citation)}" for binds, severity, citation in own)
    ja, en = _cell(entry.message.ja), _cell(entry.message.en)
    if entry.remedy is not None:
        ja, en = f"{ja}<br>→ {_cell(entry.remedy.ja)}", f"{en}<br>→ {_cell(entry.remedy.en)}"
    return f"| {told} | {ja} | {en} |"


def _cases(cases: Sequence[Case]) -> Iterator[str]:
    if not cases:
        yield "事例なし · no case"
        return
    yield "| 事例 · case | 日本語 | English | 回答 · answer | 出典 · source |\n|---|---|---|---|---|"
    for case in cases:
        cited = f"[{case.source.document} {_cell(case.source.section)}](sources.md#{_anchor(case.source)})"
        yield f"| {_case_link(case)} | {_cell(case.title.ja)} | {_cell(case.title.en)} | {_answer(case)} | {cited} |"


def _case_link(case: Case) -> str:
    file, _, line = case.place.rpartition(":")
    return f"{_MARKS[case.expected.effect]} [{case.id}]({_RULEBOOK}/{NOT_SOURCES}/{file}#L{line})"


def _answer(case: Case) -> str:
    effect, _, rest = answered(case).partition(": ")
    return f"**{effect}** {rest}".rstrip()


def _rule_link(rule: str) -> str:
    return f"[{rule}]({family_of(rule).lower()}.md#{rule.lower()})"


def _records(book: Handbook) -> Iterator[str]:
    yield "# 記録 · Records\n"
    yield _WRITTEN
    yield "[ルール一覧 · all rules](index.md) · [出典別 · by source](sources.md)\n"
    yield "Which record an allowed provision or receipt leaves, and why one leaves none (個人情報の保護に関する法律第29条・第30条)."
    for title, terms in (
        ("記録の種類 · Which record", RECORD_BASES),
        ("記録を要しない場合 · Why no record is owed", RECORD_EXEMPTIONS),
    ):
        yield f"\n## {title}"
        for code, term in terms.items():
            yield from _term(book, code, term)


def _term(book: Handbook, code: str, term: RecordTerm) -> Iterator[str]:
    yield f"\n### `{code}`\n"
    yield f"{term.ja} · {term.en} ({term.citation})\n"
    yield from _cases(list(book.cases_with(code)))


def _sources(book: Handbook) -> Iterator[str]:
    yield "# 出典別 · By source\n"
    yield _WRITTEN
    yield "Each sentence that a case rests on, with the rules and cases that show what it decides; at the end, what the rules"
    yield "themselves cite. Sentences stand as in the documents, line breaks apart. [ルール一覧 · all rules](index.md)\n"
    by_source = book.by_source()
    for document in DOCUMENTS:
        if document not in by_source:
            continue
        yield f"\n## {document} {' · '.join(DOCUMENT_NAMES[document])}"
        for section, sentences in by_source[document].items():
            yield f"\n### {document} {section}"
            for cited, cases in sentences.items():
                yield from _sentence(cited, cases)
    yield from _rules_citations(book)
    yield from _undecided(book)


def _undecided(book: Handbook) -> Iterator[str]:
    if not book.undecided:
        return
    yield "\n## 申請では決まらないもの · What no request is decided by\n"
    yield "| 箇所 · place | 内容 · what stands there | 理由 · why |\n|---|---|---|"
    for each in book.undecided:
        told = (f"{text.ja}<br>{text.en}" for text in (each.what, each.why))
        yield f"| {each.document} {_cell(', '.join(each.sections))} | {' | '.join(map(_cell, told))} |"


def _sentence(cited: CitedSentence, cases: Sequence[Case]) -> Iterator[str]:
    yield f'\n<a id="{_anchor(cited)}"></a>'
    yield f"> {cited.sentence}\n"
    yield "| rule | 事例 · case | 日本語 | English | 回答 · answer |\n|---|---|---|---|---|"
    for rule in in_order(case.rule for case in cases):
        for case in cases:
            if case.rule == rule:
                title = f"{_cell(case.title.ja)} | {_cell(case.title.en)}"
                yield f"| {_rule_link(rule)} | {_case_link(case)} | {title} | {_answer(case)} |"


def _rules_citations(book: Handbook) -> Iterator[str]:
    cited: dict[str, list[str]] = {}
    for rule, stated in book.rules.items():
        told = citations(stated.sources, stated.otherwise)
        for entry in book.entries(rule):
            told += citations(entry.sources, entry.otherwise)
        for _, _, citation in told:
            cited.setdefault(citation, []).append(rule)
    yield "\n## ルールが引くもの · What the rules cite\n"
    yield "| 出典 · source | rules |\n|---|---|"
    for citation in sorted(cited):
        yield f"| {_cell(citation)} | {', '.join(map(_rule_link, in_order(cited[citation])))} |"


def _anchor(cited: CitedSentence) -> str:
    """A name for a sentence in the page: its document, its section, and what tells it from the section's others."""
    letters = [each if each.isalnum() else "-" for each in f"{cited.document}-{cited.section}"]
    return f"{''.join(letters).strip('-')}-{zlib.crc32(cited.sentence.encode()):08x}"


def _cell(text: str) -> str:
    """A text within a table."""
    return text.replace("|", "\\|").replace("\n", " ").strip()
