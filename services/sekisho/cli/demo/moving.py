"""Moves a document in time: every day and time in it by a number of days (the world's base day to today)."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any, Final

_DAY: Final = re.compile(r"(\d{4}-\d{2}-\d{2})(T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2}))?", re.ASCII)


def moved(value: Any, days: int) -> Any:
    """The value with every text that is a day or a time moved by `days`; the time of day stays."""
    if isinstance(value, dict):
        return {name: moved(each, days) for name, each in value.items()}
    if isinstance(value, list):
        return [moved(each, days) for each in value]
    found = _DAY.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return value
    return (date.fromisoformat(found[1]) + timedelta(days=days)).isoformat() + (found[2] or "")
