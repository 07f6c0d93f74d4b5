"""Shapes change how long a message takes to become canonical, never what comes of it."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.ledger_records import messages
from ledger.merkle.test_canonical import DOCUMENTS
from sekisho.ledger.merkle import shapes
from sekisho.ledger.merkle.canonical import CanonicalError, canonicalized
from sekisho.ledger.merkle.shapes import Shapes

BYTES = b'"\\:,{}[]0159-.eE %@\x00\n\x7f\x80\xe3au'


def _answer(raw: bytes, by: Shapes | None = None) -> bytes | None:
    """The canonical bytes; None where they are refused."""
    try:
        return canonicalized(raw)[1] if by is None else by.canonical(raw)
    except CanonicalError:
        return None


@given(st.lists(DOCUMENTS, min_size=1, max_size=4), st.booleans())
def test_documents_become_what_they_become_without_shapes(documents: list[Any], compact: bool) -> None:
    """Each twice, so that the second finds its shape known; written with white space or without."""
    known = Shapes()
    for document in documents * 2:
        raw = json.dumps(document, ensure_ascii=False, separators=(",", ":") if compact else None).encode()
        assert known.canonical(raw) == canonicalized(raw)[1]


def test_records_as_gates_write_them_have_few_shapes() -> None:
    """What the measure was taken for: after a few records no further one is made canonical in full."""
    known = Shapes()
    for sent in messages(500, seed=3):
        assert known.canonical(sent.value) == canonicalized(sent.value)[1]
    assert 1 <= len(known._plans) < 10


@pytest.mark.parametrize("seed", range(4))
def test_a_record_that_was_altered_is_judged_as_without_shapes(seed: int) -> None:
    """Bytes changed, put in, taken out, moved: whatever comes of it, refused or not, a known shape changes nothing."""
    chance = random.Random(seed)
    known = Shapes()
    good = [sent.value for sent in messages(5, seed=seed)]
    for raw in good:
        known.canonical(raw)
    refused = 0
    for _ in range(4_000):
        altered = bytearray(chance.choice(good))
        for _ in range(chance.randint(1, 2)):
            at, end = sorted(chance.randrange(len(altered)) for _ in range(2))
            piece = chance.choice(
                [bytes([chance.choice(BYTES)]), bytes(altered[at : min(end, at + 30)]), b""]
            )
            altered[at : at + chance.choice([0, 0, 1, len(piece)])] = piece
        found = _answer(bytes(altered), known)
        assert found == _answer(bytes(altered))
        refused += found is None
    assert 0 < refused < 4_000


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":"b","c":1}"x',
        b'{"a":"b","c":01}',
        b'{"a":"b","c":1.0}',
        b'{"a":"b","c":-1}',
        b'{"a":"b","c":-0}',
        b'{"a":"b","c":9007199254740993}',
        b'{"a":"b","c":}',
        b'{"a":"b","c":1 2}',
        b'{"a":"b","a":1}',
        b'{"c":"b","a":1}',
        b'{"a":"\xff","c":1}',
        b'{"a":"\n","c":1}',
        b'{"a":"\\u0041","c":1}',
        b'{"a":"%s","c":1}',
        b'{"a":"@1","c":1}',
        b'{"a":1,"c":"b"}',
        b'{"a":"b" , "c":1}',
        b'{"@0":"b","@1":1}',
        b'{"%d":"b","c":1}',
        b'{\x00"a":"b","c":1}',
        b'"a"',
        b"1",
        b"",
    ],
)
def test_what_is_nearly_of_a_known_shape_is_judged_as_without_shapes(raw: bytes) -> None:
    """Before and after the good ones are known, and once it is known itself."""
    known = Shapes()
    for good in (b'{"a":"b","c":1}', b'{"c":"b","a":1}', b'{"a":1,"c":"b"}'):
        assert _answer(raw, known) == _answer(raw)
        known.canonical(good)
        known.canonical(good)
        assert _answer(raw, known) == _answer(raw)


def test_no_more_shapes_are_remembered_than_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream of ever new shapes takes no more memory, and stays right."""
    monkeypatch.setattr(shapes, "MAX_SHAPES", 10)
    known = Shapes()
    for number in range(30):
        raw = b'{"z%d":"b","c":%d,"a":[1,2]}' % (number, number)
        assert known.canonical(raw) == known.canonical(raw) == canonicalized(raw)[1]
    assert len(known._plans) == 10
