"""The letter as a file: HTML and PDF that hold whatever a record holds, as text, and look the same every time."""

from __future__ import annotations

import re
import zlib
from datetime import date
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from audit.disclosure.samples import ANSWER, BASES, REQUEST, disclosed, kept, purged, record_id
from sekisho.audit.disclosure import (
    Disclosure,
    KeptRecord,
    Person,
    Withholding,
    notice_html,
    notice_pdf,
    page,
    paper,
    printing,
    sheet_html,
    sheet_pdf,
)
from sekisho.audit.disclosure.visible import BOLD, REGULAR, all_printed, covered_by, printed, shown

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><style>@import url(//x)",
    "&lt;b&gt; &amp;",
    '#panic() #let x = 1 #read("/etc/passwd")',
    "*b* _i_ `raw` $x^2$ <label> @ref = Heading",
    "// comment /* open",
    "\\ \\u{202e} ~ -- ...",
    "\u202eevil\u2066\u200f",
    "\x01\x07\x1b[31m\x7f\x85",
    "\ue000外字\U000f0000",
    "שלום العربية ไทย 😀",
    "髙﨑𠮷田 葛\U000e0100城 神\ufe00 が",
    "A" * 256,
    "a b\r\nc\td\n\n\ne",
    "\ufdd0\uffff\U0010ffff",
    "{id} {count} %s {{}}",
    "a\u2028b\u2029c",
)


def with_text(text: str) -> KeptRecord:
    """A record that states the text wherever it can."""
    other = {
        "id": text[:9] or "x",
        "name": text,
        "address": text,
        "representative": text,
        "country": None,
        "unspecified_many": False,
    }
    consent = {"statement": text, "consent_id": None, "position": None}
    record = kept(1, "receipt.consent", acquisition=text, counterparty=other, consent=consent, items=[text])
    return record._replace(proof=text)


def hostile(text: str) -> Disclosure:
    """A disclosure with the text in every place where one of the ledger or the operator can stand."""
    reason = Withholding(record_id=record_id(2), ground="harm", reason=text, whole=True)
    part = Withholding(record_id=record_id(3), ground="harm", reason=text, particulars=("date",))
    bank = ANSWER.organization.model_copy(update={"name": text, "address": text})
    answer = ANSWER.model_copy(update={"organization": bank, "document_id": text, "ledger_reference": text})
    request = REQUEST.model_copy(
        update={"person": Person(subject_id="C-000001").model_copy(update={"name": text})}
    )
    return disclosed(
        with_text(text), kept(2), kept(3), request=request, answer=answer, withheld=(reason, part)
    )


class Page(HTMLParser):
    """Collects the tags, attributes and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.told: list[str] = []
        self.style: list[str] = []
        self._style = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._style = tag == "style"

    def handle_data(self, data: str) -> None:
        (self.style if self._style else self.told).append(data)


def skeleton(found: Page) -> list[object]:
    """The tags with their attributes, but for line breaks, the author, and whether a card is too long for a page."""
    return [
        (tag, attrs | {"class": (attrs.get("class") or "").removesuffix(" long")})
        for tag, attrs in found.tags
        if tag not in ("br", "bdi", "meta")
    ]


TAGS = [
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "main",
    "div",
    "p",
    "h1",
    "h2",
    "h3",
    "section",
    "span",
    "table",
    "caption",
    "colgroup",
    "col",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "dl",
    "dt",
    "dd",
    "bdi",
    "br",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_html_holds_text_as_text(text: str) -> None:
    """Nothing that a record, a name or a reason holds becomes a tag, an attribute or a style."""
    found = Page(notice_html(hostile(text)))
    assert {tag for tag, _ in found.tags} <= set(TAGS)
    assert skeleton(found) == skeleton(Page(notice_html(hostile("x"))))
    metas = [attrs for tag, attrs in found.tags if tag == "meta"]
    assert {name for attrs in metas for name in attrs} == {"charset", "http-equiv", "name", "content"}
    [author] = [attrs["content"] for attrs in metas if attrs.get("name") == "author"]
    assert author == shown(text)
    assert re.search(r'bottom-left \{ content: "(\\[0-9a-f]{6}|[^\W_])*" \} \}\s*\Z', "".join(found.style))
    for line in shown(text).split("\n"):
        assert line in "".join(found.told)


@pytest.mark.parametrize("text", HOSTILE)
def test_pdf_holds_text_as_text(text: str) -> None:
    """Nothing that a record, a name or a reason holds is markup to Typst or keeps the archive standard from being met."""
    assert notice_pdf(hostile(text)).startswith(b"%PDF-1.7")


def test_page_loads_and_runs_nothing() -> None:
    """The file has no script, no link, no image, no handler and no address to load from; its policy forbids all."""
    text = notice_html(disclosed(*[kept(n, basis) for n, basis in enumerate(BASES)]))
    assert "default-src 'none'" in text
    for word in ("<script", "<link", "<img", "<iframe", "url(", "@import", "http:", "https:", "javascript:"):
        assert word not in text
    assert not [
        name
        for _, attrs in Page(text).tags
        for name in attrs
        if name.startswith("on") or name in ("src", "href")
    ]


def test_page_is_accessible_and_printable() -> None:
    """Its language is told, every table has a caption or a heading and header cells with a scope, and it prints on A4."""
    text = notice_html(disclosed(kept(1), kept(2), expired=(purged(3),)))
    tags = Page(text).tags
    assert ("html", {"lang": "ja"}) in tags
    scopes = [attrs.get("scope") for tag, attrs in tags if tag == "th"]
    assert scopes
    assert set(scopes) == {"row", "col"}
    tables = [at for at, (tag, _) in enumerate(tags) if tag == "table"]
    named = [
        tags[at + 1][0] == "caption" or any(tag == "h3" for tag, _ in tags[at - 4 : at]) for at in tables
    ]
    assert all(named)
    assert "size: A4" in text
    assert "counter(page)" in text
    levels = [int(tag[1]) for tag, _ in tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def streams(pdf: bytes) -> bytes:
    """A PDF with its compressed streams opened."""
    found, view = [pdf], memoryview(pdf)
    for start in re.finditer(rb"[^d]stream\r?\n", pdf):
        try:
            found.append(zlib.decompressobj().decompress(view[start.end() :]))
        except zlib.error:
            continue
    return b"\n".join(found)


def test_pdf_embeds_its_font_and_no_other() -> None:
    """Both weights of Noto Sans CJK JP are embedded, as subsets, and nothing else is used; rare kanji have glyphs."""
    assert all_printed("髙﨑𠮷葛\U000e0100")
    opened = streams(notice_pdf(hostile("髙﨑𠮷葛\U000e0100")))
    fonts = set(re.findall(rb"/BaseFont\s*/([^\s/<>\[\]()]+)", opened))
    assert {re.sub(rb"^[A-Z]{6}\+", b"", each).split(b"-Identity")[0] for each in fonts} == {
        b"NotoSansCJKjp-Regular", b"NotoSansCJKjp-Bold",
    }  # fmt: skip
    assert opened.count(b"/FontFile3") == 2
    for character in "髙﨑𠮷":
        assert character.encode("utf-16-be").hex().upper().encode() in opened.upper()


def test_pdf_is_tagged_archivable_and_japanese() -> None:
    """The PDF is marked as tagged, PDF/A-2a and PDF/UA-1, in Japanese, with its title."""
    opened = streams(notice_pdf(disclosed(kept(1))))
    for told in (
        b"/MarkInfo",
        b"/StructTreeRoot",
        b"pdfaid:part>2<",
        b"pdfaid:conformance>A<",
        b"pdfuaid:part>1<",
        b"/TH",
        b"/Lang",
    ):
        assert told in opened
    assert re.search(rb"/Lang\s*\(ja", opened)
    assert "第三者提供記録の開示請求に対する回答書".encode() in opened
    assert b"/JavaScript" not in opened


def test_same_input_same_bytes() -> None:
    """The same disclosure is the same file, whenever it is written; its time is the day of issue."""
    entries = [kept(n, basis) for n, basis in enumerate(BASES)]
    first, again = disclosed(*entries), disclosed(*reversed(entries))
    assert notice_pdf(first) == notice_pdf(again)
    assert notice_html(first) == notice_html(again)
    assert sheet_pdf(first, "en") == sheet_pdf(again, "en")
    assert b"20261122" in streams(notice_pdf(first)) or b"2026-11-22" in streams(notice_pdf(first))


def test_sheet_in_both_languages() -> None:
    """The sheet is printed in both languages."""
    found = disclosed(kept(1), kept(2, "referable.provision"), expired=(purged(3, disclosable=False),))
    for language in ("ja", "en"):
        assert ("html", {"lang": language}) in Page(sheet_html(found, language)).tags
        assert re.search(rb"/Lang\s*\(" + language.encode(), streams(sheet_pdf(found, language)))


def test_long_text_goes_on_over_pages() -> None:
    """A text of 20,000 characters, the contract's longest, is told in full, in both files."""
    text = "提供元の説明。" * 2_857
    found = disclosed(kept(1, "receipt.consent", acquisition=text))
    assert text in notice_html(found)
    count = streams(notice_pdf(found)).count(b"/Type/Page\n") or len(
        re.findall(rb"/Type\s*/Page\b(?!s)", streams(notice_pdf(found)))
    )
    assert count > 10


def test_two_thousand_records() -> None:
    """A person with 2,000 records gets all of them, each once, in every form."""
    found = disclosed(*[kept(n, BASES[n % len(BASES)]) for n in range(2_000)])
    text = notice_html(found)
    assert all(text.count(record_id(n)) == 1 for n in (0, 1, 999, 1_999))
    assert text.count('<section class="card">') == 2_000
    assert found.notice.counts.disclosed == 2_000
    pdf = notice_pdf(found)
    assert len(re.findall(rb"/Type\s*/Page\b(?!s)", streams(pdf))) > 400


def test_what_has_no_shape_is_marked() -> None:
    """Control characters, direction overrides and private-use characters are shown as code points, in print those without a glyph too."""
    assert shown("a\u202eb\x07\ue000") == "a〔U+202E〕b〔U+0007〕〔U+E000〕"
    assert shown("שלום") == "שלום"
    assert shown("a\u3164b\u115f") == "a〔U+3164〕b〔U+115F〕"
    assert printed("א😀髙") == "〔U+05D0〕〔U+1F600〕髙"
    assert shown("a\r\nb\tc") == "a\nb c"
    assert not all_printed("א")


def test_sheet_warns_of_characters_that_print_cannot_show() -> None:
    """The operator is told which records hold characters that the PDF shows as code points."""
    warned = [
        each
        for each in disclosed(with_text("外字\ue000"), kept(2)).sheet.warnings
        if each.code == "not_displayable"
    ]
    assert [each.record_ids for each in warned] == [(record_id(1),)]


def test_whatever_the_font_covers_is_printed() -> None:
    """Each of the font's 44,000 characters can stand in a document of these standards, also with a variation selector."""
    covered = sorted(covered_by(REGULAR) & covered_by(BOLD))
    texts = ["".join(map(chr, covered[at : at + 200])) for at in range(0, len(covered), 200)]
    blocks = [paper.Paragraph(text) for text in (*texts, "\ufe00", "葛\U000e01ef", "あ\u3099\u0301")]
    report = paper.Paper("ja", "字", date(2026, 1, 1), "a", "f", tuple(blocks))
    assert len(covered) > 40_000
    assert printing.pdf(report).startswith(b"%PDF")


def test_font_coverage_is_read_from_the_font() -> None:
    """Both weights cover kana, JIS kanji and their variants; a file without a character map of format 12 is refused."""
    for font in (REGULAR, BOLD):
        covered = covered_by(font)
        assert {ord(each) for each in "あアー漢髙﨑𠮷①㈱ﾊﾟé"} <= covered
        assert ord("א") not in covered


def test_font_without_a_map_is_refused(tmp_path: Path) -> None:
    """A font that has no character map of format 12 says so."""
    font = tmp_path / "none.otf"
    font.write_bytes(
        b"OTTO\0\1" + bytes(6) + b"cmap" + bytes(4) + (28).to_bytes(4, "big") + bytes(4) + bytes(8)
    )
    with pytest.raises(ValueError, match="format 12"):
        covered_by(font)


def test_paper_serves_other_reports() -> None:
    """The document writer knows nothing of disclosure: any paper becomes a page and a PDF."""
    report = paper.Paper(
        language="en",
        title="A report",
        issued_on=date(2026, 1, 1),
        author="an office",
        footer="A report, 1",
        blocks=(
            paper.Heading("Counts"),
            paper.Paragraph("Text"),
            paper.Table("Numbers", ("Name", "Count"), (("a", "1"),), (3, 1), (1,), captioned=True),
            paper.Facts("Facts", ("Fact", "Content"), (paper.Row("One", ("1",)),)),
        ),
    )
    assert "A report" in page.html(report)
    assert printing.pdf(report).startswith(b"%PDF")
