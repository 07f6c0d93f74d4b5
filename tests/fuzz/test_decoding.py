"""The short part of `make fuzz`: some 20,000 messages of each kind by fixed seeds, and documents that hypothesis makes."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter, deque
from pathlib import Path
from subprocess import run
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.documents import documents
from fuzz.by_chance import decode, target
from fuzz.chance import Chance
from fuzz.mutating import mutated
from fuzz.samples import bare, binary, in_structure
from sekisho.contracts import access_requests, consent_events
from sekisho.contracts.json_schemas import json_schema

SEED = 4
COUNTS = {"request": 8_000, "consent": 8_000, "envelope": 6_000}
MODES = (binary, in_structure)


@pytest.mark.parametrize("kind", list(COUNTS))
def test_messages_changed_by_chance_break_nothing(kind: str) -> None:
    """Every property holds of each (fuzz/properties.py), within bounded time and memory; all sorts of outcomes come."""
    print(f"seed {SEED}")
    words: Counter[str] = decode(kind, COUNTS[kind], SEED, lambda done: None)
    assert sum(words.values()) == COUNTS[kind]
    assert words["accepted"] > COUNTS[kind] // 10
    assert len(words) > (15 if kind == "envelope" else 100)


@pytest.mark.parametrize("type_", [access_requests.TYPE, *consent_events.TYPES])
def test_documents_of_a_schema_changed_by_chance_break_nothing(type_: str) -> None:
    """As above, from documents that hypothesis draws from the contract's schema, in each mode."""
    kind = "request" if type_ == access_requests.TYPE else "consent"
    holds, structured = target(kind, deque()), target("envelope", deque())

    @settings(
        max_examples=60,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    @given(documents(json_schema(type_)), st.integers(0, 2**32))
    def check(document: Any, seed: int) -> None:
        chance = Chance(seed)
        mode = chance.below(3)
        message = bare(document) if mode == 2 and kind == "request" else MODES[mode % 2](type_, document)
        message = mutated(chance, message)
        assert holds(message)
        assert structured(message)

    check()


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="no atheris for this Python: nothing is guided")
@pytest.mark.parametrize("kind", ["request", "consent", "envelope"])
def test_guided_messages_break_nothing(kind: str) -> None:
    """A short run of each coverage-guided target: it starts, reaches new code from its seeds, and finds nothing."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "fuzz.guided", kind, "1500", str(SEED), folder]
        done = run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=250,
            cwd=Path(__file__).parents[1],
        )
        assert done.returncode == 0, done.stderr[-3000:]
        assert list(Path(folder, "kept").iterdir()), "nothing new was reached: is the code instrumented?"
