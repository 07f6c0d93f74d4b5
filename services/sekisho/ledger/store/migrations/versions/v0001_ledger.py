"""The ledger's first schema."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import psycopg
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Run the SQL file as it stands: a driver that looks for parameters would stumble over its percent signs.

    There is no way down: an older schema would have to delete rows that are never deleted. A backup is restored instead.
    """
    connection = cast("psycopg.Connection", op.get_bind().connection.driver_connection)
    connection.execute(Path(__file__).with_suffix(".sql").read_bytes())
