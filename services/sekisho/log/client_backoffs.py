"""How soon aiokafka repeats a step of a transaction that meets the one before it still being ended by the broker.

A transaction is over for its client before its markers stand everywhere, so the next one often comes too soon. aiokafka
0.14 then waits far longer than the broker needs. These are changes of its module globals: for the whole process.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final
from weakref import WeakKeyDictionary

import aiokafka.producer.sender
from aiokafka.client import CoordinationType
from aiokafka.errors import ConcurrentTransactions, CoordinatorNotAvailableError
from aiokafka.producer.sender import (
    AddOffsetsToTxnHandler,
    Sender,
    SendProduceReqHandler,
    TxnOffsetCommitHandler,
)

QUICK_RETRIES: Final = 20
"""So often a step is repeated soon; what lasts longer is no marker on its way, and is asked for at the usual pace."""
_NOT_AVAILABLE: Final = CoordinatorNotAvailableError.errno


def lower_commit_backoff(seconds: float) -> None:
    """Has each of the four steps that can meet the last transaction wait so long.

    Adding partitions: a constant of 20 ms, and nearly every turn waits for it: at 3 ms a turn of 10 records falls from
    26 to 7.6 ms at the median (runtime.md [M]). The offsets' group, which goes with them (`client_pipelining`): 100 ms.
    Batches, and offsets, that come before the broker has verified the transaction (KIP-890): to a client of aiokafka's
    age it says NOT_ENOUGH_REPLICAS and COORDINATOR_NOT_AVAILABLE, and aiokafka waits 100 ms: up to one turn in ten [M].
    """
    aiokafka.producer.sender.BACKOFF_OVERRIDE = seconds
    aiokafka.producer.sender.SendProduceReqHandler = QuickProduce
    aiokafka.producer.sender.TxnOffsetCommitHandler = QuickOffsetCommit
    aiokafka.producer.sender.AddOffsetsToTxnHandler = QuickAddOffsets


def _quick() -> float:
    found: float = aiokafka.producer.sender.BACKOFF_OVERRIDE
    return found


class QuickProduce(SendProduceReqHandler):  # type: ignore[misc]  # aiokafka has no types
    """Repeats soon what a broker *answered* with a retriable error; one that does not answer is not pressed."""

    def handle_response(self, response: Any) -> None:
        super().handle_response(response)
        if self._to_reenqueue and all(batch.retry_count <= QUICK_RETRIES for batch in self._to_reenqueue):
            self._default_backoff = _quick()


class QuickOffsetCommit(TxnOffsetCommitHandler):  # type: ignore[misc]
    """The same for offsets; a handler is made for each attempt, so the count is kept with its sender."""

    _attempts: ClassVar[WeakKeyDictionary[Sender, int]] = WeakKeyDictionary()

    def handle_response(self, response: Any) -> float | None:
        coordinators = self._sender._coordinators
        node = coordinators.get(CoordinationType.GROUP)
        backoff: float | None = super().handle_response(response)
        if backoff is None:
            self._attempts.pop(self._sender, None)
            return None
        attempts = self._attempts[self._sender] = self._attempts.get(self._sender, 0) + 1
        if attempts > QUICK_RETRIES:
            return backoff
        if node is not None and all(code == _NOT_AVAILABLE for _, at in response.errors for _, code in at):
            # it answered, so it need not be looked for: a question between the repetitions, of a turn's seven
            coordinators[CoordinationType.GROUP] = node
        return _quick()


class QuickAddOffsets(AddOffsetsToTxnHandler):  # type: ignore[misc]
    """As aiokafka itself does when it adds partitions: only the last transaction's markers are waited for so shortly."""

    def handle_response(self, response: Any) -> float | None:
        backoff: float | None = super().handle_response(response)
        return _quick() if response.error_code == ConcurrentTransactions.errno else backoff
