"""Reading files of documents: whatever the bytes, either documents or an error with its line; nothing changes on the way."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.cli.documents import encode, read_documents
from sekisho.cli.outcome import InputError
from sekisho.cli.wrapping import wrap

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.binary(max_size=200), st.sampled_from(["a.yaml", "a.json", "a.jsonl", "stdin"]))
def test_any_bytes_give_documents_or_an_error_that_names_the_file(data: bytes, name: str) -> None:
    """Nothing else is raised: no traceback for a broken file."""
    told = name
    try:
        found = len(read_documents(name, data))
    except InputError as error:
        found, told = 0, error.message
    assert found or told.startswith(f"{name}:")


@given(st.dictionaries(st.text(), JSON, min_size=1))
def test_json_comes_through_as_it_was_written(value: dict[str, Any]) -> None:
    """One JSON document, or several as lines, mean afterwards what they meant before."""
    text = json.dumps(value)
    (document,) = read_documents("a.json", json.dumps(value, indent=1).encode())
    assert json.loads(encode(document.value)) == value
    twice = read_documents("a.jsonl", f"{text}\n\n{text}\n".encode())
    assert [document.line for document in twice] == [1, 3]
    assert [json.loads(encode(document.value)) for document in twice] == [value, value]


@pytest.mark.parametrize(
    "text",
    ['{"a": 1, "a": 2}', '{"n": 1.10, "m": 1e400, "k": 123456789012345678901234567890}', '{"s": "\\ud800"}'],
)
def test_what_a_reader_could_change_silently_stays(text: str) -> None:
    """A doubled key, a number's digits, a lone surrogate: the contract's own reader must see them."""
    (document,) = read_documents("a.json", text.encode())
    assert encode(document.value).decode() == text.replace(": ", ":").replace(", ", ",")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\na: 2\n", ':2: the key "a" stands here twice'),
        ("a: [1,\n", ":2: not readable as YAML"),
        ("a: 1_000\n", ':1: "1_000" is no text, number'),
        ("a: &x\n  b: *x\n", "too deep"),
        ("? [a]\n: 1\n", "a key must be plain text"),
        ("--- {}\n---\n", None),
    ],
)
def test_yaml_that_json_has_no_word_for_is_an_error_with_its_line(text: str, said: str | None) -> None:
    """Doubled keys, endless aliases, odd numbers and keys are refused; empty documents are passed over."""
    if said is None:
        assert len(read_documents("a.yaml", text.encode())) == 1
        return
    with pytest.raises(InputError) as caught:
        read_documents("a.yaml", text.encode())
    assert said in caught.value.message


def test_aliases_are_read_and_cannot_explode() -> None:
    """An anchor may be used again; a short file whose aliases multiply is refused."""
    (document,) = read_documents("a.yaml", b"a: &x {b: 2026-11-21}\nc: *x\n")
    assert document.value == {"a": {"b": "2026-11-21"}, "c": {"b": "2026-11-21"}}
    bomb = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))
    with pytest.raises(InputError, match="too deep or too large"):
        read_documents("a.yaml", bomb.encode())


@given(st.text(), st.integers(min_value=10, max_value=100))
def test_wrapping_keeps_every_character_and_the_width(text: str, width: int) -> None:
    """Lines are no wider than asked, wide characters counted double, and nothing but white space is lost."""
    from rich.cells import cell_len

    lines = wrap(text, width)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(cell_len(line) <= width for line in lines)


def test_japanese_breaks_between_characters_but_not_before_punctuation() -> None:
    """禁則: a line never begins with closing punctuation nor ends with an opening bracket."""
    lines = wrap("同意を得る前に、お客さまへ（書面により）説明してください。" * 3, 20)
    assert all(line[0] not in "、。）" and line[-1] not in "（" for line in lines)
    assert all(len(line) <= 10 for line in lines)
