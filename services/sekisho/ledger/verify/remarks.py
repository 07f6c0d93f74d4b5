"""What is no fault of the ledger's contents, but makes one easier: guards that are off, what was put beside the tables, marks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from sekisho.ledger.store.schema import GUARDS

Query = Callable[[str], list[tuple[Any, ...]]]
_SHOWN: Final = 3
_TRIGGERS: Final = "'append_only', 'purge_only', 'forward_only', 'no_truncate', 'acts_only', 'acts_only_update', 'purge_leaf'"
_STRANGE: Final = f"""
    WITH ours AS (SELECT oid, relname, relkind, relrowsecurity FROM pg_class WHERE relnamespace = 'sekisho_ledger'::regnamespace)
    SELECT relname, 'row level security' FROM ours WHERE relrowsecurity
    UNION ALL SELECT relname, 'no table' FROM ours WHERE relkind IN ('v', 'm', 'f')
    UNION ALL SELECT relname, 'rule ' || rulename FROM pg_rewrite JOIN ours ON ev_class = ours.oid WHERE relkind IN ('r', 'p')
    UNION ALL SELECT relname, 'trigger ' || tgname FROM pg_trigger JOIN ours ON tgrelid = ours.oid
        WHERE NOT tgisinternal AND tgname NOT IN ({_TRIGGERS})
    UNION ALL SELECT relname, 'inherited' FROM pg_inherits JOIN ours ON inhparent = ours.oid WHERE relkind = 'r'
    ORDER BY 1, 2
"""  # noqa: S608  # constants
_MARKS: Final = "SELECT count(*) FROM sekisho_ledger.withholding"


def remarks(query: Query) -> Iterator[tuple[str, str]]:
    """In Japanese and English, of a database."""
    off = [f"{table} ({what})" for table, what in query(GUARDS)]
    if off:
        yield (
            f"追記専用の保護（トリガー）が外れています: {_some(off)}。",
            f"Guards of append-only tables are off: {_some(off)}. Find out who took them away, and when.",
        )
    strange = [f"{table}: {what}" for table, what in query(_STRANGE)]
    if strange:
        yield (
            f"台帳のものではない仕掛けがデータベースにあります: {_some(strange)}。他の利用者には内容が違って見える可能性があります。",
            f"The database has what the ledger did not put there: {_some(strange)}. Others may be shown something else than this verifier.",
        )
    ((marks,),) = query(_MARKS)
    if marks:
        yield (
            f"開示に関する区分が{marks}件あります。区分は署名の対象ではなく、追加・削除は検証できません。",
            f"{marks} marks keep something from disclosure. No log holds them: whether one was added or removed cannot be seen here.",
        )


def _some(texts: list[str]) -> str:
    more = len(texts) - _SHOWN
    return ", ".join(texts[:_SHOWN]) + (f", … (+{more})" if more > 0 else "")
