"""Canonical JSON is RFC 8785's on the ledger's profile, and what is outside the profile is refused, never mended."""

from __future__ import annotations

import json
import random
from collections import OrderedDict
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from hashlib import sha256
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from sekisho.ledger.merkle.canonical import (
    MAX_INTEGER,
    CanonicalError,
    canonical,
    canonicalized,
    commit,
    parse,
)

MANY = 20_000
CHARACTERS = st.characters(exclude_categories=["Cs"])
SCALARS = (
    st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | st.text(CHARACTERS, max_size=20)
)
KEYS = st.text(st.characters(max_codepoint=127), max_size=8)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=25,
)


@given(DOCUMENTS)
def test_the_bytes_are_those_of_rfc_8785(document: Any) -> None:
    """An independent implementation writes the same; reading them gives the document back."""
    written = canonical(document)
    assert written == rfc8785.dumps(document)
    assert parse(written) == document
    assert canonicalized(written) == (document, written)


@given(DOCUMENTS, st.booleans(), st.sampled_from([None, 1, "\t"]), st.randoms())
def test_however_a_document_was_written_its_canonical_bytes_are_the_same(
    document: Any, ascii_only: bool, indent: int | str | None, chance: random.Random
) -> None:
    """Escapes, white space and the order of keys do not count."""
    raw = json.dumps(_shuffled(document, chance), ensure_ascii=ascii_only, indent=indent).encode()
    assert canonicalized(raw) == (document, canonical(document))


def test_many_documents_of_hard_characters_are_written_as_rfc_8785_writes_them() -> None:
    """By a fixed seed: controls, quotes, escapes, scripts, the ends of the planes, non-characters."""
    chance = random.Random(8785)
    for _ in range(MANY):
        document = [_random_document(chance, 3) for _ in range(4)]
        written = canonical(document)
        assert written == rfc8785.dumps(document)
        assert canonicalized(json.dumps(document).encode()) == (document, written)


def test_every_ascii_character_is_escaped_as_rfc_8785_says() -> None:
    """Short escapes where there are some, lower-case hexadecimals for other controls, all else as it is (3.2.2.2)."""
    for code in range(0x80):
        assert canonical(chr(code)) == rfc8785.dumps(chr(code))
    assert canonical('\x1f\n\x7f/"\\€\u2028😀') == '"\\u001f\\n\x7f/\\"\\\\€\u2028😀"'.encode()


def test_keys_stand_in_order_and_nothing_between() -> None:
    """The example that a reader can check by eye."""
    document = {"b": [True, None, {"z": 1, "Z": -1}], "a": "é", "B": {}, "": []}
    assert canonical(document) == '{"":[],"B":{},"a":"é","b":[true,null,{"Z":-1,"z":1}]}'.encode()


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b'{"a":1,"a":1}', id="a-key-twice"),
        pytest.param(b'{"a":1,"\\u0061":2}', id="a-key-twice-once-escaped"),
        pytest.param(b'[{"x":{"a":1,"b":2,"a":3}}]', id="a-key-twice-deep-inside"),
        pytest.param('{"é":1}'.encode(), id="a-key-that-is-not-ascii"),
        pytest.param(b'{"\\u00e9":1}', id="a-key-that-is-not-ascii-escaped"),
        pytest.param(b"1.0", id="a-float"),
        pytest.param(b'{"a":[1e2]}', id="an-exponent"),
        pytest.param(b"-0.0", id="minus-zero"),
        pytest.param(b"NaN", id="nan"),
        pytest.param(b"[Infinity]", id="infinity"),
        pytest.param(b"-Infinity", id="minus-infinity"),
        pytest.param(str(MAX_INTEGER + 1).encode(), id="a-large-integer"),
        pytest.param(str(-MAX_INTEGER - 1).encode(), id="a-large-negative-integer"),
        pytest.param(b"9" * 100_000, id="a-huge-integer"),
        pytest.param(b'"\\ud800"', id="a-lone-surrogate"),
        pytest.param(b'{"a":"\\uDFFF\\uD800"}', id="surrogates-in-the-wrong-order"),
        pytest.param(b'"\xed\xa0\x80"', id="a-surrogate-in-the-bytes"),
        pytest.param(b'"\xc0\x80"', id="an-overlong-null"),
        pytest.param(b'"\xff"', id="not-utf-8"),
        pytest.param(b'\xef\xbb\xbf"a"', id="a-byte-order-mark"),
        pytest.param('"a"'.encode("utf-16"), id="utf-16"),
        pytest.param(b'"a\nb"', id="a-raw-control-character"),
        pytest.param(b"", id="empty"),
        pytest.param(b"{} {}", id="two-documents"),
        pytest.param(b'{"a":1,}', id="a-comma-too-many"),
        pytest.param(b"{'a':1}", id="single-quotes"),
        pytest.param(b"01", id="a-leading-zero"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, id="too-deep"),
    ],
)
def test_what_is_outside_the_profile_is_not_read(raw: bytes) -> None:
    """Neither for the document alone nor for its canonical bytes."""
    with pytest.raises(CanonicalError):
        parse(raw)
    with pytest.raises(CanonicalError):
        canonicalized(raw)


class _Colour(StrEnum):
    RED = "red"


class _Number(IntEnum):
    ONE = 1


class _Other(Enum):
    ONE = 1


def _cycle() -> list[Any]:
    cycle: list[Any] = []
    cycle.append(cycle)
    return cycle


@pytest.mark.parametrize(
    "document",
    [
        1.0,
        {"a": [float("nan")]},
        MAX_INTEGER + 1,
        -MAX_INTEGER - 1,
        {"é": 1},
        {1: 1},
        {None: 1},
        {"a": {True: 1}},
        {_Colour.RED: 1},
        _Colour.RED,
        _Number.ONE,
        _Other.ONE,
        OrderedDict(a=1),
        b"bytes",
        {1, 2},
        Decimal(1),
        date(2026, 11, 22),
        datetime(2026, 11, 22, tzinfo=UTC),
        "\ud800",
        ["\udfff\ud800"],
        _cycle(),
    ],
)
def test_what_is_outside_the_profile_is_not_written(document: Any) -> None:
    """Nothing is turned into a text or a number that it was not."""
    with pytest.raises(CanonicalError):
        canonical(document)


@pytest.mark.parametrize(
    "raw", [b'{"id":"C-000001","n":1.5}', b'{"C-000001":1,"C-000001":2}', b'"C-000001\\ud800"', b'"C-000001']
)
def test_a_refusal_shows_nothing_of_the_document(raw: bytes) -> None:
    """It may be logged; the document may be about a person."""
    with pytest.raises(CanonicalError) as told:
        canonicalized(raw)
    assert "C-0" not in str(told.value)


def test_a_commitment_is_the_hash_of_prefix_salt_and_body() -> None:
    """As the auditor's program computes it."""
    salt, body = bytes(range(32)), b'{"a":1}'
    assert commit(salt, body) == sha256(b"sekisho/payload/v1\x00" + salt + body).digest()
    assert commit(salt, body) != commit(salt[::-1], body)
    assert commit(salt, body) != commit(salt, body + b" ")


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_salt_has_32_bytes(length: int) -> None:
    """Otherwise bytes could move between salt and body, and the commitment stay the same."""
    with pytest.raises(ValueError, match="32 bytes"):
        commit(bytes(length), b"body")


HARD = (
    "\x00\x01\x07\x08\t\n\x0b\x0c\r\x1b\x1f !\"#'/09AZ\\az{|}~\x7f"
    "\x80\x85\xa0é\u0301ßĀ\u07ff\u0800あ漢字ア\u2028\u2029\ud7ff\ue000\ufeff\uff01\ufffd\ufffe\uffff"
    "\U00010000😀\U0001f468\u200d\U0001f469𠮷\U000effff\U0010fffe\U0010ffff"
)


def _random_text(chance: random.Random, alphabet: str) -> str:
    return "".join(chance.choices(alphabet, k=chance.randrange(6)))


def _random_document(chance: random.Random, depth: int) -> Any:
    kind = chance.randrange(8 if depth else 5)
    if kind < 3:
        return _random_text(chance, HARD)
    if kind == 3:
        return chance.choice([None, True, False, 0, -1, MAX_INTEGER, -MAX_INTEGER])
    if kind == 4:
        return chance.randint(-MAX_INTEGER, MAX_INTEGER) >> chance.randrange(54)
    if kind == 5:
        return [_random_document(chance, depth - 1) for _ in range(chance.randrange(5))]
    ascii_part = HARD[: HARD.index("\x80")]
    return {
        _random_text(chance, ascii_part): _random_document(chance, depth - 1)
        for _ in range(chance.randrange(6))
    }


def _shuffled(document: Any, chance: random.Random) -> Any:
    if isinstance(document, dict):
        keys = list(document)
        chance.shuffle(keys)
        return {key: _shuffled(document[key], chance) for key in keys}
    if isinstance(document, list):
        return [_shuffled(each, chance) for each in document]
    return document
