"""Which requests make turns fail, and how large a turn may be: remembered beyond a lane's life, since a failed send
ends the lane, and so does a turn that kept the processor from the group's heartbeats (runtime.md, Poison)."""

from __future__ import annotations

from typing import Final

from sekisho.log.port import SendError, TooLargeError

_PENDING: Final = 100
"""Rejections of consent events written in one turn, at most."""
_DONE_BEFORE_MORE: Final = 8
"""Turns in a row with as many of them as may be, before twice as many are tried: a try that fails ends the lane."""


class Trouble:
    """One partition's failed turns in this process. A turn that failed `attempts` times runs one record at a time;
    the record whose own turn then does not fit the log is guilty, and only that one is refused."""

    def __init__(self, attempts: int) -> None:
        self._attempts = attempts
        self._first = self._last = -1
        self._failures = 0
        self._guilty: set[int] = set()
        self._slow: set[int] = set()
        """Of the guilty, those whose answer takes too long to make."""
        self._late, self._late_times = -1, 0
        self._most: int | None = None
        self._apart = False
        self._pending_first = False
        self._pending_most = _PENDING
        self._pending_done = 0

    def failed(self, first: int, last: int, error: SendError) -> None:
        """A turn over the requests `first`..`last` failed at a send."""
        if self._failures and first == self._first:
            self._failures += 1
        else:
            self._first, self._failures = first, 1
        self._last = max(last, self._last if self.is_singling(first) else last)
        if first == last and isinstance(error, TooLargeError):
            self._guilty.add(first)

    def too_slow(self, offset: int) -> None:
        """To read and decide this request alone took more of the processor's time than a turn may be old: tried so
        often, it is guilty too."""
        if offset != self._late:
            self._late, self._late_times = offset, 0
        self._late_times += 1
        if self._late_times >= self._attempts:
            self._guilty.add(offset)
            self._slow.add(offset)

    def done(self, last: int) -> None:
        """A turn up to the request `last` was committed."""
        self._guilty = {offset for offset in self._guilty if offset > last}
        self._slow &= self._guilty
        if self._failures and last >= self._first:
            self._first = last + 1
            if last >= self._last:
                self._failures = 0
        if not self._failures:
            self._apart = self._pending_first

    def is_singling(self, offset: int) -> bool:
        """Whether the turn that begins at `offset` takes one record only."""
        return self._failures >= self._attempts and offset <= self._last

    # turns that grow too old

    def most(self, limit: int) -> int:
        """Requests in the next turn, where `limit` may be in any."""
        return limit if self._most is None else min(self._most, limit)

    def make_smaller(self, count: int) -> None:
        """A turn of so many requests took too long: the next has half as many."""
        self._most = max(1, count // 2)

    def make_larger(self, limit: int) -> None:
        """A turn was quick: the next may have twice as many, up to `limit`."""
        if self._most is not None:
            self._most = None if self._most * 2 >= limit else self._most * 2

    # rejections of consent events that wait: no request is to answer for them

    def failed_with_pending(self, pending: int, *, alone: bool) -> None:
        """A turn that carried so many of them failed at a send: they go next, without requests, fewer if they had
        been `alone`."""
        self._apart = self._pending_first = True
        self._pending_done = 0
        if alone:
            self._pending_most = max(1, pending // 2)

    def done_pending(self) -> None:
        """A turn with those that waited was committed: the requests' turn is next."""
        self._pending_first = False
        self._pending_done += 1
        if self._pending_done >= _DONE_BEFORE_MORE:
            self._pending_done = 0
            self._pending_most = min(_PENDING, self._pending_most * 2)

    def pending_most(self, requests: int) -> int:
        """How many of them a turn of so many requests carries: none while the two are kept apart."""
        return 0 if requests and self._apart else self._pending_most

    def is_pending_first(self) -> bool:
        """Whether the next turn is theirs alone."""
        return self._pending_first

    def is_guilty(self, offset: int) -> bool:
        """Whether the answer to this request does not fit the log, or takes too long to make."""
        return offset in self._guilty

    def is_slow(self, offset: int) -> bool:
        """Whether it is guilty since its answer takes too long to make."""
        return offset in self._slow
