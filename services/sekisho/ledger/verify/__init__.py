"""Verification of a ledger from outside: from its database or from an exported folder, by what its leaves say and nothing else.

What it trusts: the verifier keys that it is given, and the older checkpoints that it is given. What it reads is all that the
ledger holds: leaves, hashes, tiles, checkpoints, payloads and the tables that speed the ledger up. It writes nothing, takes
no clock but the one that it is given, and opens no network connection but the database's.
"""
