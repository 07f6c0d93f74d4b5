"""`python -m fuzz.golden`: writes the outcomes anew, on purpose (test_golden.py says when)."""

from __future__ import annotations

import sys

from fuzz.golden.outcomes import lines_now, path

if __name__ == "__main__":
    path().write_text("".join(f"{line}\n" for line in lines_now()), encoding="utf-8")
    sys.exit(0)
