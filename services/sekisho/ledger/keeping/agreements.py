"""The agreements and documents that records were made under: which scopes they are, and how long those are kept."""

from __future__ import annotations

import json
from datetime import date
from typing import Final, NamedTuple, cast

from sekisho.domain.vocabulary import RecordMethod
from sekisho.ledger.store.connection import Connection, rows
from sekisho.ledger.store.retention import extensions_of

_UNDER: Final = """
    SELECT scope::text, min(method),
        CASE WHEN bool_or(retain_until IS NULL) THEN NULL ELSE max(retain_until) END, max(provided_on)
    FROM payload
    WHERE kind = 'record' AND scope IS NOT NULL
        AND CASE
            WHEN position(CASE method WHEN 'contract' THEN %(document)s::bytea ELSE %(agreement)s::bytea END IN body) = 0 THEN false
            ELSE convert_from(body, 'UTF8')::json ->> CASE method WHEN 'contract' THEN 'document' ELSE 'agreement' END = %(paper)s
        END
    GROUP BY scope ORDER BY scope
"""
"""Bodies are canonical JSON, so the member stands there as these bytes exactly: only such a body is parsed (a tenth of the time)."""


class Agreement(NamedTuple):
    """One scope of that name: `stated` and `extensions` as `domain.retention.effective` takes them. Days are Asia/Tokyo."""

    scope: str
    method: RecordMethod
    stated: date | None
    extensions: tuple[date | None, ...]
    newest_provision: date | None


async def agreements(conn: Connection, paper: str) -> list[Agreement]:
    """The scopes whose records name that agreement (batch) or document (contract). Reads every such record's body."""
    told = json.dumps(paper, ensure_ascii=False)
    values = {
        "document": f'"document":{told}'.encode(),
        "agreement": f'"agreement":{told}'.encode(),
        "paper": paper,
    }
    found = await rows(conn, _UNDER, values, doing="looking for an agreement's records")
    return [
        Agreement(scope, cast("RecordMethod", method), stated, await extensions_of(conn, scope), newest)
        for scope, method, stated, newest in found
    ]
