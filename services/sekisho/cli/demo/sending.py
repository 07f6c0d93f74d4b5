"""Sends the demo's messages as upstream systems would: keyed by the person, CloudEvents in binary mode."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import uuid4

from sekisho.audit import Sent
from sekisho.cli.demo.story import encoded
from sekisho.contracts import access_requests
from sekisho.contracts.envelope import binary_headers
from sekisho.contracts.fields import written
from sekisho.contracts.routing import partition_of
from sekisho.contracts.topics import TopicNames
from sekisho.log.port import Outgoing, Writer

SOURCE = "urn:sekisho:demo"


class Sender:
    """Writes requests and consent events and gives where they stand."""

    def __init__(self, writer: Writer, names: TopicNames, partitions: int) -> None:
        self._writer = writer
        self._names = names
        self._partitions = partitions
        self.sent: list[Sent] = []
        """What the log has acknowledged."""

    async def request(self, data: Mapping[str, Any], *, misrouted: bool = False) -> tuple[str, int, int]:
        """Sends an access request as it is."""
        outgoing = self._event(access_requests.TYPE, data, data["subject"]["id"], data["request_id"])
        return await self._send(self._names.requests, outgoing, data["subject"]["id"], misrouted=misrouted)

    async def event(
        self, type_: str, data: Mapping[str, Any], *, misrouted: bool = False
    ) -> tuple[str, int, int]:
        """Sends a consent event as it is."""
        outgoing = self._event(type_, data, data["subject_id"], data["event_id"])
        return await self._send(self._names.consents, outgoing, data["subject_id"], misrouted=misrouted)

    async def raw(self, value: bytes, subject_id: str) -> tuple[str, int, int]:
        """Sends bytes that are no event, onto the requests."""
        return await self._send(
            self._names.requests, Outgoing(subject_id.encode(), value), subject_id, misrouted=False
        )

    def _event(self, type_: str, data: Mapping[str, Any], subject_id: str, id_: str) -> Outgoing:
        headers = binary_headers(type_, id_, SOURCE, written(datetime.now(UTC)))
        return Outgoing(subject_id.encode(), encoded(data), headers)

    async def _send(
        self, topic: str, outgoing: Outgoing, subject_id: str, *, misrouted: bool
    ) -> tuple[str, int, int]:
        partition = None
        if misrouted:
            partition = (partition_of(subject_id, self._partitions) + 1) % self._partitions
        at, offset = await self._writer.send(topic, outgoing, partition)
        self.sent.append(Sent(at.topic, at.partition, offset, sha256(outgoing.value or b"").hexdigest()))
        return at.topic, at.partition, offset


def request_of(data: Mapping[str, Any]) -> dict[str, Any]:
    """A request of the story with an id of its own and the time of now."""
    return {"request_id": str(uuid4()), "requested_at": written(datetime.now(UTC)), **data}


def event_of(data: Mapping[str, Any]) -> dict[str, Any]:
    """A consent event of the story with an id of its own."""
    return {"event_id": str(uuid4()), **data}
