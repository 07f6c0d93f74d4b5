"""Random requests and consent events within the sample world, in the core's own types, for the property tests.

The choices are few on purpose: consents then often nearly serve, agreements nearly cover, and every rule gets its turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from random import Random
from typing import TypeVar, get_args

from hypothesis import strategies as st

from sekisho.domain.book import Rulebook
from sekisho.domain.events import (
    ConsentConfirmed,
    ConsentEvent,
    ConsentGranted,
    ConsentRecipient,
    ConsentRefused,
    ConsentWithdrawn,
    Position,
    RestrictionCheck,
    SubjectStatus,
    SuspensionLifted,
    SuspensionOrdered,
    Terms,
)
from sekisho.domain.request import AccessRequest, Activity, LegalBasis, Recipient, RecordRequest, Requester
from sekisho.domain.vocabulary import (
    Action,
    ActivityKind,
    ConsentKind,
    ConsentMethod,
    Mode,
    Relation,
    SubjectKind,
)
from sekisho.rulebook import load, sample_path

T = TypeVar("T")

AT = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
"""The sample world's base day, ten in the morning in Tokyo."""
ITEMS = (
    "customer.name", "savings.account_held", "savings.balance", "savings.maturity_date", "loans.borrowing",
    "insurance.policy", "sensitive.medical_history", "card.number",
)  # fmt: skip
PURPOSES = (
    "insurance.solicitation", "savings.administration", "savings.solicitation", "lending.screening",
    "insurance.administration", "complaint.handling", "consent.acquisition", "restricted_customer.check",
)  # fmt: skip
HOLDERS = (
    "savings-bank",
    "savings-bank/former-bank",
    "life-insurer",
    "regional-bank",
    "agency-a/life-insurer",
)
CONTROLLERS = ("savings-bank", "life-insurer", "regional-bank")
RECIPIENTS = ("life-insurer", "other-insurer", "post-office")
REQUESTERS = (
    Requester("post-office", "insurance_solicitation", "savings-crm", "op-0123", "br-0456", "op-0123"),
    Requester("post-office", "deposit", "window-terminal", "op-0125", "br-0456"),
    Requester("savings-bank", "deposit", "core-banking"),
    Requester("savings-bank", "lending", "call-center", "op-2001"),
    Requester("life-insurer", "insurance", "claims", "op-3001"),
    Requester("life-insurer", "insurance_solicitation", "policy-admin"),
    Requester("other-insurer", "insurance_solicitation", "other-admin", "op-3501"),
    Requester("regional-bank", "insurance_solicitation", "rb-core", "op-4001"),
    Requester("regional-bank", "lending", "rb-core", "op-4001"),
    Requester("agency-a", "insurance_solicitation", "agency-crm", "op-4501"),
)


@cache
def sample_book() -> Rulebook:
    """The sample rulebook, compiled."""
    return load(sample_path()).book


def country_of(named: Recipient) -> str | None:
    """Where a recipient is: as registered, else as the request says (FORN-0)."""
    known = sample_book().organizations.get(named.id)
    return known.country if known is not None else named.country


def partners_of(organization: str) -> tuple[str, ...]:
    """The partner bureaus of a registered credit bureau."""
    known = sample_book().organizations.get(organization)
    return () if known is None else tuple(sorted(known.partners))


def moment(chance: Random) -> datetime:
    """A time about the decision's: weeks before, the very moment, or after it."""
    return AT + timedelta(hours=chance.choice((-2000, -700, -24, -1, 0, 1, 48)))


def maybe(chance: Random, value: T) -> T | None:
    """The value, or now and then nothing."""
    return None if chance.random() < 0.2 else value


def some(chance: Random, whole: tuple[str, ...], least: int, most: int) -> tuple[str, ...]:
    """A few of them."""
    return tuple(chance.sample(whole, chance.randint(least, most)))


def terms(chance: Random) -> Terms:
    """What was shown; now and then something is missing."""
    modes: tuple[frozenset[Mode] | None, ...] = (
        frozenset({"face_to_face", "mail", "phone"}),
        frozenset({"mail"}),
        frozenset(),
        None,
    )
    return Terms(
        valid_from=chance.choice((date(2026, 9, 1), date(2026, 11, 21), date(2026, 11, 22), None)),
        valid_until=chance.choice((date(2028, 9, 30), date(2026, 11, 21), date(2026, 11, 20), None)),
        withdrawal=maybe(chance, "窓口"),
        modes=chance.choice(modes),
        items=maybe(chance, frozenset(some(chance, ITEMS, 3, 6))),
    )


def consent(chance: Random, event_id: str = "e") -> ConsentGranted:
    """A consent as recorded, good or lacking."""
    given = maybe(chance, moment(chance))
    kinds: tuple[ConsentKind, ...] = ("cross_sell", "purpose", "provision", *get_args(ConsentKind))
    return ConsentGranted(
        event_id=event_id,
        consent_id=chance.choice(("C-1", "C-2", "C-3")),
        kind=chance.choice(kinds),
        controller=chance.choice(CONTROLLERS),
        position=Position(None, 0),
        given_at=given,
        recorded_at=maybe(chance, moment(chance)),
        method=maybe(chance, chance.choice(get_args(ConsentMethod))),
        mode=maybe(chance, chance.choice(get_args(Mode))),
        explained_method=maybe(chance, chance.choice(get_args(ConsentMethod))),
        explained_at=chance.choice((given, maybe(chance, moment(chance)))),
        terms=maybe(chance, terms(chance)),
        purposes=frozenset(some(chance, PURPOSES, 0, 4)),
        recipients=tuple(named_recipient(chance) for _ in range(chance.randint(0, 2))),
        bundled=chance.choice((False, False, True, None)),
        coerced=chance.choice((False, False, True, None)),
        accepted_at=maybe(chance, moment(chance)),
        acceptance_refused_at=chance.choice((None, moment(chance))),
        guardian_relation=maybe(chance, "親権者"),
        guardian_document=maybe(chance, "DOC-1"),
    )


def good_consent(chance: Random) -> ConsentGranted:
    """A consent that passes every clause for whatever it names."""
    kinds: tuple[ConsentKind, ...] = ("cross_sell", "purpose", "provision")
    given, shown = AT - timedelta(days=50), frozenset({"face_to_face", "mail", "phone"})
    return ConsentGranted(
        event_id="good",
        consent_id="C-1",
        kind=chance.choice(kinds),
        controller=chance.choice(("savings-bank", *CONTROLLERS)),
        position=Position(None, 0),
        given_at=given,
        recorded_at=given,
        method="written",
        mode="face_to_face",
        explained_method="written",
        explained_at=given,
        terms=Terms(date(2026, 10, 1), date(2028, 9, 30), "窓口", shown, frozenset(ITEMS)),
        purposes=frozenset(PURPOSES),
        recipients=tuple(
            ConsentRecipient(name, name, "03-0000-0000", purpose)
            for name in RECIPIENTS
            for purpose in PURPOSES
        ),
        bundled=False,
        coerced=False,
    )


def named_recipient(chance: Random) -> ConsentRecipient:
    """A recipient that a consent names, with or without the particulars."""
    contact, purpose = maybe(chance, "03-0000-0000"), maybe(chance, chance.choice(PURPOSES))
    return ConsentRecipient(chance.choice(RECIPIENTS), "名称", contact, purpose)


def other_event(chance: Random, event_id: str = "e") -> ConsentEvent:
    """A withdrawal, refusal, confirmation, stop, lift or status."""
    when, position = moment(chance), Position(None, 0)
    consent_id, controller = chance.choice(("C-1", "C-2")), chance.choice(CONTROLLERS)
    purposes = frozenset(some(chance, PURPOSES, 0, 2))
    items = chance.choice((None, frozenset(some(chance, ITEMS, 1, 2))))
    check = RestrictionCheck(*chance.choice(((date(2026, 11, 1), date(2026, 11, 2)), (None, None))))
    told = frozenset(
        some(chance, ("birth_date", "capacity", "restricted_customer", "restriction_check"), 0, 4)
    )
    events: tuple[ConsentEvent, ...] = (
        ConsentConfirmed(event_id, consent_id, position, "written", when),
        ConsentConfirmed(event_id, consent_id, position, "electronic", when),
        ConsentWithdrawn(event_id, position, when, consent_id=consent_id),
        ConsentWithdrawn(event_id, position, when, controller=controller),
        ConsentRefused(event_id, controller, position, when, purposes, frozenset({"life-insurer"})),
        SuspensionOrdered(event_id, "S-1", "use", controller, position, when, items),
        SuspensionOrdered(event_id, "S-1", "provision", controller, position, when, items, purposes or None),
        SuspensionLifted(event_id, "S-1", position, when),
        SubjectStatus(event_id, position, when, told, date(2011, 1, 1), "curatee", False, check),
        SubjectStatus(event_id, position, when, told, date(1980, 1, 1), "full", True, check),
    )
    return chance.choice(events)


def history(chance: Random) -> list[ConsentEvent]:
    """What is known of a person: up to three consents and three other events, each with an id of its own."""
    grants = [consent(chance, f"g{index}") for index in range(chance.randint(0, 2))]
    if chance.random() < 0.8:
        grants.append(replace(good_consent(chance), event_id="g-good"))
    others = [other_event(chance, f"o{index}") for index in range(chance.randint(0, 3))]
    return [replace(event, position=Position(None, place)) for place, event in enumerate([*grants, *others])]


def recipient(chance: Random) -> Recipient:
    """To whom: mostly a third party in Japan with all particulars."""
    relations: tuple[Relation | None, ...] = (
        "third_party",
        "third_party",
        "third_party",
        "entrustment",
        None,
    )
    return Recipient(
        chance.choice(RECIPIENTS),
        chance.choice(relations),
        "名称",
        maybe(chance, "住所"),
        "代表",
        maybe(chance, "JP"),
    )


SCENES: tuple[tuple[int, str, str, tuple[str, ...]], ...] = (
    (
        0,
        "savings-bank",
        "insurance.solicitation",
        ("customer.name", "savings.maturity_date", "savings.balance"),
    ),
    (0, "life-insurer", "insurance.solicitation", ("customer.name", "insurance.policy")),
    (
        1,
        "savings-bank",
        "savings.administration",
        ("customer.name", "savings.account_held", "savings.balance"),
    ),
    (2, "savings-bank", "savings.solicitation", ("savings.balance", "loans.borrowing", "customer.name")),
    (3, "savings-bank", "lending.screening", ("savings.balance", "loans.borrowing", "customer.name")),
    (4, "life-insurer", "insurance.administration", ("insurance.policy", "customer.name")),
    (5, "savings-bank", "insurance.solicitation", ("savings.balance", "customer.name")),
    (6, "savings-bank", "insurance.solicitation", ("customer.name",)),
    (7, "regional-bank", "restricted_customer.check", ("loans.borrowing", "customer.name")),
    (8, "regional-bank", "lending.screening", ("loans.borrowing", "insurance.policy")),
    (9, "agency-a/life-insurer", "insurance.solicitation", ("customer.name", "insurance.policy")),
)
"""Requester (its place in REQUESTERS), holder, purpose and items that go together, at least with consent."""


def request(chance: Random) -> AccessRequest:
    """A request that makes sense, of which now and then a part is another."""

    def other(usual: T, others: Sequence[T]) -> T:
        return chance.choice(others) if chance.random() < 0.1 else usual

    place, holder, purpose, items = chance.choice(SCENES)
    action: Action = "provide" if chance.random() < 0.2 else "use"
    kinds: tuple[SubjectKind, ...] = ("individual", "individual", "corporation")
    modes: tuple[Mode, ...] = ("face_to_face", "mail", "none")
    sought: tuple[ConsentKind | None, ...] = (None, "cross_sell", "purpose")
    further = some(chance, PURPOSES, 1, 2) if chance.random() < 0.2 else ()
    return AccessRequest(
        request_id="r",
        requested_at=AT,
        requester=other(REQUESTERS[place], REQUESTERS),
        subject_id="C-1",
        subject_kind=chance.choice(kinds),
        action=action,
        holder=other(holder, HOLDERS),
        items=some(chance, other(items, (ITEMS,)), 1, len(items)),
        purpose=other(purpose, PURPOSES),
        activity=Activity(
            chance.choice(get_args(ActivityKind)),
            chance.choice(modes),
            other(None, ("保険のご案内",)),
            chance.choice(((), ("savings.maturity_date",), None)),
        ),
        anticipated_purposes=further,
        product_provider=other("life-insurer", (None, "savings-bank", "other-insurer")),
        consent_sought=chance.choice(sought),
        recipient=recipient(chance) if action == "provide" else None,
        legal_basis=other(None, (LegalBasis("law", "民法 第1条"), LegalBasis("public_health", "同 第2条"))),
        record=chance.choice((None, None, RecordRequest("contract", document="DOC-1"))),
    )


def drawn(make: Callable[[Random], T]) -> st.SearchStrategy[T]:
    """A strategy of what is made by chance; a seed is all that hypothesis draws, which is many times faster."""
    return st.integers(0, 2**32).map(lambda seed: make(Random(seed)))


requests = drawn(request)
histories = drawn(history)
consents = drawn(consent)
good_consents = drawn(good_consent)
