"""Asking a group's coordinator for committed offsets with `require_stable` (KIP-447; OffsetFetch v7, which aiokafka lacks).

The answer to a transactional commit comes before its markers stand. Until they do, an ordinary OffsetFetch gives the
offset from *before* that transaction [M]: a lane that resumed there would decide requests a second time. With
`require_stable` the coordinator says so instead (UNSTABLE_OFFSET_COMMIT), and the question is put again.
"""

from __future__ import annotations

from typing import Final

import aiokafka.errors as kafka
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Int64,
    Schema,
    TaggedFields,
)

from sekisho.log.port import Partition

UNSTABLE_OFFSET_COMMIT: Final = 88
NO_OFFSET: Final = -1


class OffsetFetchResponseV7(Response):  # type: ignore[misc]  # aiokafka has no types
    """As kafka.apache.org/protocol has it."""

    API_KEY = 9
    API_VERSION = 7
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "topics",
            CompactArray(
                ("name", CompactString("utf-8")),
                (
                    "partitions",
                    CompactArray(
                        ("partition_index", Int32),
                        ("committed_offset", Int64),
                        ("committed_leader_epoch", Int32),
                        ("metadata", CompactString("utf-8")),
                        ("error_code", Int16),
                        ("tags", TaggedFields),
                    ),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("error_code", Int16),
        ("tags", TaggedFields),
    )


class OffsetFetchRequestV7(RequestStruct):  # type: ignore[misc]
    """As kafka.apache.org/protocol has it."""

    API_KEY = 9
    API_VERSION = 7
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = OffsetFetchResponseV7
    SCHEMA = Schema(
        ("group_id", CompactString("utf-8")),
        (
            "topics",
            CompactArray(
                ("name", CompactString("utf-8")),
                ("partition_indexes", CompactArray(Int32)),
                ("tags", TaggedFields),
            ),
        ),
        ("require_stable", Boolean),
        ("tags", TaggedFields),
    )


class StableOffsetFetch(Request[OffsetFetchRequestV7]):  # type: ignore[misc]
    """The question for one partition of one group."""

    API_KEY = 9

    def __init__(self, group: str, at: Partition) -> None:
        self._group = group
        self._at = at

    def build(self, request_struct_class: type[OffsetFetchRequestV7]) -> OffsetFetchRequestV7:
        return request_struct_class(self._group, [(self._at.topic, [self._at.partition], {})], True, {})


class UnstableOffsetError(Exception):
    """A transaction that holds an offset of this partition has no markers yet, or is open."""


def offset_in(response: OffsetFetchResponseV7) -> int | None:
    """The offset in the answer; None: none committed. Raises UnstableOffsetError, and aiokafka's error for its code."""
    _raise_for(response.error_code)
    ((_, ((_, offset, _, _, code, _),), _),) = response.topics
    if code == UNSTABLE_OFFSET_COMMIT:
        raise UnstableOffsetError
    _raise_for(code)
    return None if offset == NO_OFFSET else int(offset)


def _raise_for(code: int) -> None:
    error = kafka.for_code(code)
    if error is not kafka.NoError:
        raise error()
