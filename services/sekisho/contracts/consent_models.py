"""The messages of sekisho-consent-events as models, each with the fact that it states (domain/events.py).

Every field that states a fact about a consent may be null or absent; null stays null: a consent lacking its terms is
stored and fails its rule. A misspelt field is refused: it could hide a stop.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Final, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from sekisho.contracts.fields import MAX_MANY, Day, FreeText, Id, Ids, Input, Instant
from sekisho.domain import events
from sekisho.domain.vocabulary import Capacity, ConsentKind, ConsentMethod, Mode, SuspensionKind

SomeIds = Annotated[tuple[Id, ...], Field(min_length=1, max_length=MAX_MANY)]
"""Ids of which an empty list would say nothing, where null says all."""


class ConsentEventData(Input):
    """What every consent event has."""

    event_id: Id
    """The sender's id of the event; the same id with another content is refused."""
    subject_id: Id
    """The person; also the message's key."""

    @abstractmethod
    def fact(self, position: events.Position) -> events.ConsentEvent:
        """The event as the rules see it, told at a position."""


class Explained(Input):
    """How and when it was explained."""

    method: ConsentMethod | None = None
    at: Instant | None = None


class Terms(Input):
    """What was shown to the person; null: not shown."""

    valid_from: Day | None = None
    valid_until: Day | None = None
    """The last day."""
    withdrawal: FreeText = None
    """How to withdraw."""
    modes: Annotated[tuple[Mode, ...], Field(max_length=MAX_MANY)] | None = None
    items: Ids | None = None

    def fact(self) -> events.Terms:
        """As the rules see it."""
        return events.Terms(
            self.valid_from, self.valid_until, self.withdrawal, _all_or(self.modes), _all_or(self.items)
        )


class ConsentRecipient(Input):
    """A recipient that the consent names."""

    id: Id
    name: FreeText = None
    contact: FreeText = None
    purpose: Id | None = None
    """The recipient's purpose, as shown."""
    partners: Ids | None = None
    """For a credit bureau: its partner bureaus' ids."""
    members: bool | None = None
    """For a credit bureau: whether the members were shown."""

    def fact(self) -> events.ConsentRecipient:
        """As the rules see it."""
        return events.ConsentRecipient(
            self.id, self.name, self.contact, self.purpose, self.partners or (), self.members
        )


class ElectronicAcceptance(Input):
    """The customer's acceptance, or refusal, of the electronic method."""

    accepted_at: Instant | None = None
    refused_at: Instant | None = None


class Guardian(Input):
    """The guardian who consented."""

    relation: FreeText = None
    document: FreeText = None


class Evidence(Input):
    """The document that shows it."""

    document: FreeText = None
    sha256: FreeText = None


class Foreign(Input):
    """The information given with a consent to provision abroad (ER 17)."""

    country: Id | None = None
    system_information: FreeText = None
    recipient_measures: FreeText = None
    unknown_reason: FreeText = None

    def fact(self) -> events.ForeignInformation:
        """As the rules see it."""
        return events.ForeignInformation(
            self.country, self.system_information, self.recipient_measures, self.unknown_reason
        )


class ConsentGranted(ConsentEventData):
    """A person consented."""

    consent_id: Id
    """Later events name it."""
    kind: ConsentKind
    controller: Id
    """To whom the consent was given."""
    given_at: Instant | None = None
    """Null: such a consent counts as none."""
    recorded_at: Instant | None = None
    method: ConsentMethod | None = None
    mode: Mode | None = None
    """The channel in which it was given."""
    explained: Explained | None = None
    terms: Terms | None = None
    purposes: Ids | None = None
    recipients: Annotated[tuple[ConsentRecipient, ...], Field(max_length=MAX_MANY)] | None = None
    bundled: bool | None = None
    """Whether it was one bundle with other matters."""
    coerced: bool | None = None
    """Whether it was forced."""
    electronic_acceptance: ElectronicAcceptance | None = None
    guardian: Guardian | None = None
    evidence: Evidence | None = None
    foreign: Foreign | None = None

    def fact(self, position: events.Position) -> events.ConsentGranted:
        """As the rules see it; parts that are null state nothing."""
        explained = self.explained or Explained()
        acceptance = self.electronic_acceptance or ElectronicAcceptance()
        guardian = self.guardian or Guardian()
        return events.ConsentGranted(
            event_id=self.event_id,
            consent_id=self.consent_id,
            kind=self.kind,
            controller=self.controller,
            position=position,
            given_at=self.given_at,
            recorded_at=self.recorded_at,
            method=self.method,
            mode=self.mode,
            explained_method=explained.method,
            explained_at=explained.at,
            terms=None if self.terms is None else self.terms.fact(),
            purposes=frozenset(self.purposes or ()),
            recipients=tuple(each.fact() for each in self.recipients or ()),
            bundled=self.bundled,
            coerced=self.coerced,
            accepted_at=acceptance.accepted_at,
            acceptance_refused_at=acceptance.refused_at,
            guardian_relation=guardian.relation,
            guardian_document=guardian.document,
            evidence_document=None if self.evidence is None else self.evidence.document,
            foreign=None if self.foreign is None else self.foreign.fact(),
        )


class ConsentConfirmed(ConsentEventData):
    """A consent was put in writing later."""

    consent_id: Id
    method: ConsentMethod | None = None
    confirmed_at: Instant
    evidence: Evidence | None = None

    def fact(self, position: events.Position) -> events.ConsentConfirmed:
        """As the rules see it."""
        return events.ConsentConfirmed(
            self.event_id, self.consent_id, position, self.method, self.confirmed_at
        )


class ConsentWithdrawn(ConsentEventData):
    """A consent ended; or all consents to a controller given until then. Exactly one of the two is named."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {
                    "required": ["consent_id"],
                    "properties": {"consent_id": {"type": "string"}, "controller": {"type": "null"}},
                },
                {
                    "required": ["controller"],
                    "properties": {"controller": {"type": "string"}, "consent_id": {"type": "null"}},
                },
            ]
        }
    )

    consent_id: Id | None = None
    controller: Id | None = None
    withdrawn_at: Instant

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.consent_id is None) == (self.controller is None):
            raise PydanticCustomError(
                "exclusive_fields", "one of consent_id and controller", {"fields": "consent_id, controller"}
            )
        return self

    def fact(self, position: events.Position) -> events.ConsentWithdrawn:
        """As the rules see it."""
        return events.ConsentWithdrawn(
            self.event_id, position, self.withdrawn_at, self.consent_id, self.controller
        )


class ConsentRefused(ConsentEventData):
    """The person refused purposes or recipients: at least one is named."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": [name], "properties": {name: {"type": "array", "minItems": 1}}}
                for name in ("purposes", "recipients")
            ]
        }
    )

    controller: Id
    purposes: Ids | None = None
    recipients: Annotated[tuple[Id | ConsentRecipient, ...], Field(max_length=MAX_MANY)] | None = None
    """Ids, or recipients as a consent names them; matched by id."""
    refused_at: Instant

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.purposes and not self.recipients:
            raise PydanticCustomError("missing_field", "nothing is refused", {"fields": "purposes"})
        return self

    def fact(self, position: events.Position) -> events.ConsentRefused:
        """As the rules see it."""
        refused = (each if isinstance(each, str) else each.id for each in self.recipients or ())
        return events.ConsentRefused(
            self.event_id,
            self.controller,
            position,
            self.refused_at,
            frozenset(self.purposes or ()),
            frozenset(refused),
        )


class SuspensionOrdered(ConsentEventData):
    """利用停止 or 第三者提供停止."""

    suspension_id: Id
    kind: SuspensionKind
    controller: Id
    items: SomeIds | None = None
    """Null: all."""
    purposes: SomeIds | None = None
    """Null: all."""
    ordered_at: Instant

    def fact(self, position: events.Position) -> events.SuspensionOrdered:
        """As the rules see it."""
        return events.SuspensionOrdered(
            self.event_id,
            self.suspension_id,
            self.kind,
            self.controller,
            position,
            self.ordered_at,
            _all_or(self.items),
            _all_or(self.purposes),
        )


class SuspensionLifted(ConsentEventData):
    """The suspension of that id ended."""

    suspension_id: Id
    lifted_at: Instant

    def fact(self, position: events.Position) -> events.SuspensionLifted:
        """As the rules see it."""
        return events.SuspensionLifted(self.event_id, self.suspension_id, position, self.lifted_at)


class OptOutRegistered(ConsentEventData):
    """The person opted out of provision (APPI 27(2))."""

    controller: Id
    items: SomeIds | None = None
    """Null: all."""
    registered_at: Instant

    def fact(self, position: events.Position) -> events.OptOutRegistered:
        """As the rules see it."""
        return events.OptOutRegistered(
            self.event_id, self.controller, position, self.registered_at, _all_or(self.items)
        )


class OptOutCancelled(ConsentEventData):
    """The opt-out was taken back."""

    controller: Id
    items: SomeIds | None = None
    """Null: all."""
    cancelled_at: Instant

    def fact(self, position: events.Position) -> events.OptOutCancelled:
        """As the rules see it."""
        return events.OptOutCancelled(
            self.event_id, self.controller, position, self.cancelled_at, _all_or(self.items)
        )


class RestrictionCheck(Input):
    """The checks for restricted customers (SG II-4-2-6-4(1))."""

    declared_on: Day | None = None
    """Asked, with a written explanation."""
    matched_on: Day | None = None
    """Matched against the borrowers."""
    special_circumstances: bool | FreeText = None


class SubjectStatus(ConsentEventData):
    """What became known of the person. A field that is absent says nothing; null says that it is unknown."""

    status_at: Instant
    birth_date: Day | None = None
    capacity: Capacity | None = None
    restricted_customer: bool | None = None
    restriction_check: RestrictionCheck | None = None

    def fact(self, position: events.Position) -> events.SubjectStatus:
        """As the rules see it; `told` are the fields that the event states, null too."""
        check = self.restriction_check
        return events.SubjectStatus(
            event_id=self.event_id,
            position=position,
            status_at=self.status_at,
            told=_STATUS & self.model_fields_set,
            birth_date=self.birth_date,
            capacity=self.capacity,
            restricted_customer=self.restricted_customer,
            restriction_check=None
            if check is None
            else events.RestrictionCheck(check.declared_on, check.matched_on, check.special_circumstances),
        )


_STATUS: Final = frozenset({"birth_date", "capacity", "restricted_customer", "restriction_check"})


def _all_or(ids: tuple[str, ...] | None) -> frozenset[str] | None:
    return None if ids is None else frozenset(ids)
