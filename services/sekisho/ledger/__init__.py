"""The ledger: provision records in PostgreSQL, in Merkle logs that others can verify (ledger.md)."""
