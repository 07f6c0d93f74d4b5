"""Alembic's entry: runs the migrations on the connection that `schema.migrate` opened, locked and gave the owner's role."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table_schema="sekisho_ledger",
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
