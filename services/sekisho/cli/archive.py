"""The ledger as the topics' verifier needs it: records that were trimmed from their topic (audit.archive)."""

from __future__ import annotations

from collections.abc import AsyncIterator

from sekisho.audit.archive import ArchivedRecord
from sekisho.ledger.store.connection import Connection
from sekisho.ledger.store.entries import leaf_chunks
from sekisho.ledger.store.logs import logs
from sekisho.ledger.store.payloads import payload_chunks


class LedgerArchive:
    """Reads records back from the ledger's database, as a reader."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn

    async def records(self, topic_id: str, partition: int, before: int) -> AsyncIterator[ArchivedRecord]:
        """As audit.archive says. What was taken in verbatim because nobody could read it comes too: it is in the topic's order."""
        mine = [
            log.log_id
            for log in await logs(self._conn, "records")
            if (log.topic_id, log.partition) == (topic_id, partition)
        ]
        for log_id in sorted(mine):
            async for found in self._of_log(log_id):
                if found.offset >= before:
                    return
                yield found

    async def _of_log(self, log_id: int) -> AsyncIterator[ArchivedRecord]:
        """Leaves tell what there was, payloads what there is."""
        async for chunk in leaf_chunks(self._conn, log_id):
            bodies: dict[int, bytes] = {}
            async for payloads in payload_chunks(self._conn, log_id, chunk[0].idx, chunk[-1].idx + 1):
                bodies |= {each.idx: each.body for each in payloads}
            for leaf in chunk:
                if leaf.koff is not None:
                    yield ArchivedRecord(leaf.koff, bodies.get(leaf.idx))
