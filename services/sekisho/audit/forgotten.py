"""Answers that rest on an earlier request whose decision is kept no longer: what can still be told of that request.

Whoever claims such a request could hide any answer behind it, so the claim is believed no further than it must be. A
request that is still kept, though its decision is not, is looked up. Of one that is gone it is known that it came no
later than the first one that is kept: where the window had ended by then, the claim is false.
"""

from __future__ import annotations

from typing import Final

from sekisho.audit.config import CheckConfig
from sekisho.audit.questions import Question, read_question
from sekisho.audit.scanning import Scanned, Undecodable
from sekisho.audit.workspace import FirstUse, Workspace
from sekisho.contracts.decision_models import Decision
from sekisho.domain.rules import req

_ANOTHER: Final = "another"
"""The digest of a request that is gone, under the id of one with another content."""


class Forgotten:
    """The requests of one partition before `answered_from` (offset), the first that is kept with its decision."""

    def __init__(self, config: CheckConfig, workspace: Workspace, answered_from: int) -> None:
        self._config = config
        self._workspace = workspace
        self._answered_from = answered_from
        self._kept_from: int | None = None
        self._first_ms: int | None = None

    def note(self, item: Scanned) -> None:
        """Takes every request that is kept, in order."""
        if self._kept_from is None:
            self._kept_from = item.offset
        if isinstance(item, Undecodable):
            return
        if self._first_ms is None:
            self._first_ms = item.timestamp
        if item.offset < self._answered_from:
            asked = read_question(item, self._config.value_bytes)
            if asked.key is not None:
                self._workspace.add_unproven(asked.key, FirstUse(item.offset, item.timestamp, asked.digest))

    def named(self, asked: Question, decision: Decision) -> FirstUse | None:
        """The forgotten request that a decision rests on, with the earliest time at which it can have been appended; None
        where it names none, or none that can be."""
        circumstances = decision.circumstances or {}
        is_reused = circumstances.get("code") == req.ID_REUSED.code
        named = circumstances.get("first") if is_reused else decision.duplicate_of
        if not isinstance(named, int) or not 0 <= named < self._answered_from or asked.key is None:
            return None
        digest = _ANOTHER if is_reused else asked.digest
        if self._kept_from is None or named < self._kept_from:
            earliest = asked.record.timestamp - self._config.window_ms - self._config.tolerance_ms
            can_be = self._first_ms is None or self._is_within(asked, self._first_ms)
            return FirstUse(named, earliest, digest) if can_be else None
        kept = self._workspace.unproven(asked.key, named)
        if kept is None or (kept.digest == asked.digest) == is_reused:
            return None
        return FirstUse(named, kept.appended_ms, digest) if self._is_within(asked, kept.appended_ms) else None

    def _is_within(self, asked: Question, appended_ms: int) -> bool:
        """Whether the window that began then (or before: clocks of brokers differ) may have been open still."""
        age = asked.record.timestamp - appended_ms
        return age <= self._config.window_ms + self._config.tolerance_ms
