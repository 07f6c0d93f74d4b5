"""What the database tells of scopes, inside a batch's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

from sekisho.domain.retention import effective
from sekisho.ledger.ingest.scopes import ScopeState, Turns
from sekisho.ledger.store.connection import Connection, rows

_EXTENSIONS: Final = """
    SELECT e.scope::text, e.retain_until, e.at
    FROM extension e JOIN log l USING (log_id)
    WHERE e.scope = ANY(%s::uuid[])
    ORDER BY e.scope, e.at, l.origin COLLATE "C", e.idx
"""
_MEMBER: Final = """
    SELECT s.scope::text, p.retain_until
    FROM unnest(%s::uuid[]) AS s(scope)
    CROSS JOIN LATERAL (SELECT retain_until FROM payload WHERE payload.scope = s.scope LIMIT 1) p
"""
"""One member is enough: without extensions all of a scope state the same."""
_ENDED: Final = """
    SELECT scope::text, max(created_at) FILTER (WHERE retain_until IS NOT NULL), max(retain_until),
        max(created_at) FILTER (WHERE retain_until IS NULL)
    FROM payload WHERE scope = ANY(%s::uuid[]) GROUP BY scope
"""
"""Reads all members of a scope: asked only where a record without an end meets a scope that has one, or the other way round."""


async def states(conn: Connection, scopes: Sequence[str], turns: Turns) -> dict[str, ScopeState]:
    """The state of each scope; `turns` tells which of them the new records may open or end."""
    extensions: dict[str, list[date | None]] = {}
    extended_at: dict[str, datetime] = {}
    for scope, until, at in await rows(
        conn, _EXTENSIONS, (list(scopes),), doing="reading what extends agreements"
    ):
        extensions.setdefault(scope, []).append(until)
        extended_at[scope] = at
    plain = [scope for scope in scopes if scope not in extensions]
    members: dict[str, date | None] = dict(
        await rows(conn, _MEMBER, (plain,), doing="reading what agreements state") if plain else ()
    )
    found = {
        scope: ScopeState(True, None, tuple(days), extended_at=extended_at[scope])
        for scope, days in extensions.items()
    }
    found |= {scope: ScopeState(True, until) for scope, until in members.items()}
    return found | await _ended(conn, found, turns)


async def _ended(conn: Connection, found: dict[str, ScopeState], turns: Turns) -> dict[str, ScopeState]:
    """Those that turn: from ended to open, or back."""
    turned = []
    for scope, state in found.items():
        ends = effective(state.stated, state.extensions) is not None
        if scope in (turns.opened if ends else turns.ended):
            turned.append(scope)
    if not turned:
        return {}
    changed = {}
    for scope, ended_at, latest, opened_at in await rows(
        conn, _ENDED, (turned,), doing="reading what agreements stated as their end"
    ):
        state = found[scope]
        stated = latest if state.extensions else state.stated
        changed[scope] = state._replace(ended_at=ended_at, stated=stated, opened_at=opened_at)
    return changed
