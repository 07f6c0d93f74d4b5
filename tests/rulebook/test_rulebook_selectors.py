"""The shorthand of the sources, resolved to exact ids."""

from __future__ import annotations

import pytest

from sekisho.domain.book import Rulebook
from sekisho.rulebook import compile_sources
from sekisho.rulebook.selectors import Selectors, UnknownSelectorError


@pytest.fixture(scope="module")
def selectors(texts: dict[str, str]) -> Selectors:
    """The sample's selectors."""
    return Selectors(compile_sources(texts).sources)


def test_an_id_selects_itself(selectors: Selectors) -> None:
    """Exact ids stand for themselves."""
    assert selectors.items(["card.number"]) == {"card.number"}
    assert selectors.purposes(["debt.collection"]) == {"debt.collection"}


def test_a_class_selects_its_items(selectors: Selectors, book: Rulebook) -> None:
    """Each of the eight classes stands for exactly its items."""
    for name in ("attribute", "relationship", "npfi", "npii", "sensitive", "credit", "card", "referable"):
        assert selectors.items([name]) == {i.id for i in book.items.values() if i.item_class == name}


def test_a_business_selects_its_purposes(selectors: Selectors, book: Rulebook) -> None:
    """`common` and the like stand for the purposes of that business."""
    for name in book.businesses:
        assert selectors.purposes([name]) == {p.id for p in book.purposes.values() if p.business == name}


def test_a_prefix_selects_across_classes_and_businesses(selectors: Selectors) -> None:
    """savings.* holds the relationship item too; insurance.* the solicitation purpose too."""
    assert "savings.account_held" in selectors.items(["savings.*"])
    assert len(selectors.items(["savings.*"])) == 6
    assert len(selectors.items(["customer.*"])) == 6
    assert selectors.purposes(["insurance.*"]) == {
        "insurance.solicitation", "insurance.underwriting", "insurance.administration", "insurance.claims_payment",
    }  # fmt: skip
    assert selectors.purposes(["lending.*"]) == {"lending.screening", "lending.solicitation"}


def test_several_selectors_are_united(selectors: Selectors) -> None:
    """What is selected twice is there once."""
    assert selectors.items(["card", "card.number"]) == {"card.number", "card.expiry"}


@pytest.mark.parametrize("selector", ["saving.*", "*", "npfis", "customer.*.name", "savings.", "deposit", ""])
def test_what_selects_no_item_is_an_error(selectors: Selectors, selector: str) -> None:
    """A shorthand that selects nothing would silently grant or forbid nothing."""
    with pytest.raises(UnknownSelectorError):
        selectors.items([selector])


def test_the_error_names_the_nearest(selectors: Selectors) -> None:
    """The hint of an unknown selector names the nearest known ones."""
    with pytest.raises(UnknownSelectorError) as raised:
        selectors.purposes(["insurence.*"])
    assert "insurance.*" in raised.value.hint
