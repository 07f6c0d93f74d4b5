"""The event-log port and its two implementations: real Kafka, and an in-memory log that passes the same contract suite."""
