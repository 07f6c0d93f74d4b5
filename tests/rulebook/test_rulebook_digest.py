"""The digest follows the meaning: what changes it and what does not."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sekisho.rulebook import compile_sources, load, read_texts, sample_path
from sekisho.rulebook.canonical import canonical_json, digest
from sekisho.rulebook.sources import validate

SAMPLE = read_texts(sample_path())
DIGEST = digest(validate(SAMPLE).sources)
QUICK = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _digest(texts: dict[str, str]) -> str:
    return digest(validate(texts).sources)


def test_digest_is_sha256_of_the_canonical_form() -> None:
    """It names its algorithm, and the same sources give the same one from texts and from the folder."""
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", DIGEST)
    assert compile_sources(SAMPLE).book.digest == load(sample_path()).book.digest == DIGEST
    assert canonical_json(validate(SAMPLE).sources) == canonical_json(validate(dict(SAMPLE)).sources)


@QUICK
@given(seed=st.integers())
def test_files_order_comments_and_space_do_not_change_it(seed: int) -> None:
    """Other file names, other order of files, comments and empty lines leave the digest as it is."""
    chance = random.Random(seed)
    names = list(SAMPLE)
    chance.shuffle(names)
    changed = {}
    for number, name in enumerate(names):
        lines = []
        for line in SAMPLE[name].splitlines():
            if chance.random() < 0.05:
                lines.append(chance.choice(["", "# a comment", "   # もう一つ"]))
            lines.append(line + ("   " if chance.random() < 0.05 else ""))
        changed[f"{number}-{chance.randrange(9)}.yaml"] = "\n".join(lines) + "\n"
    assert _digest(changed) == DIGEST


@QUICK
@given(data=st.data())
def test_order_of_entries_and_lists_does_not_change_it(data: st.DataObject) -> None:
    """Operators in any order, and the items of a list in any order, mean the same."""
    header, *operators = SAMPLE["operators.yaml"].splitlines()[1:]
    mixed = data.draw(st.permutations(operators))
    users = data.draw(st.permutations(["savings-bank", "life-insurer", "group-analytics"]))
    notices = SAMPLE["notices.yaml"].replace(
        "users: [savings-bank, life-insurer, group-analytics]", f"users: [{', '.join(users)}]"
    )
    changed = {**SAMPLE, "operators.yaml": "\n".join([header, *mixed]) + "\n", "notices.yaml": notices}
    assert _digest(changed) == DIGEST


def test_a_section_spread_over_files_does_not_change_it() -> None:
    """Moving entries to a file of their own is no change of meaning."""
    *kept, last = SAMPLE["operators.yaml"].splitlines()
    changed = {**SAMPLE, "operators.yaml": "\n".join(kept) + "\n", "more.yaml": f"operators:\n{last}\n"}
    assert _digest(changed) == DIGEST


def test_a_default_written_out_does_not_change_it() -> None:
    """`provision: false` means what leaving it out means, so a later release may add fields."""
    changed = SAMPLE["specified-purposes.yaml"].replace(
        "- items: [credit]\n", "- items: [credit]\n      provision: false\n      provider: null\n", 1
    )
    assert changed != SAMPLE["specified-purposes.yaml"]
    assert _digest({**SAMPLE, "specified-purposes.yaml": changed}) == DIGEST


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("rulebook.yaml", "version: 2026.11.1", "version: 2026.11.2"),
        ("operators.yaml", "br-0457", "br-0458"),
        ("agreements.yaml", "valid_until: 2027-03-31", "valid_until: 2027-04-01"),
        ("agreements.yaml", "    valid_until: 2027-03-31\n", ""),
        ("specified-purposes.yaml", "      provision: true\n", ""),
        ("statutes.yaml", "  民法: {}\n", ""),
        ("terms.yaml", "学資, ", ""),
        ("persons.yaml", "guardian_under: 16", "guardian_under: 15"),
        ("rules/wall.yaml", "お客さまは、この同意を撤回されています。", "お客さまは同意を撤回されています。"),
        ("rules/wall.yaml", "severity: duty", "severity: effort"),
        ("equivalent-systems.yaml", "period_months: 12", "period_months: 11"),
        ("notices.yaml", "address: null", "address: 東京都千代田区1-1"),
    ],
)
def test_any_change_of_meaning_changes_it(file: str, old: str, new: str) -> None:
    """A day, a word, a number, an entry, a text: each gives another digest."""
    assert old in SAMPLE[file]
    assert _digest({**SAMPLE, file: SAMPLE[file].replace(old, new, 1)}) != DIGEST
