"""Leaves: what is written is read again, and nothing but what is written is a leaf."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from sekisho.ledger import leaves
from sekisho.ledger.leaves import Leaf, LeafError, PayloadLeaf, Place, Scope

RID = "0b0e7a52-1f63-4c8e-9d53-7a3f6f1c2d10"
AT = "2026-11-22T01:02:03.000004Z"
HASH = "ab" * 32
PLACE = Place(origin="localhost/sekisho/provision-records/AbC_-9/3/2026", index="17", rid=RID)

uuids = st.uuids(version=4).map(str)
hashes = st.binary(min_size=32, max_size=32).map(bytes.hex)
offsets = st.integers(0, 2**63 - 1)
days = st.dates().map(lambda day: day.isoformat())
payload_leaves = st.builds(
    PayloadLeaf,
    kind=st.sampled_from(["record", "decision", "unreadable"]),
    rid=uuids,
    ingested_at=st.datetimes().map(lambda at: at.strftime("%Y-%m-%dT%H:%M:%S.%fZ").zfill(27)),
    topic_id=st.from_regex(r"[A-Za-z0-9_-]{22}", fullmatch=True),
    partition=st.integers(0, 1000),
    offset=offsets,
    prev_offset=st.none() | offsets,
    commit=hashes,
    retain_until=st.none() | days,
    scope=st.none() | uuids,
)

OTHERS: list[Leaf] = [
    leaves.Genesis(
        rid=RID, ingested_at=AT, origin="localhost/sekisho/meta", topic=None, topic_id=None, partition=None,
        year=None, next_offset=None, predecessor=None,
    ),
    leaves.Genesis(
        rid=RID, ingested_at=AT, origin=PLACE.origin, topic="sekisho-provision-records", topic_id="AbC_-9",
        partition=3, year=2026, next_offset="0",
        predecessor=leaves.Predecessor(origin=PLACE.origin, size="4", root=HASH),
    ),
    leaves.Extend(
        rid=RID, ingested_at=AT, target=Scope(scope=RID), retain_until=None, cause="provision", commit=None
    ),
    leaves.Extend(
        rid=RID, ingested_at=AT, target=PLACE, retain_until="2031-02-28", cause="operator", commit=HASH
    ),
    leaves.Hold(
        rid=RID, ingested_at=AT, hold=RID, part=1, parts=2, targets=((PLACE.origin, "17", RID),), commit=HASH
    ),
    leaves.Release(rid=RID, ingested_at=AT, hold=RID, commit=HASH),
    leaves.Purge(
        rid=RID, ingested_at=AT, target=PLACE, retain_until="2029-11-21", database_at=AT, host_at=AT,
        checkpoint_at=AT,
    ),
    leaves.Refusal(rid=RID, ingested_at=AT, cause="hold", target=None, counts={"hold": "3"}),
    leaves.Clock(rid=RID, ingested_at=AT, was=AT, now=AT, commit=HASH),
    leaves.Close(rid=RID, ingested_at=AT, next=PLACE.origin, size="18"),
    leaves.ShardCheckpoint(rid=RID, ingested_at=AT, origin=PLACE.origin, size="18", root=HASH, signed_at=AT),
    leaves.NewKey(rid=RID, ingested_at=AT, name="localhost/sekisho/meta", vkey="a+01020304+AbC=", commit=None),
]  # fmt: skip


@given(payload_leaves)
def test_a_payload_leaf_is_read_as_it_was_written_and_is_canonical(leaf: PayloadLeaf) -> None:
    """The bytes put together by hand are RFC 8785's of the same document."""
    data = leaf.encoded()
    assert leaves.read(data) == leaf
    assert rfc8785.dumps(json.loads(data)) == data


@pytest.mark.parametrize("leaf", OTHERS, ids=lambda leaf: str(leaf.kind))
def test_every_other_leaf_is_read_as_it_was_written_and_is_canonical(leaf: Leaf) -> None:
    """Each kind, with each of its forms."""
    data = leaf.encoded()
    assert leaves.read(data) == leaf
    assert rfc8785.dumps(json.loads(data)) == data


def test_all_kinds_are_shown_here() -> None:
    """The list above misses no kind."""
    assert {leaf.kind for leaf in OTHERS} == set(leaves._MODELS)


@pytest.mark.parametrize("leaf", OTHERS, ids=lambda leaf: str(leaf.kind))
def test_a_leaf_that_is_not_exactly_what_is_written_is_refused(leaf: Leaf) -> None:
    """Another order, a space, a key more, a key less, a key twice, another version, a null where none may stand."""
    data = leaf.encoded()
    document = json.loads(data)
    reordered = json.dumps(dict(reversed(document.items())), separators=(",", ":")).encode()
    fewer = [{key: value for key, value in document.items() if key != gone} for gone in document]
    wrong = [
        data + b" ",
        b" " + data,
        reordered,
        data[:-1] + b',"v":1}',
        _canonical({**document, "more": 1}),
        _canonical({**document, "v": 2}),
        _canonical({**document, "rid": None}),
        _canonical({**document, "ingested_at": "2026-11-22"}),
        *(_canonical(one) for one in fewer),
    ]
    for each in wrong:
        with pytest.raises(LeafError):
            leaves.read(each)


@given(payload_leaves, st.data())
def test_no_byte_of_a_payload_leaf_can_change_unnoticed_in_its_form_and_stay_the_same_leaf(
    leaf: PayloadLeaf, data: st.DataObject
) -> None:
    """A changed byte gives another leaf or none: nothing in the bytes is without meaning."""
    encoded = bytearray(leaf.encoded())
    at = data.draw(st.integers(0, len(encoded) - 1))
    encoded[at] ^= data.draw(st.integers(1, 127))
    try:
        changed = leaves.read(bytes(encoded))
    except LeafError:
        return
    assert changed != leaf


@pytest.mark.parametrize("data", [b"", b"null", b"[]", b"{}", b'"record"', b"\xff", b'{"kind":"purge"}'])
def test_what_is_no_leaf_is_refused(data: bytes) -> None:
    """Whatever the bytes are, the error is a LeafError."""
    with pytest.raises(LeafError):
        leaves.read(data)


def test_a_leaf_too_large_for_an_entry_bundle_is_refused() -> None:
    """A bundle's entry has a length of two bytes."""
    target = (PLACE.origin, "17", RID)
    small = leaves.Hold(
        rid=RID,
        ingested_at=AT,
        hold=RID,
        part=1,
        parts=1,
        targets=(target,) * leaves.MAX_TARGETS,
        commit=None,
    )
    assert len(small.encoded()) <= leaves.MAX_BYTES
    large = small.model_copy(update={"targets": (target,) * 1000})
    with pytest.raises(LeafError, match="65535"):
        large.encoded()


def test_ids_are_what_uuid_writes() -> None:
    """The form of a rid is that of Python's UUIDs."""
    assert str(UUID(RID)) == RID


def _canonical(document: object) -> bytes:
    return rfc8785.dumps(document)  # type: ignore[arg-type]  # a document of JSON's own types
