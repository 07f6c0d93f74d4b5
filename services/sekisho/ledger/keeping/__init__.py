"""Keeping: how long what the ledger holds is kept, what a hold stops, and what is deleted when it is due (records.md)."""
