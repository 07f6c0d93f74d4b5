"""What is wrong with a change of a joint-use notice is told (APPI 27(6)), and what a change means is compiled."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from sekisho.domain.book import JointUse, Rulebook

Slip = Callable[..., list[str]]

SLIPS = [
    ("- {since: 2026-07-10,", "- {since: 2026-04-30,", "lies before the notice was published"),
    ("responsible_details: true, notify_by: 2026-06-30", "responsible_details: true", "no day by which the change is told"),
    ("notify_by: 2026-06-30", "notify_by: 2026-06-01", "2026-06-01 lies before 2026-06-15"),
    ("{user: data-entry-co, by: group-analytics}", "{user: university, by: group-analytics}", "is no user of this notice"),
    ("add_users: [other-insurer]", "add_users: [other-insuror]", "nearest known: other-insurer"),
    (", add_items: [customer.occupation], add_users: [other-insurer]", "", "a change that changes nothing"),
    ("responsible: {organization: data-entry-co, address: 東京都千代田区1-1,", "responsible: {organization: data-entry-co,",
     "the responsible party's address is missing"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "said"), SLIPS)
def test_a_wrong_change_is_told(slip: Slip, before: str, after: str, said: str) -> None:
    """Each slip of a change is a problem, in words that name it."""
    assert any(said in problem for problem in slip(("notices.yaml", before, after)))


def test_a_change_holds_from_its_day_and_once_it_is_told(book: Rulebook) -> None:
    """Items and users from their day; a purpose once it is told; a lapse until the responsible party is told."""
    notice = book.agreements["JU-3"]
    assert isinstance(notice, JointUse)
    changes = notice.changes
    assert dict(changes.items) == {"customer.occupation": date(2026, 7, 10)}
    assert dict(changes.users) == {"other-insurer": date(2026, 7, 10)}
    assert dict(changes.heirs) == {"group-analytics": date(2026, 9, 1)}
    assert dict(changes.left) == {"data-entry-co": date(2026, 9, 1)}
    assert dict(changes.purposes) == {"complaint.handling": date(2026, 8, 15), "savings.administration": None}
    assert changes.lapses == (
        (date(2026, 6, 1), date(2026, 6, 9)),
        (date(2026, 7, 1), date(2026, 7, 4)),
    )
