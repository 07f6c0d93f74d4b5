"""What can be wrong with a message: two typed errors, both a *bad message* (a rejected event), never a bad world.

Their texts are built from the contract's own words only: neither `str(error)` nor `message` ever holds a byte that a
sender wrote (contract.md, A rejected event). What the sender wrote stands in `where` alone, for the sender's own answer.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from sekisho.domain.book import Text
from sekisho.domain.vocabulary import RejectionCause

Problem = Literal[
    "unknown_field", "missing_field", "wrong_type", "unknown_value", "missing_time_zone", "not_a_time", "not_a_date",
    "out_of_range", "too_long", "too_many", "too_few", "empty", "forbidden_character", "duplicate_field",
    "exclusive_fields", "key_mismatch", "not_allowed",
]  # fmt: skip

PROBLEMS: Final[dict[Problem, Text]] = {
    "unknown_field": Text("契約にない項目があります。最も近い項目は {field} です。", "There is a field that the contract does not know; the nearest known one is {field}."),
    "missing_field": Text("必須の項目 {field} がありません。", "The required field {field} is missing."),
    "wrong_type": Text("項目 {field} の型が契約と違います。", "The field {field} has a type other than the contract's."),
    "unknown_value": Text("項目 {field} の値が契約の列挙にありません。", "The field {field} has a value that the contract does not list."),
    "missing_time_zone": Text("項目 {field} の日時に時差（タイムゾーン）がありません。", "The time in {field} has no time zone."),
    "not_a_time": Text("項目 {field} が RFC 3339 の日時ではありません。", "The field {field} is no RFC 3339 time."),
    "not_a_date": Text("項目 {field} が YYYY-MM-DD の日付ではありません。", "The field {field} is no YYYY-MM-DD date."),
    "out_of_range": Text("項目 {field} の値が範囲の外です。", "The value of {field} is out of range."),
    "too_long": Text("項目 {field} が長すぎます。", "The field {field} is too long."),
    "too_many": Text("項目 {field} の要素が多すぎます。", "The field {field} has too many elements."),
    "too_few": Text("項目 {field} に要素が足りません。", "The field {field} has too few elements."),
    "empty": Text("項目 {field} が空です。", "The field {field} is empty."),
    "forbidden_character": Text("項目 {field} に使えない文字（制御文字）があります。", "The field {field} holds a character that is not allowed (a control character)."),
    "duplicate_field": Text("項目 {field} が二度書かれています。", "The field {field} stands twice."),
    "exclusive_fields": Text("項目 {field} は、どちらか一方だけを書きます。", "Exactly one of the fields {field} is to be given."),
    "key_mismatch": Text("メッセージのキーが項目 {field} と一致しません。", "The message's key is not the value of {field}."),
    "not_allowed": Text("項目 {field} が契約に合いません。", "The field {field} does not follow the contract."),
}  # fmt: skip
"""What each problem says; `{field}` is the contract's own name of the field."""


class Readable(NamedTuple):
    """What an invalid access request still tells, so that its refusal can be addressed: None is not readable."""

    request_id: str
    organization: str | None
    subject_id: str | None
    action: str | None
    """As far as it is one of the contract's: it only labels (metrics)."""
    digest: str
    """As `access_requests.digest`, over the content as it was sent."""


class RejectedMessageError(Exception):
    """A message that becomes a rejected event; `cause`, `field` and `message` are that event's own."""

    def __init__(self, cause: RejectionCause, message: Text, field: str | None = None) -> None:
        super().__init__(message.en)
        self.cause: RejectionCause = cause
        self.message = message
        self.field = field


class UnreadableMessageError(RejectedMessageError):
    """No readable message of this topic: it gets a rejected event only (contract.md, A decision)."""


class InvalidMessageError(RejectedMessageError):
    """A readable message that does not follow the contract.

    `field` is the contract's own nearest name; `where` the path as the sender wrote it (for a known field the same);
    `nearest` the nearest known name or value, if one is meant. `readable` is there for access requests with an id.
    """

    def __init__(
        self, problem: Problem, field: str, *, where: str | None = None, nearest: str | None = None
    ) -> None:
        template = PROBLEMS[problem]
        text = Text(template.ja.replace("{field}", field), template.en.replace("{field}", field))
        super().__init__("invalid", text, field)
        self.problem: Problem = problem
        self.where = where if where is not None else field
        self.nearest = nearest
        self.readable: Readable | None = None

    @property
    def details(self) -> tuple[tuple[str, str], ...]:
        """What fills the texts of `request.invalid`: a verdict's `details` (domain/verdict.py)."""
        nearest = self.nearest if self.nearest is not None else self.field
        return (("field", self.where), ("nearest", nearest or ""), ("problem", self.problem))
