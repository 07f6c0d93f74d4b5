"""The decoding and the encoding give what they gave: some 5,800 outcomes, pinned as hashes in `outcomes.jsonl`.

A net under every rewriting of services/sekisho/contracts: an accepted message's value and digest, a refused one's
cause, field, texts, and all that its answer is made of; of verdicts and rejections, the bytes that are written.

Where a change of the contract is meant (a new field, another text), look at the differences that the test tells, then:

    PYTHONPATH=tests .venv/bin/python -m fuzz.golden

and commit `outcomes.jsonl` with the change; the words in its diff show what else has changed. The same command after a
change of the mutators (fuzz/mutating*.py), with services/ untouched: where "in" differs, it is another input.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from fuzz.golden.inputs import COUNTS, Input, an_input, bases
from fuzz.golden.outcomes import kept, line_now

_SHOWN = 5


@pytest.mark.parametrize("kind", list(COUNTS))
def test_every_outcome_is_as_it_was(kind: str) -> None:
    """No input has another outcome than the one that was kept."""
    known = kept()
    given = [an_input(kind, number) for number in range(COUNTS[kind])]
    changed = [each for each in given if line_now(each) != known.get(f"{kind}-{each.number}")]
    assert not changed, "\n".join(
        [f"{len(changed)} outcomes have changed", *(_told(each, known) for each in changed[:_SHOWN])]
    )


def _told(changed: Input, known: Mapping[str, str]) -> str:
    was = known.get(f"{changed.kind}-{changed.number}", "nothing")
    outcome = json.dumps(changed.outcome().whole, ensure_ascii=False)
    return f"was {was}\nnow {line_now(changed)}\n    of  {changed.sent[:2000]}\n    all {outcome[:2000]}"


def test_nothing_else_is_kept() -> None:
    """Each kept outcome has its input."""
    assert set(kept()) == {f"{kind}-{number}" for kind, count in COUNTS.items() for number in range(count)}


@pytest.mark.parametrize("kind", ["request", "consent"])
def test_the_bases_themselves_are_accepted(kind: str) -> None:
    """What the changed messages are made of is good, in each mode: else they would all fall at the first hurdle."""
    known = kept()
    words = [json.loads(known[f"{kind}-{number}"])["word"] for number in range(len(bases(kind)))]
    assert set(words) == {"accepted"}
