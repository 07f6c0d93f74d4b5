"""What the ledger takes on disk."""

from __future__ import annotations

from typing import Final, NamedTuple

from sekisho.ledger.store.connection import Connection, rows

# a partition counts as its parent: what it is called says which
_SIZES: Final = """
    SELECT CASE WHEN t.relispartition THEN 'payload' ELSE t.relname END, coalesce(sum(greatest(t.reltuples, 0)), 0)::int8,
        sum(pg_relation_size(t.oid, 'main') + pg_relation_size(t.oid, 'fsm') + pg_relation_size(t.oid, 'vm'))::int8,
        sum(CASE WHEN t.reltoastrelid = 0 THEN 0 ELSE pg_total_relation_size(t.reltoastrelid) END)::int8
    FROM pg_class t WHERE t.relnamespace = 'sekisho_ledger'::regnamespace AND t.relkind = 'r' GROUP BY 1 ORDER BY 1
"""
_INDEXES: Final = """
    SELECT CASE WHEN t.relispartition THEN 'payload' ELSE t.relname END,
        coalesce(parent.relname, i.relname), sum(pg_total_relation_size(i.oid))::int8
    FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
        LEFT JOIN pg_inherits h ON h.inhrelid = i.oid LEFT JOIN pg_class parent ON parent.oid = h.inhparent
    WHERE t.relnamespace = 'sekisho_ledger'::regnamespace AND t.relkind = 'r' GROUP BY 1, 2 ORDER BY 1, 2
"""


class TableSize(NamedTuple):
    """A table's size in bytes: rows as PostgreSQL estimates them, heap, what lies out of line, each index."""

    table: str
    rows: int
    heap_bytes: int
    toast_bytes: int
    indexes: dict[str, int]

    @property
    def total_bytes(self) -> int:
        """All of it."""
        return self.heap_bytes + self.toast_bytes + sum(self.indexes.values())


async def sizes(connection: Connection) -> list[TableSize]:
    """Every table; the partitions of `payload` as one."""
    indexes: dict[str, dict[str, int]] = {}
    for table, index, size in await rows(connection, _INDEXES, doing="measuring indexes"):
        indexes.setdefault(table, {})[index] = size
    found = await rows(connection, _SIZES, doing="measuring tables")
    return [TableSize(name, count, heap, toast, indexes.get(name, {})) for name, count, heap, toast in found]
