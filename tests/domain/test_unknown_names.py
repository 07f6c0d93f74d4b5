"""What is unknown is told with the nearest known name (REQ-1), at a cost that a request's size does not drive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from bench.decision import AT, commons
from domain.worlds import sample_book
from sekisho.domain.decision import decide, forget
from sekisho.domain.request import AccessRequest
from sekisho.domain.rules import req


class Compared:
    """Counts the names that are compared with a catalogue."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, name: str, known: Sequence[str], n: int) -> list[str]:
        """As `difflib.get_close_matches`, with an answer that tells the name."""
        self.count += 1
        return [f"near-{name}"]


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> Iterator[Compared]:
    counting = Compared()
    forget()
    req._nearest.cache_clear()
    monkeypatch.setattr(req, "get_close_matches", counting)
    yield counting
    forget()
    req._nearest.cache_clear()


def _unknown(count: int) -> AccessRequest:
    return commons()[0].request._replace(
        items=tuple(f"item-{number}" for number in range(count)),
        anticipated_purposes=tuple(f"purpose-{number}" for number in range(count)),
    )


def _details(request: AccessRequest) -> dict[str, str]:
    return dict(decide(request, (), sample_book(), AT).details)


def test_a_request_of_unknown_names_compares_few_of_them(compared: Compared) -> None:
    """Of 500 unknown items and 500 purposes ten each are compared; all are named, in the request's order."""
    told = _details(_unknown(500))
    assert compared.count == 20
    items = told[req.UNKNOWN_ITEM.code].split(", ")
    assert items[:10] == [f"item-{number} (→ near-item-{number} ?)" for number in range(10)]
    assert items[10:] == [f"item-{number}" for number in range(10, 500)]
    assert len(told[req.UNKNOWN_PURPOSE.code].split(", ")) == 500


def test_a_name_is_compared_with_a_catalogue_once(compared: Compared) -> None:
    """The same mistake in another question takes no comparison, and is told in the same words."""
    first = _details(_unknown(5))
    assert compared.count == 10
    forget()
    assert _details(_unknown(5)._replace(card_number_in_full="1")) == first
    assert compared.count == 10


def test_a_name_is_remembered_by_its_catalogue() -> None:
    """The same name is nearest to another one in another catalogue, and to none where none is near."""
    assert req._nearest("customer.nam", ("customer.name", "deposit.balance")) == "customer.name"
    assert req._nearest("customer.nam", ("customer.names", "deposit.balance")) == "customer.names"
    assert req._nearest("customer.nam", ("deposit.balance",)) is None


def test_what_is_remembered_of_names_is_bounded() -> None:
    """A sender who makes names up fills no memory."""
    for number in range(2 * req._nearest.cache_parameters()["maxsize"]):
        req._nearest(f"name-{number}", ())
    assert req._nearest.cache_info().currsize <= req._nearest.cache_parameters()["maxsize"]
