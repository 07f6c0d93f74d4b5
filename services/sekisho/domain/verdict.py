"""The answer of the core: a verdict has no ids of its own, no texts and no log positions but those of its consents.

An envelope (contracts, gate) adds ids, times, positions and the texts of the rulebook. Equality, replay, cases and
speed all want the verdict alone (runtime.md, Time and identity).
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from sekisho.domain.events import Position
from sekisho.domain.vocabulary import (
    Effect,
    RecordBasis,
    RecordExemption,
    RecordMethod,
    Role,
    SubjectKind,
)


class Cite(NamedTuple):
    """A reason, basis or obligation code together with the rule (rulebook.md) that it comes from."""

    code: str
    rule: str


class ItemVerdict(NamedTuple):
    """What one item gets: the bases that carry it, or every reason that refuses it."""

    item: str
    role: Role
    effect: Effect
    basis: tuple[str, ...]
    reasons: tuple[str, ...]


class NearMiss(NamedTuple):
    """A consent that nearly served, with the clauses that failed over all items and rules."""

    consent_id: str
    failed: tuple[str, ...]


class ServedConsent(NamedTuple):
    """A consent that served, where it stands, and the items that it served."""

    consent_id: str
    position: Position
    serves: tuple[str, ...]


class Counterparty(NamedTuple):
    """The other side of a provision; for `unspecified_many` the particulars are None (ER 20(1))."""

    id: str
    name: str | None
    address: str | None
    representative: str | None
    country: str | None
    unspecified_many: bool = False


class Besides(NamedTuple):
    """What a record states that one of a provision on consent in Japan does not.

    `statement` names a text of the rulebook (None: no consent is stated), `told` fills its placeholders; `foreign` is what
    was told of the country, by name.
    """

    statement: str | None = None
    told: tuple[tuple[str, str], ...] = ()
    acquisition: str | None = None
    ppc_publication: str | None = None
    foreign: tuple[tuple[str, str | None], ...] | None = None


class RecordContent(NamedTuple):
    """The particulars of a third-party-provision record (records.md, first table); days are Asia/Tokyo.

    `referable.provision` has no person, and names no consent that would tell of one.
    """

    basis: RecordBasis
    method: RecordMethod
    provided_on: date
    controller: str
    direction: str
    counterparty: Counterparty
    subject_id: str | None
    subject_kind: SubjectKind | None
    items: tuple[str, ...]
    consents: tuple[ServedConsent, ...]
    first_provision: date | None
    last_provision: date | None
    agreement: str | None
    document: str | None
    retain_until: date | None
    retention_rule: str
    besides: Besides | None = None
    """None: a provision on consent in Japan, whose consents are stated by the rulebook's `record_statement`."""


class Verdict(NamedTuple):
    """The whole answer. `details` fills the placeholders of the texts (the field at fault, the right partition)."""

    effect: Effect
    items: tuple[ItemVerdict, ...]
    reasons: tuple[Cite, ...]
    near_misses: tuple[NearMiss, ...] = ()
    obligations: tuple[Cite, ...] = ()
    consents: tuple[ServedConsent, ...] = ()
    record: RecordContent | None = None
    record_exemption: RecordExemption | None = None
    details: tuple[tuple[str, str], ...] = ()
