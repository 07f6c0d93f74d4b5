"""The decisions whose cost is measured, the fold included: the common ones (1 to 3 items, up to 3 consents) and hard ones."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from sekisho.domain.book import Rulebook
from sekisho.domain.decision import decide, decide_in_full
from sekisho.domain.events import (
    ConsentEvent,
    ConsentGranted,
    ConsentRecipient,
    ForeignInformation,
    Position,
    Terms,
)
from sekisho.domain.request import AccessRequest, Activity, Recipient, Requester
from sekisho.domain.verdict import Verdict
from sekisho.domain.vocabulary import Effect

AT = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
GIVEN = datetime(2026, 10, 1, 0, 30, tzinfo=UTC)
COPIES = 64
ABROAD = "overseas-ops-us"
ITEMS = ("customer.name", "savings.maturity_date", "savings.balance")


Decide = Callable[[AccessRequest, Iterable[ConsentEvent], Rulebook, datetime], Verdict]
IN_FULL: Decide = decide_in_full


@dataclass(frozen=True)
class Common:
    """One common decision: its inputs, and what it must answer (a bench of a wrong answer measures nothing)."""

    name: str
    request: AccessRequest
    events: tuple[ConsentEvent, ...]
    effect: Effect

    def run(self, book: Rulebook, decide: Decide = decide) -> Callable[[], object]:
        """The call to be timed, after checking its answer once.

        Each call gets objects of its own, as the gate's decoder makes them: nothing is found equal for being the same.
        """
        verdict = decide(self.request, self.events, book, AT)
        if verdict.effect != self.effect:
            raise SystemExit(f"{self.name}: expected {self.effect}, got {verdict.effect}: {verdict.reasons}")
        frozen = pickle.dumps((self.request, self.events))
        copies = itertools.cycle([pickle.loads(frozen) for _ in range(COPIES)])

        def call() -> object:
            request, events = next(copies)
            return decide(request, events, book, AT)

        return call


def consent(number: int) -> ConsentGranted:
    """A cross-sell consent of the sample world, valid at the decision time."""
    return ConsentGranted(
        event_id=f"E-{number}", consent_id=f"CS-{number}", kind="cross_sell", controller="savings-bank",
        position=Position(0, number), given_at=GIVEN, recorded_at=GIVEN + timedelta(minutes=1),
        method="written", mode="face_to_face", explained_method="written", explained_at=GIVEN,
        terms=Terms(
            date(2026, 10, 1), date(2028, 9, 30), "窓口", frozenset({"face_to_face", "mail"}), frozenset(ITEMS)
        ),
        purposes=frozenset({"insurance.solicitation"}), bundled=False, coerced=False,
    )  # fmt: skip


def _provision() -> ConsentGranted:
    shown = ConsentRecipient(
        "life-insurer", "life-insurer 株式会社", "0120-000-000", "insurance.administration"
    )
    return replace(consent(9), kind="provision", recipients=(shown,), purposes=frozenset())


def _solicitation(items: tuple[str, ...]) -> AccessRequest:
    return AccessRequest(
        request_id="r-1", requested_at=AT,
        requester=Requester("post-office", "insurance_solicitation", "savings-crm", "op-0123", "br-0456", "op-0123"),
        subject_id="C-000001", subject_kind="individual", action="use", holder="savings-bank", items=items,
        purpose="insurance.solicitation", product_provider="life-insurer",
        activity=Activity("list_extraction", "face_to_face", "11月のお客さま", items[1:]),
    )  # fmt: skip


def commons() -> tuple[Common, ...]:
    """The set that `make bench` times."""
    expired = replace(consent(2), terms=replace(consent(2).terms or Terms(), valid_until=date(2026, 11, 20)))
    oral = replace(consent(3), explained_method=None)
    own = AccessRequest(
        request_id="r-2", requested_at=AT, requester=Requester("savings-bank", "deposit", "core-banking"),
        subject_id="C-000001", subject_kind="individual", action="use", holder="savings-bank",
        items=("savings.balance",), purpose="savings.administration", activity=Activity("maintenance", "none"),
    )  # fmt: skip
    insurer = Recipient(
        "life-insurer", "third_party", "life-insurer 株式会社", "東京都千代田区1-1", "代表 太郎", "JP"
    )
    provide = own._replace(action="provide", purpose="insurance.administration", recipient=insurer)
    return (
        Common("allow: 1 item, no consent needed", own, (), "allow"),
        Common("deny: 1 item, no consent", _solicitation(ITEMS[1:2]), (), "deny"),
        Common("allow: 3 items, 1 consent", _solicitation(ITEMS), (consent(1),), "allow"),
        Common(
            "allow: 3 items, 3 consents", _solicitation(ITEMS), (consent(1), consent(2), consent(3)), "allow"
        ),
        Common("deny: 3 items, 2 near misses", _solicitation(ITEMS), (expired, oral), "deny"),
        Common("provide: 1 item, 1 consent, record", provide, (_provision(),), "allow"),
    )


PURPOSES = ("savings.administration", "savings.maturity_notice", "complaint.handling")


def _abroad(number: int) -> ConsentGranted:
    """A consent to provision abroad (APPI 28) that passes every clause."""
    shown = tuple([ConsentRecipient(ABROAD, ABROAD, "+1-555-0100", each) for each in PURPOSES])
    told = ForeignInformation("US", "制度の概要", "受領者の措置")
    return replace(
        consent(number),
        kind="foreign_provision",
        purposes=frozenset(PURPOSES),
        recipients=shown,
        foreign=told,
    )


def hards() -> tuple[Common, ...]:
    """3 items, 3 purposes, 5 consents, provision to a third party abroad: one of the consents serves, or none does."""
    recipient = Recipient(ABROAD, "third_party", f"{ABROAD} 株式会社", "1 Main Street", "Doe", "US")
    asked = AccessRequest(
        request_id="r-3", requested_at=AT, requester=Requester("savings-bank", "deposit", "core-banking"),
        subject_id="C-000001", subject_kind="individual", action="provide", holder="savings-bank", items=ITEMS,
        purpose=PURPOSES[0], anticipated_purposes=PURPOSES[1:], activity=Activity("maintenance", "none"),
        recipient=recipient,
    )  # fmt: skip
    terms = consent(1).terms or Terms()
    bad = (
        replace(_abroad(2), terms=replace(terms, valid_until=date(2026, 11, 20))),
        replace(_abroad(3), foreign=None),
        replace(_provision(), recipients=(ConsentRecipient(ABROAD, ABROAD, "+1-555-0100", PURPOSES[0]),)),
        consent(4),
    )
    uncertain = replace(_abroad(5), method="oral", bundled=None)
    return (
        Common("hard: abroad, 1 of 5 consents serves, record", asked, (_abroad(1), *bad), "allow"),
        Common("hard: abroad, none of 5 consents serves", asked, (uncertain, *bad), "deny"),
    )
