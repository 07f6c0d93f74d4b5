"""Ingestion: what the topics hold becomes leaves and payloads, exactly once, and the topic is trimmed behind it (ledger.md)."""
