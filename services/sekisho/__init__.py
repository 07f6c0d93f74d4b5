"""Sekisho (関所): an event-driven gatekeeper for savings and insurance data."""

__version__ = "0.1.0"
"""The version that decisions name as their engine's; pyproject.toml says the same (a test compares)."""
