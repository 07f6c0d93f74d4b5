"""Keys go where Kafka's own clients send them, and derived ids never change."""

from __future__ import annotations

import uuid

import pytest
from aiokafka.partitioner import murmur2 as aiokafkas
from hypothesis import given
from hypothesis import strategies as st

from sekisho.contracts import identity
from sekisho.contracts.routing import murmur2, partition_of


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_is_kafkas(key: bytes, expected: int) -> None:
    """The vectors of Kafka's own UtilsTest."""
    assert murmur2(key) == expected


@given(st.binary(max_size=300))
def test_murmur2_is_aiokafkas(key: bytes) -> None:
    """The producer that sends and the gate that checks agree on every key."""
    assert murmur2(key) & 0xFFFFFFFF == aiokafkas(key) & 0xFFFFFFFF


@given(st.text(max_size=50), st.integers(1, 1000))
def test_a_partition_is_one_of_those_there(key: str, partitions: int) -> None:
    """The sign bit is masked, as in Kafka's `toPositive`."""
    assert partition_of(key, partitions) == (aiokafkas(key.encode()) & 0x7FFFFFFF) % partitions


def test_known_persons_lie_where_they_lay() -> None:
    """UTF-8, also for ids beyond ASCII; a topic without partitions is a mistake."""
    assert [partition_of(f"C-{number:06}", 4) for number in range(1, 6)] == [0, 1, 1, 2, 0]
    assert partition_of("顧客-1", 12) == (aiokafkas("顧客-1".encode()) & 0x7FFFFFFF) % 12
    with pytest.raises(ValueError, match="at least one partition"):
        partition_of("C-000001", 0)


def test_ids_never_change() -> None:
    """A replay years later must give the same ids: these are pinned."""
    decision = identity.decision_id("Zk3v0kzxQ3mJ5yqvE6Rt0w", 3, 977)
    assert decision == "ced24104-18e8-5cb6-a84b-b585ddffc0f8"
    assert identity.record_id(decision) == "f14f9694-ab58-5ab0-bf8b-08099ab04fd7"
    assert identity.rejected_id("Zk3v0kzxQ3mJ5yqvE6Rt0w", 3, 977) == "3aabf9a3-cf96-563f-803e-f3c3d3a83cad"
    assert identity.decision_id_without_log(0, "sha256:00") == "dfa24581-82b0-57bb-b3a7-11b472083fca"


@given(st.uuids(), st.text(max_size=40))
def test_derived_ids_are_uuid5(namespace: uuid.UUID, name: str) -> None:
    """RFC 9562, section 5.5: the same as the standard library's, only faster."""
    assert identity.uuid5(namespace, name) == str(uuid.uuid5(namespace, name))


def test_ids_of_different_things_differ() -> None:
    """Another topic incarnation, partition, offset or kind of id is another id."""
    found = [
        identity.decision_id("a", 1, 11),
        identity.decision_id("b", 1, 11),
        identity.decision_id("a", 11, 1),
        identity.decision_id("a", 1, 12),
        identity.rejected_id("a", 1, 11),
        identity.decision_id_without_log(1, "sha256:00"),
        identity.decision_id_without_log(2, "sha256:00"),
        identity.record_id(identity.decision_id("a", 1, 11)),
    ]
    assert len(set(found)) == len(found)
