"""Writes a paper as one HTML file: no script, no external resource, printable on A4, every text escaped.

The file may be kept or mailed and opened years later; its content policy forbids it to load or run anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from html import escape
from importlib.resources import files
from typing import Final, assert_never

from sekisho.audit.disclosure.paper import Block, Card, Facts, Heading, Paper, Paragraph, Row, Table
from sekisho.audit.disclosure.visible import shown

_LABELLED: Final = '<colgroup><col class="label"><col></colgroup>'
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def html(paper: Paper) -> str:
    """The whole file."""
    title = _text(paper.title)
    parts = [
        f'<!DOCTYPE html>\n<html lang="{paper.language}">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="robots" content="noindex, nofollow">',
        f'<meta name="author" content="{_text(paper.author)}">',
        f'<meta name="date" content="{paper.issued_on.isoformat()}">',
        f"<title>{title}</title>",
        f"<style>\n{_style()}@page {{ @bottom-left {{ content: {_css_text(paper.footer)} }} }}\n</style>",
        "</head>\n<body>\n<main>",
        *_head(paper),
        f"<h1>{title}</h1>",
        *_blocks(paper.blocks),
    ]
    if paper.end:
        parts.append(f'<p class="end">{_text(paper.end)}</p>')
    return "\n".join(parts) + "\n</main>\n</body>\n</html>\n"


@cache
def _style() -> str:
    return files("sekisho.audit.disclosure").joinpath("data/document.css").read_text(encoding="utf-8")


def _text(text: str) -> str:
    """A text, escaped: it can close no tag and no attribute."""
    return escape(shown(text), quote=True)


def _css_text(text: str) -> str:
    """A text as a CSS string: all but letters, digits and kanji stands there as its code point (CSS Syntax 4.3.7)."""
    return '"' + "".join([each if each.isalnum() else f"\\{ord(each):06x}" for each in shown(text)]) + '"'


def _lines(text: str) -> str:
    """A recorded text, set apart so that its writing direction touches nothing beside it; its line breaks stay."""
    return "<br>".join([f"<bdi>{each}</bdi>" for each in _text(text).split("\n")])


def _head(paper: Paper) -> Iterator[str]:
    for name, lines in (("top", paper.top), ("addressee", paper.addressee), ("sender", paper.sender)):
        if lines:
            told = "".join([f"<p>{_lines(each)}</p>" for each in lines])
            yield f'<div class="{name}">{told}</div>'


def _blocks(blocks: Iterable[Block]) -> Iterator[str]:
    for block in blocks:
        match block:
            case Heading():
                yield f"<h2>{_text(block.text)}</h2>"
            case Paragraph():
                yield f'<p class="{block.tone}">{_lines(block.text)}</p>'
            case Facts():
                yield _facts(block)
            case Table():
                yield _table(block)
            case Card():
                yield _card(block)
            case _:
                assert_never(block)


def _facts(facts: Facts) -> str:
    rows = "\n".join([_row(each) for each in facts.rows])
    return (
        f'<table class="facts">\n<caption class="unseen">{_text(facts.caption)}</caption>\n'
        f"{_LABELLED}\n<thead><tr>{_column_heads(facts.columns)}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"
    )


def _column_heads(columns: Iterable[str]) -> str:
    return "".join([f'<th scope="col">{_text(each)}</th>' for each in columns])


def _row(row: Row) -> str:
    number = f'<span class="number">{_text(row.number)}</span>' if row.number else ""
    lines = "".join([f"<p>{_lines(each)}</p>" for each in row.lines])
    remarks = "".join([f'<p class="remark">{_lines(each)}</p>' for each in row.remarks])
    return f'<tr><th scope="row">{number}{_text(row.label)}</th><td>{lines}{remarks}</td></tr>'


def _table(table: Table) -> str:
    share = 100 / sum(table.widths)
    widths = "".join([f'<col style="width: {each * share:.1f}%">' for each in table.widths])
    rows = "\n".join([_cells(row, table.ends) for row in table.rows])
    unseen = "" if table.captioned else ' class="unseen"'
    return (
        f'<table class="list">\n<caption{unseen}>{_text(table.caption)}</caption>\n<colgroup>{widths}</colgroup>\n'
        f"<thead><tr>{_column_heads(table.columns)}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"
    )


def _cells(row: tuple[str, ...], ends: tuple[int, ...]) -> str:
    cells = [
        f'<td class="end">{_lines(each)}</td>' if place in ends else f"<td>{_lines(each)}</td>"
        for place, each in enumerate(row)
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _card(card: Card) -> str:
    rows = "\n".join([_row(each) for each in card.rows])
    small = "".join([f"<dt>{_text(label)}</dt><dd>{_lines(text)}</dd>" for label, text in card.small])
    kind = "card long" if card.long else "card"
    return (
        f'<section class="{kind}">\n<h3><span>{_text(card.title)}</span><span class="tag">{_text(card.tag)}</span></h3>\n'
        f'<table>\n{_LABELLED}\n<thead class="unseen"><tr>{_column_heads(card.columns)}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>\n'
        f"<dl>{small}</dl>\n</section>"
    )
