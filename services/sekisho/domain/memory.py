"""What is remembered between calls, bounded by number and by bytes. No answer depends on it."""

from __future__ import annotations

from collections.abc import Hashable
from sys import getsizeof
from typing import TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Memory(dict[K, V]):
    """Values by what they are the same under. Full, it is emptied: what is asked now is soon there again.

    A dict, so that finding costs no more than a dict's `get`. The bytes are those that each keeper tells.
    """

    def __init__(self, *, most: int, most_bytes: int, largest: int) -> None:
        super().__init__()
        self.most = most
        self.most_bytes = most_bytes
        self.largest = largest
        """Bytes of a value, with its key, that is kept at all."""
        self.bytes = 0

    def is_full_for(self, size: int) -> bool:
        """Whether it would be emptied for a new value of so many bytes."""
        return size <= self.largest and (len(self) >= self.most or self.bytes + size > self.most_bytes)

    def keep(self, key: K, value: V, size: int) -> bool:
        """Remembers a new value of that size, with its key, in bytes; False where it is too large to be kept."""
        if size > self.largest:
            return False
        if self.is_full_for(size):
            self.clear()
        self[key] = value
        self.bytes += size
        return True

    def clear(self) -> None:
        """Forgets everything."""
        super().clear()
        self.bytes = 0


def size_of(part: object) -> int:
    """The bytes of a value and of all that its tuples and sets hold, at whatever depth; what stands in two counts twice."""
    own = getsizeof(part)
    return own + sum(map(size_of, part)) if isinstance(part, tuple | frozenset) else own
