"""What a record of the access requests is: a request, an invalid one that can be answered, or none."""

from __future__ import annotations

from typing import NamedTuple

from sekisho.audit.refusals import Refusal, refusal_of
from sekisho.contracts import access_requests
from sekisho.contracts.errors import InvalidMessageError, Readable, RejectedMessageError
from sekisho.domain.request import AccessRequest
from sekisho.log.port import Record

RequestKey = tuple[str, str, str]
"""What a request is idempotent by: subject, organization, request id."""


class Question(NamedTuple):
    """A record as read: what it asks, or what is wrong with it."""

    record: Record
    request: AccessRequest | None = None
    readable: Readable | None = None
    error: InvalidMessageError | None = None
    """What is wrong with an invalid request that can be answered."""
    owed: Refusal | None = None
    """The rejected event that it owes by itself."""

    @property
    def is_answerable(self) -> bool:
        """Whether it is to get a decision."""
        return self.request is not None or self.readable is not None

    @property
    def request_id(self) -> str | None:
        """The sender's id of it, as far as it can be read."""
        told: AccessRequest | Readable | None = self.request or self.readable
        return None if told is None else told.request_id

    @property
    def organization(self) -> str | None:
        """Who asks, as far as it can be read."""
        if self.request is not None:
            return self.request.requester.organization
        return None if self.readable is None else self.readable.organization

    @property
    def subject_id(self) -> str | None:
        """Whose data is asked for, as far as it can be read."""
        told: AccessRequest | Readable | None = self.request or self.readable
        return None if told is None else told.subject_id

    @property
    def digest(self) -> str:
        """Of the content, as it stands in the decision."""
        if self.request is not None:
            return access_requests.digest(self.request)
        return "" if self.readable is None else self.readable.digest

    @property
    def key(self) -> RequestKey | None:
        """None where not all of it can be read."""
        if self.subject_id is None or self.organization is None or self.request_id is None:
            return None
        return (self.subject_id, self.organization, self.request_id)


def read_question(record: Record, largest: int) -> Question:
    """Reads a record of at most `largest` bytes as a gate must."""
    try:
        request = access_requests.receive(record.headers, record.key, record.value, largest=largest)
    except InvalidMessageError as error:
        readable = error.readable
        owed = refusal_of(error, None if readable is None else readable.request_id)
        return Question(record, None, readable, error, owed)
    except RejectedMessageError as error:
        return Question(record, owed=refusal_of(error))
    except Exception:  # noqa: BLE001  whatever a record does to its reader, the gate rejects it in these words
        return Question(record, owed=Refusal("unreadable"))
    return Question(record, request)
