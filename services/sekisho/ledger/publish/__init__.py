"""What the ledger shows to others: signed checkpoints, tiles as static files, proofs, and the keys that sign (ledger.md)."""
