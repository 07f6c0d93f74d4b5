"""The kept outcomes: one line of JSON each, hashes of what went in and of all that came out, and a word for people."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from fuzz.golden.inputs import FOLDER, Input, inputs


def path() -> Path:
    """The file of kept outcomes."""
    return FOLDER / "outcomes.jsonl"


def line_now(each: Input) -> str:
    """An input's line by the code as it is now."""
    outcome = each.outcome()
    sent = hashlib.sha256(each.sent.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    found = {"n": f"{each.kind}-{each.number}", "in": sent, "out": outcome.digest, "word": outcome.word}
    return json.dumps(found, ensure_ascii=False)


def lines_now() -> Iterator[str]:
    """Every line by the code as it is now."""
    return map(line_now, inputs())


def kept() -> Mapping[str, str]:
    """The kept lines by their inputs' names."""
    lines = path().read_text(encoding="utf-8").splitlines()
    return {json.loads(line)["n"]: line for line in lines}
