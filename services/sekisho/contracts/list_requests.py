"""sekisho-list-requests: the same items of many persons, in parts of at most 2,000 (contract.md, A list)."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from sekisho.contracts.access_requests import Requester, Subject
from sekisho.contracts.fields import FreeText, Id, Ids, Input, Instant
from sekisho.contracts.reading import read
from sekisho.domain.vocabulary import Mode

TYPE: Final = "sekisho.list.requested.v1"
MAX_SUBJECTS: Final = 2000
"""Subjects of one part."""


class Part(Input):
    """Which part of how many."""

    number: Annotated[int, Field(ge=1)]
    of: Annotated[int, Field(ge=1)]


class ListActivity(Input):
    """A list extraction; its fields are those of an access request's activity."""

    kind: Literal["list_extraction"]
    mode: Mode
    list_name: FreeText = None
    selected_by: Ids | None = None


class ListRequest(Input):
    """One part of a list request; all parts agree in all but `part` and `subjects`."""

    list_id: Id
    """Also the message's key."""
    part: Part
    attempt: Annotated[int, Field(ge=1)] | None = None
    """1 (null: 1), higher where a list is asked again."""
    requested_at: Instant
    requester: Requester
    subjects: Annotated[tuple[Subject, ...], Field(max_length=MAX_SUBJECTS)]
    holder: Id
    items: Ids
    purpose: Id
    anticipated_purposes: Ids | None = None
    product_provider: Id | None = None
    activity: ListActivity
    narrow: bool | None = None
    """Whether the allowed subjects shall be the list; null: false, one refusal refuses the list."""


def decode(data: bytes) -> ListRequest:
    """The part that `data` holds. Raises UnreadableMessageError or InvalidMessageError."""
    return read(ListRequest, data)
