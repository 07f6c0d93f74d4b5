"""The three clocks by which something is due, and why the least of them counts. Pure: the times are arguments.

Nothing is deleted early whatever the clock of one machine says (records.md): the database's, this host's, and the time that the
newest signed checkpoint states. One that runs ahead changes nothing, one that lags delays.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import NamedTuple

from sekisho.domain.calendar import tokyo_day


class Clocks(NamedTuple):
    """Three aware times, read at one moment. `checkpoint_at` None: nothing was ever signed, so nothing is due."""

    database_at: datetime
    host_at: datetime
    checkpoint_at: datetime | None

    @property
    def by_name(self) -> dict[str, datetime]:
        """Those that tell a time, by name."""
        told = {"database": self.database_at, "host": self.host_at, "checkpoint": self.checkpoint_at}
        return {name: at for name, at in told.items() if at is not None}

    @property
    def least(self) -> str:
        """The name of the clock that counts."""
        if self.checkpoint_at is None:
            return "checkpoint"
        return min(self.by_name.items(), key=lambda each: each[1])[0]

    @property
    def day(self) -> date | None:
        """The Asia/Tokyo day that all clocks have reached; what ended before it is due. None: no checkpoint."""
        return None if self.checkpoint_at is None else tokyo_day(min(self.by_name.values()))

    @property
    def latest_day(self) -> date:
        """The Asia/Tokyo day of the clock that is furthest ahead."""
        return tokyo_day(max(self.by_name.values()))

    @property
    def day_without_checkpoint(self) -> date:
        """The Asia/Tokyo day that both machines' clocks have reached."""
        return tokyo_day(min(self.database_at, self.host_at))

    def disagree(self, skew_seconds: float) -> bool:
        """Whether the machines' clocks are further apart than may be, or a checkpoint was signed that much after now.

        One that was signed long ago is none of it: where nothing arrives, nothing is signed.
        """
        skew, machines = timedelta(seconds=skew_seconds), (self.database_at, self.host_at)
        signed_later = self.checkpoint_at is not None and self.checkpoint_at - min(machines) > skew
        return max(machines) - min(machines) > skew or signed_later
