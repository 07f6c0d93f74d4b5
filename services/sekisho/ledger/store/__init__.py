"""The ledger's rows: all SQL that writes or reads them, the schema and its migrations, roles and triggers (ledger.md, "PostgreSQL").

psycopg 3, async throughout, because the services are; `schema.migrate` alone is sync: Alembic is. Nothing here knows what a
leaf says, but for `acts`, which opens the year's log of acts.
"""
