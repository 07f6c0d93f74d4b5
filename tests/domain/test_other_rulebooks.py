"""What the sample rulebook has no example of: policy rules switched off, a batch agreement that ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache
from typing import Any

import pytest

from domain.worlds import AT, RECIPIENTS, sample_book
from sekisho.domain.book import BatchAgreement, Rulebook
from sekisho.domain.decision import decide
from sekisho.domain.events import ConsentGranted, ConsentRecipient, Position, Terms
from sekisho.domain.request import AccessRequest, Activity, Recipient, RecordRequest, Requester
from sekisho.domain.verdict import Verdict

BANK = Requester("savings-bank", "deposit", "core-banking")
POST = Requester("post-office", "insurance_solicitation", "window-terminal", "op-0124", "br-0457")
BORROWING_FOR_DEPOSITS = AccessRequest(
    "r", AT, BANK, "C-1", "individual", "use", "savings-bank", ("loans.borrowing",), "savings.solicitation",
    Activity("maintenance", "none"),
)  # fmt: skip
SAVINGS_UNDER_A_SOLICITOR = BORROWING_FOR_DEPOSITS._replace(
    requester=POST, items=("customer.name",), purpose="savings.maturity_notice"
)
ANOTHERS_DEPOSITS = BORROWING_FOR_DEPOSITS._replace(
    items=("savings.balance",), product_provider="regional-bank"
)
UNCHECKED_CUSTOMER = BORROWING_FOR_DEPOSITS._replace(
    requester=Requester("regional-bank", "insurance_solicitation", "rb-core", "op-4001"),
    holder="regional-bank",
    items=("customer.name",),
    purpose="insurance.solicitation",
    activity=Activity("explanation", "mail"),
)


@cache
def switched_off(rule: str, organization: str) -> Rulebook:
    """The sample rulebook with a rule switched off for an organization."""
    return replace(sample_book(), digest="sha256:switched", switched_off=frozenset({(rule, organization)}))


@pytest.mark.parametrize(
    ("rule", "request_"),
    [
        ("ACC-4", SAVINGS_UNDER_A_SOLICITOR),
        ("WALL-3", ANOTHERS_DEPOSITS),
        ("WALL-13", UNCHECKED_CUSTOMER),
        ("WALL-15", BORROWING_FOR_DEPOSITS),
    ],
)
def test_a_rule_is_switched_off_for_the_organization_named_and_no_other(
    rule: str, request_: AccessRequest
) -> None:
    """Which rules may be is the rulebook's own check; here: it no longer refuses, there, and only there."""
    own = request_.requester.organization
    assert {cite.rule for cite in decide(request_, [], sample_book(), AT).reasons} == {rule}
    assert decide(request_, [], switched_off(rule, "life-insurer"), AT).effect == "deny"
    assert decide(request_, [], switched_off("WALL-6", own), AT).effect == "deny"
    assert decide(request_, [], switched_off(rule, own), AT).effect == "allow"


CONSENT = ConsentGranted(
    "e", "PV-1", "provision", "savings-bank", Position(None, 0), AT, AT, "written", "face_to_face", "written", AT,
    Terms(items=frozenset({"savings.balance"})),
    recipients=tuple(ConsentRecipient(each, each, "03-0000-0000", "insurance.administration") for each in RECIPIENTS),
    bundled=False, coerced=False,
)  # fmt: skip


def provided(last: date | None, asked: RecordRequest) -> Verdict:
    """A provision under AG-6 as if it ended on that day."""
    book = sample_book()
    agreement = book.agreements["AG-6"]
    assert isinstance(agreement, BatchAgreement)
    ending = replace(agreement, last_provision=last)
    ended = replace(book, digest=f"sha256:{last}", agreements={**book.agreements, "AG-6": ending})
    request = AccessRequest(
        "r", AT, BANK, "C-1", "individual", "provide", "savings-bank", ("savings.balance",), "insurance.administration",
        Activity("maintenance", "none"), record=asked,
        recipient=Recipient("life-insurer", "third_party", "life-insurer", "東京都", "代表", "JP"),
    )  # fmt: skip
    return decide(request, [CONSENT], ended, AT)


def test_the_last_day_of_a_batch_is_within_and_ends_retention() -> None:
    """Three years counted from the last provision, that day included."""
    record = provided(date(2026, 11, 21), RecordRequest("batch", "AG-6")).record
    assert record is not None
    assert (record.first_provision, record.last_provision) == (date(2026, 10, 1), date(2026, 11, 21))
    assert record.retain_until == date(2029, 11, 20)


def test_a_batch_that_is_over_covers_nothing_more() -> None:
    """The day after its last provision is outside the agreement."""
    assert provided(date(2026, 11, 20), RecordRequest("batch", "AG-6")).effect == "deny"


def test_a_batch_to_end_later_is_kept_from_its_end() -> None:
    """Its end is known beforehand: retention counts from it."""
    record = provided(date(2027, 3, 31), RecordRequest("batch", "AG-6")).record
    assert record is not None
    assert record.retain_until == date(2030, 3, 30)


def test_what_the_request_states_of_the_span_stands_in_the_record() -> None:
    """First and last provision of the request go before the agreement's."""
    asked = RecordRequest("batch", "AG-6", None, date(2026, 10, 15), date(2026, 12, 31))
    record = provided(None, asked).record
    assert record is not None
    assert (record.first_provision, record.last_provision) == (date(2026, 10, 15), date(2026, 12, 31))
    assert record.retain_until == date(2029, 12, 30)


def test_of_two_last_provisions_the_later_counts() -> None:
    """A requester's earlier day does not shorten what the registered end of the batch asks for."""
    asked = RecordRequest("batch", "AG-6", None, None, date(2026, 11, 21))
    record = provided(date(2027, 3, 31), asked).record
    assert record is not None
    assert (record.last_provision, record.retain_until) == (date(2027, 3, 31), date(2030, 3, 30))


def test_a_prohibited_requester_gets_nothing() -> None:
    """Whoever asks and is on the list is refused, though nothing else refuses it (USE-1)."""
    book = sample_book()
    asked = BORROWING_FOR_DEPOSITS._replace(purpose="savings.administration")
    assert decide(asked, [], book, AT).effect == "allow"
    banned = replace(book.organizations["savings-bank"], prohibited=True)
    listed = replace(
        book, digest="sha256:listed", organizations={**book.organizations, "savings-bank": banned}
    )
    verdict = decide(asked, [], listed, AT)
    assert [cite.code for cite in verdict.reasons] == ["recipient.prohibited"]


@pytest.mark.parametrize(
    ("scope", "code"),
    [
        ({"systems": frozenset({"core-banking"})}, "requester.operator_scope"),
        ({"systems": frozenset({"call-center"})}, None),
        ({"items": frozenset({"savings.maturity_date"})}, "requester.operator_scope"),
        ({"items": frozenset({"savings.balance"})}, None),
        ({"businesses": frozenset({"lending"})}, "requester.operator_scope"),
        ({"active_from": date(2026, 11, 22)}, "requester.operator_mismatch"),
        ({"active_from": date(2026, 11, 21)}, None),
    ],
)
def test_an_operators_own_scope_and_first_day(scope: dict[str, Any], code: str | None) -> None:
    """Registered systems, items and businesses restrict; the first active day is included (ACC-2)."""
    book = sample_book()
    operator = replace(book.operators["op-2001"], **scope)
    scoped = replace(book, digest=f"sha256:{scope}", operators={**book.operators, "op-2001": operator})
    asked = BORROWING_FOR_DEPOSITS._replace(
        requester=Requester("savings-bank", "deposit", "call-center", "op-2001"),
        items=("savings.balance",),
        purpose="savings.administration",
    )
    verdict = decide(asked, [], scoped, AT)
    assert [cite.code for cite in verdict.reasons] == ([] if code is None else [code])
