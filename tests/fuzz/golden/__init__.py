"""What the decoding and the encoding gave when the hot path was first made fast: any other answer shows (test_golden.py)."""
