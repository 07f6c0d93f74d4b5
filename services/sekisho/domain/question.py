"""What a request asks, apart from the person and the hour: resolved against the rulebook, judged as far as it goes.

Thousands of requests ask the same of different persons (a list, a campaign, a nightly run): all that does not depend
on the person is found once a day and remembered (`decision.asked`). A rule that depends on the person's consent does
not look at consents itself: it declares a `Need`, and one place consults (`sekisho.domain.consulting`).

What is unknown stays None and is judged by no rule but REQ-1, so that an operator can tell a gap in the configuration
from a breach.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import date, datetime
from typing import Final, NamedTuple

from sekisho.domain.book import Entrustment, EquivalentSystem, Holder, Item, Organization, Purpose, Rulebook
from sekisho.domain.request import AccessRequest, Recipient, RecordRequest
from sekisho.domain.retention import Retention
from sekisho.domain.verdict import Besides, Cite, Counterparty
from sekisho.domain.vocabulary import CREDIT_BUREAU, INSURANCE_SOLICITATION, RecordBasis, Relation, Role

HOME: Final = "JP"
INDIVIDUAL: Final = RecordRequest()
"""How a provision is recorded of which the request says nothing."""
OPENING_KINDS: Final = frozenset({"provision", "cross_sell"})
"""Kinds of consent that open another's data (ACC-5)."""


class Asked:
    """One asked item: its catalogue entry (None: unknown), and what is found of it whoever the person is."""

    __slots__ = ("bases", "id", "item", "place", "reasons", "role")

    def __init__(self, place: int, item_id: str, role: Role, item: Item | None) -> None:
        self.place = place
        self.id = item_id
        self.role: Role = role
        self.item = item
        self.reasons: list[Cite] = []
        self.bases: list[Cite] = []


class Need(NamedTuple):
    """A consent that items need for a purpose, and what follows where one serves or none does."""

    kinds: frozenset[str]
    purpose: str
    asked: tuple[Asked, ...]
    own: tuple[Cite, ...]
    """By item: the rule's own reason."""
    beside: bool
    """Whether the own reason stands beside the clauses of the nearest consent, or only where there is none at all."""
    serves: Cite | None = None
    """The basis that a serving consent gives."""
    also: Cite | None = None
    """A reason that stands wherever the need is not met (WALL-14)."""
    names: str | None = None
    """A recipient that every consent must name, a cross-sell one too (ACC-5)."""
    opens: bool = False
    """Whether a serving consent opens another's data (ACC-5)."""
    silent: bool = False
    """Whether a missing consent is no refusal but the lack of a ground (a corporation under PURP)."""
    clauses: bool = True
    """Whether the clauses of the nearest consent stand at all: PURP-5 leaves them to the rule that asks for the consent itself."""
    presumed: Cite | None = None
    """The basis that a presumed consent gives while the person has not refused (PROV-9)."""
    since: datetime | None = None
    """From when on it is met without a consent held: the recipient's own is confirmed (REF-1)."""
    ids: tuple[str, ...] = ()
    """The items' ids; `Question.need` writes them."""


class RecordFrame(NamedTuple):
    """What the records of one question have in common, whoever the person is (`sekisho.domain.records`)."""

    counterparty: Counterparty
    missing: tuple[str, ...]
    first: date | None
    last: date | None
    kept: Retention
    basis: RecordBasis
    besides: Besides | None


class Question:
    """A request without its person. The families' `ask` fill it; after that nothing changes it but its `frame`, when the
    first record is written."""

    __slots__ = (
        "abroad", "action", "all_ids", "asked", "book", "by_the_hour", "covered", "creditors", "day", "details", "dormant", "empty", "foreign_hands",
        "frame", "holder", "ids", "implied", "individual", "kinds", "known", "lifted", "named", "needs", "organization",
        "owed", "partners", "personal", "proven", "purposes", "recipient", "record", "referable", "remembered", "restrictable",
        "solicits", "ungrounded", "whole",
    )  # fmt: skip

    def __init__(self, request: AccessRequest, book: Rulebook, day: date) -> None:
        self.book = book
        self.day = day
        self.action = request.action
        self.individual = request.subject_kind == "individual"
        self.organization: Organization | None = book.organizations.get(request.requester.organization)
        self.holder: Holder | None = book.holders.get(request.holder)
        self.foreign_hands = (
            self.holder is not None and self.holder.organization != request.requester.organization
        )
        self.recipient = _recipient(request, self.foreign_hands)
        """Whom a provision consent has to name: the recipient, or who uses another's data (ACC-5)."""
        self.named = request.recipient
        """The recipient as the request names it."""
        self.abroad = (
            self.individual and request.action == "provide" and under_article_28(request.recipient, book, day)
        )
        """Whether the recipient is a third party's place that Art. 28 rules: abroad, neither adequate nor equivalent; the
        relation rules PROV-4 to PROV-9 are not judged there (FORN-0). A corporation's data are no personal data."""
        self.partners = _partners(request, book) if self.individual else None
        """Where a credit bureau gets the data: its partner bureaus, that a consent must name too (PROV-8); else None."""
        self.creditors: Sequence[Entrustment] = ()
        """Entrustments of claims to the holder: what their creditors obtained consent for, a bureau may get (PROV-8)."""
        self.record = request.record or INDIVIDUAL
        """How a provision is to be recorded."""
        self.frame: RecordFrame | None = None
        """What its records have in common; None until one is written."""
        self.asked: Sequence[Asked] = _asked(request, book)
        self.all_ids = tuple(asked.id for asked in self.asked)
        self.known: Sequence[Asked] = [asked for asked in self.asked if asked.item is not None]
        self.referable: Sequence[Asked] = [asked for asked in self.known if self._is_referable(asked)]
        """Personally referable information of a living individual: REF-1 in place of PROV-1 and FORN-4."""
        self.personal: Sequence[Asked] = (
            [asked for asked in self.known if not self._is_referable(asked)] if self.referable else self.known
        )
        """The known items that are personal data, or a corporation's."""
        self.ids = frozenset(asked.id for asked in self.known)
        self.implied = _implied(request, book)
        self.purposes = _purposes(request, book, self.implied)
        self.solicits = any(purpose.solicits is not None for purpose in self.purposes)
        self.lifted: Cite | None = None
        """The exception that is claimed and holds (EXC); one that does not hold lifts nothing. EXC finds it first."""
        self.proven: Relation | None = None
        """The relation that a provision claims, or a receipt rests on, and that is proven (PROV); found before others ask."""
        self.covered = self.ids
        """Of a receipt, the items that a proven relation covers: all, but where an agreement or notice names them."""
        self.dormant = book.dormant(request.requester.organization, day)
        """Rules that do not bind here: policy switched off for the requester's organization, or not in force on the day."""
        self.whole: list[Cite] = []
        self.needs: list[Need] = []
        self.kinds: frozenset[str] = frozenset()
        """Kinds of consent that some need can be met with."""
        self.owed: list[Cite] = []
        """Obligations that follow from the question alone."""
        self.details: dict[str, str] = {}
        self.ungrounded: set[str] = set()
        """Items for which some purpose has no ground in PURP (for a corporation, no refusal by itself)."""
        self.restrictable = False
        """Whether the person's being a restricted customer matters (WALL-13)."""
        self.empty = not request.items
        """Whether nothing is asked for, though items may have selected the person (REQ-3)."""
        self.remembered = False
        """Whether it is the same object for all who ask it."""
        self.by_the_hour = False
        """Whether the answer can change within the day, the same being known of the person (REF-1)."""

    def _is_referable(self, asked: Asked) -> bool:
        return self.individual and asked.item is not None and asked.item.item_class == "referable"

    def refuse(self, reason: Cite) -> None:
        """The whole request is refused for this reason, at every item."""
        self.whole.append(reason)

    @property
    def by_law(self) -> bool:
        """Whether law is claimed and holds, which alone lifts the wall, a stop and an ended purpose too (EXC-1)."""
        return self.lifted is not None and self.lifted.rule == "EXC-1"

    @property
    def freed(self) -> bool:
        """Whether the exception that holds lifts the consent to a provision: of a corporation's data law alone does
        (SG II-4-4-1-1(5))."""
        return self.lifted is not None and (self.individual or self.by_law)

    def off(self, rule: str) -> bool:
        """Whether a rule does not bind here: policy switched off for the organization, or not in force on the day."""
        return rule in self.dormant

    def need(self, need: Need) -> None:
        """Declares a need, unless no item has it or the rule that asks for it does not bind here."""
        if self.dormant:
            need = self._bound(need)
        if need.asked:
            self.needs.append(need._replace(ids=tuple(asked.id for asked in need.asked)))
            self.kinds |= need.kinds

    def _bound(self, need: Need) -> Need:
        """The need as far as rules ask for it that bind here."""
        kept = [
            (asked, own) for asked, own in zip(need.asked, need.own, strict=True) if not self.off(own.rule)
        ]
        also = None if need.also is None or self.off(need.also.rule) else need.also
        return need._replace(
            asked=tuple([asked for asked, _ in kept]), own=tuple([own for _, own in kept]), also=also
        )

    def settle(self) -> None:
        """Takes out what rules have found that do not bind here; after all families have asked."""
        if not self.dormant:
            return
        for found in (
            self.whole,
            self.owed,
            *[asked.reasons for asked in self.asked],
            *[each.bases for each in self.asked],
        ):
            self.keep_binding(found)

    def keep_binding(self, found: list[Cite]) -> None:
        """Takes the codes of rules that do not bind here out of a list."""
        found[:] = [cite for cite in found if cite.rule not in self.dormant]


def country_of(recipient: Recipient, book: Rulebook) -> str | None:
    """The recipient's country: the registered one, else the request's; None: not told, which counts as abroad (FORN-0)."""
    known = book.organizations.get(recipient.id)
    return known.country if known is not None else recipient.country


def in_japan(recipient: Recipient, book: Rulebook) -> bool:
    """Whether a recipient is in Japan; null is abroad (FORN-0)."""
    return country_of(recipient, book) == HOME


def equivalent_system(recipient: Recipient, book: Rulebook, day: date) -> EquivalentSystem | None:
    """The recipient's equivalent-measures system, reviewed within its period and not impaired (FORN-2); else None."""
    for system in book.equivalent_systems.get(recipient.id, ()):
        impaired = system.impaired_since is not None and system.impaired_since <= day
        if system.reviewed_on <= day <= system.review_due and not impaired:
            return system
    return None


def under_article_28(recipient: Recipient | None, book: Rulebook, day: date) -> bool:
    """Whether a recipient is abroad where neither adequacy nor an equivalent system makes it like one at home."""
    if recipient is None or in_japan(recipient, book):
        return False
    if country_of(recipient, book) in book.adequate_countries:
        return False
    return equivalent_system(recipient, book, day) is None


def _partners(request: AccessRequest, book: Rulebook) -> frozenset[str] | None:
    recipient = request.recipient if request.action == "provide" else None
    known = None if recipient is None else book.organizations.get(recipient.id)
    return known.partners if known is not None and known.type == CREDIT_BUREAU else None


def _recipient(request: AccessRequest, foreign_hands: bool) -> str | None:
    if request.action == "provide":
        return None if request.recipient is None else request.recipient.id
    return request.requester.organization if foreign_hands else None


def _asked(request: AccessRequest, book: Rulebook) -> list[Asked]:
    """The requested items, and those that selected the persons, which count as requested (REQ-6)."""
    roles: dict[str, Role] = dict.fromkeys(request.items, "requested")
    for item in request.activity.selected_by or ():
        roles.setdefault(item, "selection")
    return [
        Asked(place, item, role, book.items.get(item)) for place, (item, role) in enumerate(roles.items())
    ]


def _implied(request: AccessRequest, book: Rulebook) -> bool:
    """Whether the list's name implies a solicitation that the request does not state (WALL-14)."""
    name = request.activity.list_name
    if not name or INSURANCE_SOLICITATION in (request.purpose, *request.anticipated_purposes):
        return False
    plain = unicodedata.normalize("NFKC", name).casefold()
    return any(term in plain for term in book.solicitation_terms)


def _purposes(request: AccessRequest, book: Rulebook, implied: bool) -> list[Purpose]:
    """The known purposes that every rule is applied to: the stated, the anticipated and the implied one."""
    names = dict.fromkeys((request.purpose, *request.anticipated_purposes))
    if implied:
        names[INSURANCE_SOLICITATION] = None
    return [known for name in names if (known := book.purposes.get(name)) is not None]
