"""How a topic's id is written: it becomes part of names and paths."""

from __future__ import annotations

import base64
import uuid

import pytest
from confluent_kafka import Uuid

from sekisho.log.kafka_admin import topic_id


@pytest.mark.parametrize(
    "number", [0, 1, 2**64 - 1, 0xFBEF_BEFB_EFBE_FBEF_FBFF_FFFF_FFFF_FFFF, 2**127 + 2**62]
)
def test_a_topics_id_is_written_as_kafkas_own_tools_write_it(number: int) -> None:
    """URL-safe Base64 without padding, whatever the id: no plus, no slash."""
    given = uuid.UUID(int=number)
    halves = (given.int >> 64, given.int & (2**64 - 1))
    told = topic_id(str(Uuid(*(half - 2**64 if half >= 2**63 else half for half in halves))))
    assert told == base64.urlsafe_b64encode(given.bytes).decode().rstrip("=")
    assert not set("+/=") & set(told)
