"""Merkle trees, tiles, proofs, signed notes and canonical JSON: what lets others check the ledger without our tools.

Pure: bytes in, bytes out. No module here opens a file, a socket or a database, reads a clock or draws random numbers.
The formats are RFC 6962 (the tree), C2SP tlog-tiles, tlog-checkpoint, tlog-proof and signed-note, RFC 8785 (JSON).
"""
