"""Scopes: the random uuid that all leaves of one agreement or policy carry, by a keyed hash of what it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from sekisho.ledger.store.connection import Connection, row, rows

_FIND: Final = "SELECT key, scope::text FROM scope WHERE key = ANY(%b::bytea[])"
# sorted: two writers that want the same new keys take them in the same order, so that neither blocks the other for good
_MAKE: Final = """
    INSERT INTO scope (key) SELECT key FROM unnest(%b::bytea[]) t (key) ORDER BY key ON CONFLICT (key) DO NOTHING RETURNING 0
"""


async def scopes(connection: Connection, keys: Sequence[bytes]) -> dict[bytes, str]:
    """The scope of each key, made where it is new.

    In transactions of its own, before the batch: a leaf names its scope, so the uuid must be settled before the leaf is written, and
    two lanes may want the same one. One that no leaf uses in the end does no harm: the next try finds it.
    """
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    found: dict[bytes, str] = dict(await rows(connection, _FIND, (wanted,), doing="looking for scopes"))
    if missing := [key for key in wanted if key not in found]:
        await rows(connection, _MAKE, (missing,), doing="making scopes")
        found |= dict(await rows(connection, _FIND, (missing,), doing="looking for scopes"))
    return found


async def scope_of(connection: Connection, key: bytes) -> str | None:
    """The scope of a key, None where there is none."""
    found = await row(
        connection, "SELECT scope::text FROM scope WHERE key = %b", (key,), doing="looking for a scope"
    )
    return None if found is None else str(found[0])


async def members(connection: Connection, scope: str, *, limit: int) -> list[tuple[int, int, date | None]]:
    """(log id, index, last day as stated) of at most `limit` payloads of a scope, by log and index."""
    query = "SELECT log_id, idx, retain_until FROM payload WHERE scope = %s ORDER BY log_id, idx LIMIT %s"
    found = await rows(connection, query, (scope, limit), doing="reading what belongs to a scope")
    return [(log_id, idx, until) for log_id, idx, until in found]
