"""What a refusal tells beside its codes, and what a field says that nobody stated."""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from cases.on_the_core import all_cases, verdict
from sekisho.domain import events, request
from sekisho.domain.decision import hold
from sekisho.domain.request import AccessRequest, Activity, Requester
from sekisho.domain.rules.req import INVALID, STATE_STALE
from sekisho.domain.verdict import ItemVerdict, Verdict

LACKING = {
    "gl-er-19-2-opt-out": "record.agreement, record.method",
    "gl-er-19-3-opt-out": "record.method",
    "record-batch-before-first": "record.agreement, record.first_provision",
    "record-batch-of-another-purpose": "record.agreement",
    "record-opt-out-no-name": "recipient.name, recipient.address, recipient.representative",
    "record-registered-are-not-many": "recipient.name, recipient.address, recipient.representative",
    "record-foreign-no-name": "recipient.representative",
    "recv-record-no-basis": "receipt.basis",
    "recv-record-contract-without-document": "record.document",
    "ref-1-with-personal-data": "items: referable.browsing_history",
    "ref-record-no-recipient-name": "recipient.address",
    "ref-receive-as-another-row": "receipt.basis, receipt.acquisition",
    "req-5-no-name": "recipient.name",
    "req-5-no-address": "recipient.address",
    "req-5-last-provision-past": "record.last_provision",
    "req-5-first-provision-later": "record.first_provision",
}
"""Cases of REQ-5 and the fields of the contract that a person has to fill in."""


@pytest.mark.parametrize(("case_id", "told"), LACKING.items())
def test_a_record_that_lacks_something_says_what(case_id: str, told: str) -> None:
    """The remedy's text names the fields, as the contract calls them (REQ-5)."""
    (case,) = [each for each in all_cases() if each.id == case_id]
    assert dict(verdict(case).details)["record.particulars_missing"] == told


AT = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
LIST = AccessRequest(
    "r", AT, Requester("savings-bank", "deposit", "core-banking"), "C-1", "individual", "use", "savings-bank",
    ("customer.name", "savings.balance"), "savings.administration",
    Activity("list_extraction", "mail", None, ("savings.balance", "savings.maturity_date")),
)  # fmt: skip


def test_what_cannot_be_judged_is_refused_at_every_item() -> None:
    """That reason alone, at what is requested and at what was selected by (REQ-4); with what the text needs to know."""
    found = hold(LIST, STATE_STALE, {"seconds": "7"})
    assert found == Verdict(
        "deny",
        (
            ItemVerdict("customer.name", "requested", "deny", (), ("consent.state_stale",)),
            ItemVerdict("savings.balance", "requested", "deny", (), ("consent.state_stale",)),
            ItemVerdict("savings.maturity_date", "selection", "deny", (), ("consent.state_stale",)),
        ),
        (STATE_STALE,),
        details=(("seconds", "7"),),
    )
    unstated = LIST._replace(activity=Activity("list_extraction", "mail"))
    assert [item.item for item in hold(unstated, STATE_STALE).items] == ["customer.name", "savings.balance"]
    assert hold(unstated, STATE_STALE).details == ()


def test_an_invalid_request_has_no_items() -> None:
    """The reason and the field at fault are all that can be told (REQ-2)."""
    assert hold(None, INVALID, {"field": "items"}) == Verdict(
        "deny", (), (INVALID,), details=(("field", "items"),)
    )


DEFAULTS: dict[tuple[str, str], Any] = {
    ("AccessRequest", "anticipated_purposes"): (),
    ("Acquisition", "improper"): False,
    ("Acquisition", "by_opt_out"): False,
    ("RecordRequest", "method"): "individual",
    ("ConsentGranted", "purposes"): frozenset(),
    ("ConsentGranted", "recipients"): (),
    ("ConsentRecipient", "partners"): (),
    ("ConsentRefused", "purposes"): frozenset(),
    ("ConsentRefused", "recipients"): frozenset(),
}
"""contract.md: what is not null where it is not stated."""


def test_what_is_not_stated_is_null() -> None:
    """Every other optional field of requests and events is None by default: neither an empty text nor false."""
    found: dict[tuple[str, str], Any] = {}
    for kind in vars(request).values():
        for name, default in getattr(kind, "_field_defaults", {}).items():
            found[kind.__name__, name] = default
    for kind in vars(events).values():
        if isinstance(kind, type) and is_dataclass(kind):
            found.update(
                {
                    (kind.__name__, each.name): each.default
                    for each in fields(kind)
                    if each.default is not MISSING
                }
            )
    stated = {key: default for key, default in found.items() if default is not None}
    assert stated == DEFAULTS
    assert events.SubjectStatus("e", events.Position(None, 0), AT).told == frozenset()
