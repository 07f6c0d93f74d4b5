"""How consent events are read: facts may be null and stay null; what would lose a person's stop is refused by name."""

from __future__ import annotations

from dataclasses import fields as fields_of
from datetime import UTC, date, datetime
from typing import Any

import pytest

from contracts.sample_messages import LARGEST, data, envelope, granted
from sekisho.contracts import consent_events
from sekisho.contracts.errors import InvalidMessageError, UnreadableMessageError
from sekisho.domain import events

AT = events.Position(3, 41)
GRANTED = "sekisho.consent.granted.v1"


def decoded(type_: str, **content: Any) -> events.ConsentEvent:
    sent = {"event_id": "EV-1", "subject_id": "C-000001"} | content
    return consent_events.decode(f"sekisho.{type_}.v1", data(sent), AT).event


def refused(type_: str, **content: Any) -> InvalidMessageError:
    with pytest.raises(InvalidMessageError) as caught:
        decoded(type_, **content)
    return caught.value


def test_the_contracts_own_example_decodes_to_the_domains_event() -> None:
    """The example of contract.md is read whole, times in UTC, at its position."""
    message = consent_events.decode(GRANTED, data(granted()), AT)
    assert message.subject_id == "C-000001"
    assert message.event == events.ConsentGranted(
        event_id="EV-1",
        consent_id="CS-1",
        kind="cross_sell",
        controller="savings-bank",
        position=AT,
        given_at=datetime(2026, 10, 1, 0, 30, tzinfo=UTC),
        recorded_at=datetime(2026, 10, 1, 0, 31, tzinfo=UTC),
        method="written",
        mode="face_to_face",
        explained_method="written",
        explained_at=datetime(2026, 10, 1, 0, 20, tzinfo=UTC),
        terms=events.Terms(
            date(2026, 10, 1),
            date(2028, 9, 30),
            "窓口・電話・郵送",
            frozenset({"face_to_face", "mail"}),
            frozenset({"savings.maturity_date", "savings.balance"}),
        ),
        purposes=frozenset({"insurance.solicitation"}),
        bundled=False,
        coerced=False,
        evidence_document="DOC-9",
    )


def test_every_part_of_a_consent_reaches_the_domain() -> None:
    """Recipients, acceptance, guardian and the information on abroad are read with all their particulars."""
    message = granted(
        recipients=[
            {"id": "credit-bureau", "name": "n", "contact": "c", "purpose": "lending.screening",
             "partners": ["credit-bureau-2"], "members": True},
        ],
        electronic_acceptance={"accepted_at": "2026-01-01T00:00:00Z", "refused_at": "2026-02-01T00:00:00Z"},
        guardian={"relation": "母", "document": "DOC-1"},
        foreign={"country": "US", "system_information": "s", "recipient_measures": "m", "unknown_reason": "u"},
    )  # fmt: skip
    found = consent_events.decode(GRANTED, data(message), AT).event
    assert isinstance(found, events.ConsentGranted)
    assert found.recipients == (
        events.ConsentRecipient("credit-bureau", "n", "c", "lending.screening", ("credit-bureau-2",), True),
    )
    assert found.accepted_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert found.acceptance_refused_at == datetime(2026, 2, 1, tzinfo=UTC)
    assert (found.guardian_relation, found.guardian_document) == ("母", "DOC-1")
    assert found.foreign == events.ForeignInformation("US", "s", "m", "u")


IDENTIFYING = ("event_id", "subject_id", "consent_id", "kind", "controller")


def test_a_consent_of_which_nothing_is_known_is_stored_with_nothing() -> None:
    """Every field that states a fact may be null or absent, and null stays null: no default makes it a consent."""
    bare = {name: value for name, value in granted().items() if name in IDENTIFYING}
    nulls = granted(**{name: None for name in granted() if name not in IDENTIFYING})
    one, two = (consent_events.decode(GRANTED, data(each), AT) for each in (bare, nulls))
    assert one == two
    found = one.event
    assert isinstance(found, events.ConsentGranted)
    stated = {"event_id", "consent_id", "kind", "controller", "position"}
    told = {field.name: getattr(found, field.name) for field in fields_of(found) if field.name not in stated}
    assert {name for name, value in told.items() if value is not None} == {"purposes", "recipients"}
    assert (found.purposes, found.recipients) == (frozenset(), ())


@pytest.mark.parametrize("part", ["valid_from", "valid_until", "withdrawal", "modes", "items"])
def test_a_term_that_was_not_shown_stays_null(part: str) -> None:
    """Each part of the terms may be null: WALL-6 refuses such a consent, the contract does not."""
    sent = granted()
    sent["terms"][part] = None
    found = consent_events.decode(GRANTED, data(sent), AT).event
    assert isinstance(found, events.ConsentGranted)
    assert found.terms is not None
    assert getattr(found.terms, part) is None


def test_a_blank_term_was_not_shown() -> None:
    """A blank withdrawal method states nothing."""
    sent = granted()
    sent["terms"]["withdrawal"] = ""
    found = consent_events.decode(GRANTED, data(sent), AT).event
    assert isinstance(found, events.ConsentGranted)
    assert found.terms is not None
    assert found.terms.withdrawal is None


@pytest.mark.parametrize("name", IDENTIFYING)
def test_a_consent_without_its_ids_and_kind_is_refused(name: str) -> None:
    """What identifies a consent and whose it is must be there."""
    with pytest.raises(InvalidMessageError) as caught:
        consent_events.decode(GRANTED, data(granted(**{name: ...})), AT)
    assert caught.value.field == name


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("given_at", "2026-10-01T09:30:00", "given_at"),
        ("method", "mail", "method"),
        ("terms", {"valid_till": "2028-09-30"}, "terms.valid_until"),
        ("terms", {"modes": ["fax"]}, "terms.modes[]"),
        ("terms", {"valid_until": "2028-9-30"}, "terms.valid_until"),
        ("recipients", [{"id": "a"}, {"name": "b"}], "recipients[].id"),
        ("recipients", [{"id": "a", "purposes": "b"}], "recipients[].purpose"),
        ("electronic_acceptance", {"acepted_at": None}, "electronic_acceptance.accepted_at"),
        ("bundled", "false", "bundled"),
    ],
)
def test_a_consent_that_does_not_follow_the_contract_is_refused_by_name(
    path: str, value: object, field: str
) -> None:
    """Inputs are read strictly, also deep inside."""
    with pytest.raises(InvalidMessageError) as caught:
        consent_events.decode(GRANTED, data(granted(**{path: value})), AT)
    assert caught.value.field == field


def test_an_unlimited_validity_may_be_written_as_the_customary_last_day() -> None:
    """9999-12-31 is a day like any other."""
    sent = granted()
    sent["terms"]["valid_until"] = "9999-12-31"
    found = consent_events.decode(GRANTED, data(sent), AT).event
    assert isinstance(found, events.ConsentGranted)
    assert found.terms is not None
    assert found.terms.valid_until == date(9999, 12, 31)


T = "2026-11-01T09:00:00+09:00"
UTC_T = datetime(2026, 11, 1, tzinfo=UTC)


def test_every_other_event_decodes_to_its_fact() -> None:
    """Each type of contract.md's table becomes the domain's event with the event's own time."""
    assert decoded("consent.confirmed", consent_id="CS-1", method="written", confirmed_at=T, evidence={}) == (
        events.ConsentConfirmed("EV-1", "CS-1", AT, "written", UTC_T)
    )
    assert decoded("consent.withdrawn", consent_id="CS-1", withdrawn_at=T) == events.ConsentWithdrawn(
        "EV-1", AT, UTC_T, consent_id="CS-1"
    )
    assert decoded("consent.withdrawn", controller="b", consent_id=None, withdrawn_at=T) == (
        events.ConsentWithdrawn("EV-1", AT, UTC_T, controller="b")
    )
    assert decoded("suspension.lifted", suspension_id="SP-1", lifted_at=T) == events.SuspensionLifted(
        "EV-1", "SP-1", AT, UTC_T
    )
    assert decoded("optout.registered", controller="b", registered_at=T, items=["customer.name"]) == (
        events.OptOutRegistered("EV-1", "b", AT, UTC_T, frozenset({"customer.name"}))
    )
    assert decoded("optout.cancelled", controller="b", cancelled_at=T) == events.OptOutCancelled(
        "EV-1", "b", AT, UTC_T
    )


def test_a_suspension_of_no_named_items_or_purposes_is_of_all() -> None:
    """Null and absent both say all; an empty list would stop nothing and is refused."""
    ordered = {"suspension_id": "SP-1", "kind": "use", "controller": "b", "ordered_at": T}
    whole = events.SuspensionOrdered("EV-1", "SP-1", "use", "b", AT, UTC_T)
    assert decoded("suspension.ordered", **ordered) == whole
    assert decoded("suspension.ordered", **ordered, items=None, purposes=None) == whole
    error = refused("suspension.ordered", **ordered, items=[])
    assert (error.field, error.problem) == ("items", "too_few")


@pytest.mark.parametrize(
    "named", [{}, {"consent_id": None}, {"consent_id": "CS-1", "controller": "savings-bank"}]
)
def test_a_withdrawal_names_a_consent_or_a_controller(named: dict[str, Any]) -> None:
    """Exactly one of the two: neither would end nothing, both would be in doubt."""
    error = refused("consent.withdrawn", withdrawn_at=T, **named)
    assert (error.field, error.problem) == ("consent_id, controller", "exclusive_fields")


def test_a_refusal_names_purposes_or_recipients() -> None:
    """Recipients are named by id, or as a consent names them; a refusal of nothing is a mistake."""
    assert decoded("consent.refused", controller="b", purposes=["p"], refused_at=T) == events.ConsentRefused(
        "EV-1", "b", AT, UTC_T, frozenset({"p"})
    )
    assert decoded("consent.refused", controller="b", recipients=["r", {"id": "s"}], refused_at=T) == (
        events.ConsentRefused("EV-1", "b", AT, UTC_T, recipients=frozenset({"r", "s"}))
    )
    error = refused("consent.refused", controller="b", refused_at=T, purposes=[])
    assert (error.field, error.problem) == ("purposes", "missing_field")


def test_a_status_tells_what_it_states_also_that_it_is_unknown() -> None:
    """A null field is told (unknown now), an absent one says nothing."""
    assert decoded("subject.status", status_at=T, restricted_customer=None) == events.SubjectStatus(
        "EV-1", AT, UTC_T, frozenset({"restricted_customer"})
    )
    assert decoded(
        "subject.status",
        status_at=T,
        birth_date="2012-05-05",
        capacity="curatee",
        restriction_check={"declared_on": "2026-11-01", "special_circumstances": "取引先の申告"},
    ) == events.SubjectStatus(
        "EV-1",
        AT,
        UTC_T,
        frozenset({"birth_date", "capacity", "restriction_check"}),
        date(2012, 5, 5),
        "curatee",
        None,
        events.RestrictionCheck(date(2026, 11, 1), None, "取引先の申告"),
    )


@pytest.mark.parametrize("circumstances", [True, False, None])
def test_special_circumstances_may_be_a_truth_value(circumstances: bool | None) -> None:
    """records and systems write either; a number is neither."""
    found = decoded("subject.status", status_at=T, restriction_check={"special_circumstances": circumstances})
    assert isinstance(found, events.SubjectStatus)
    assert found.restriction_check is not None
    assert found.restriction_check.special_circumstances is circumstances
    error = refused("subject.status", status_at=T, restriction_check={"special_circumstances": 1})
    assert error.field == "restriction_check.special_circumstances"


def test_the_digest_tells_contents_apart_and_not_ways_of_writing() -> None:
    """Null or absent, another time zone, another order of keys: the same event; any other fact: another."""

    def digest(**changes: Any) -> str:
        return consent_events.decode(GRANTED, data(granted(**changes)), AT).digest

    same = digest()
    assert digest(foreign=..., guardian=...) == same
    assert digest(given_at="2026-10-01T00:30:00.000Z") == same
    assert consent_events.decode(GRANTED, data(dict(reversed(granted().items()))), AT).digest == same
    assert digest(given_at="2026-10-01T00:30:00.001Z") != same
    assert digest(evidence={"document": "DOC-9", "sha256": "another"}) != same
    assert digest(bundled=None) != same


def test_the_digest_tells_types_and_told_nulls_apart() -> None:
    """A registration is no cancellation; a status that says "unknown" is not one that says nothing."""
    base = {"event_id": "EV-1", "subject_id": "C-1"}

    def digest(type_: str, **content: Any) -> str:
        return consent_events.decode(f"sekisho.{type_}.v1", data(base | content), AT).digest

    assert digest("subject.status", status_at=T) != digest("subject.status", status_at=T, capacity=None)
    assert digest("suspension.lifted", suspension_id="S", lifted_at=T) != digest(
        "consent.confirmed", consent_id="S", confirmed_at=T
    )


def test_the_fact_alone_is_the_same() -> None:
    """What the state keeps is read again without being digested."""
    sent = data(granted())
    assert consent_events.fact(GRANTED, sent, AT) == consent_events.decode(GRANTED, sent, AT).event


def test_a_kafka_message_is_read_with_its_type_and_key() -> None:
    """The type comes from the envelope; a key that is not the subject id makes the message invalid."""
    headers = envelope(GRANTED)
    for key in (b"C-000001", None):
        message = consent_events.receive(headers, key, data(granted()), AT, largest=LARGEST)
        assert message.event.event_id == "EV-1"
    with pytest.raises(InvalidMessageError) as caught:
        consent_events.receive(headers, b"C-000002", data(granted()), AT, largest=LARGEST)
    assert (caught.value.field, caught.value.problem) == ("subject_id", "key_mismatch")


def test_a_consent_message_without_an_envelope_is_of_no_type() -> None:
    """Only access requests may come bare."""
    with pytest.raises(UnreadableMessageError) as caught:
        consent_events.receive([], None, data(granted()), AT, largest=LARGEST)
    assert caught.value.cause == "wrong_type"
