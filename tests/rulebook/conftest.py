"""What the rulebook's tests share: the sample's texts, the sample compiled, and the sample with one slip in it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sekisho.domain.book import Rulebook
from sekisho.rulebook import RulebookError, compile_sources, read_texts, sample_path

Slip = Callable[..., list[str]]
"""((file, old, new), …) → the problems, as printed, of the sample with the first `old` of the file replaced by `new`."""


@pytest.fixture(scope="session")
def texts() -> dict[str, str]:
    """The sample rulebook's source texts."""
    return read_texts(sample_path())


@pytest.fixture(scope="session")
def book(texts: dict[str, str]) -> Rulebook:
    """The sample rulebook, compiled."""
    return compile_sources(texts).book


@pytest.fixture
def slip(texts: dict[str, str]) -> Slip:
    """Makes slips in the sample and tells what the loader says of them."""

    def problems(*edits: tuple[str, str, str]) -> list[str]:
        changed = dict(texts)
        for file, old, new in edits:
            assert old in changed[file], f"{file} does not hold {old!r}"
            changed[file] = changed[file].replace(old, new, 1)
        try:
            compile_sources(changed)
        except RulebookError as error:
            return [str(problem) for problem in error.problems]
        return []

    return problems
