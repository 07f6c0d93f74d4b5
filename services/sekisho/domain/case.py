"""One request being judged: what the rules look at (`Case`) and what they say (`Findings`).

A `Case` resolves the request's ids against the rulebook once. What is unknown stays None and is judged by no rule but
REQ-1, so that an operator can tell a gap in the configuration from a breach.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

from sekisho.domain.book import Holder, Item, Organization, Purpose, Rulebook
from sekisho.domain.calendar import tokyo_day
from sekisho.domain.consent import ConsentState
from sekisho.domain.request import AccessRequest
from sekisho.domain.verdict import Cite
from sekisho.domain.vocabulary import INSURANCE_SOLICITATION, Role

HOME: Final = "JP"


class Asked:
    """One asked item: its catalogue entry (None: unknown), and what is found of it."""

    __slots__ = ("bases", "id", "item", "reasons", "role")

    def __init__(self, item_id: str, role: Role, item: Item | None) -> None:
        self.id = item_id
        self.role: Role = role
        self.item = item
        self.reasons: list[Cite] = []
        self.bases: list[Cite] = []


Candidate = tuple[int, str, tuple[Cite, ...], frozenset[str] | None]
"""A consent examined for a purpose: its place among the grants, its kind, what fails of it, the items of its terms.

A plain tuple: a named one costs a microsecond for every three consents (make bench)."""

Answer = Sequence[Cite] | None
"""For an item in need of consent: None where one serves, else the clauses of the nearest (empty: there is none)."""


class Case:
    """A request, the person's state, the rulebook and the time; and the findings so far."""

    __slots__ = (
        "asked", "at", "book", "candidates", "day", "details", "failures", "foreign_hands", "holder", "ids", "implied",
        "individual", "known", "missed", "on_consent", "organization", "purposes", "recipient", "request", "served",
        "solicits",
        "state", "ungrounded", "whole",
    )  # fmt: skip

    def __init__(self, request: AccessRequest, state: ConsentState, book: Rulebook, at: datetime) -> None:
        self.request = request
        self.state = state
        self.book = book
        self.at = at
        self.day: date = tokyo_day(at)
        self.individual = request.subject_kind == "individual"
        self.organization: Organization | None = book.organizations.get(request.requester.organization)
        self.holder: Holder | None = book.holders.get(request.holder)
        self.foreign_hands = (
            self.holder is not None and self.holder.organization != request.requester.organization
        )
        self.recipient = _recipient(request, self.foreign_hands)
        """Whom a provision consent has to name: the recipient, or who uses another's data (ACC-5)."""
        self.asked = _asked(request, book)
        self.known = [asked for asked in self.asked if asked.item is not None]
        self.ids = [asked.id for asked in self.known]
        self.implied = request.activity.list_name is not None and _implied(request, book)
        self.purposes = _purposes(request, book, self.implied)
        self.solicits = False
        """Whether some purpose proposes a product."""
        for purpose in self.purposes:
            if purpose.solicits is not None:
                self.solicits = True
        self.whole: list[Cite] = []
        self.details: dict[str, str] = {}
        self.failures: dict[int, tuple[Cite, ...]] = {}
        """By grant: the clauses that fail whatever the purpose and item."""
        self.candidates: dict[tuple[str, str | None], tuple[list[Candidate], dict[str, Answer]]] = {}
        """By purpose and the recipient that must be named: the consents examined, and the answers they all gave."""
        self.served: dict[int, list[str]] = {}
        self.missed: dict[int, set[Cite]] = {}
        self.on_consent: set[str] = set()
        """Items of another that are open to the requester by the person's consent alone (ACC-5)."""
        self.ungrounded: set[str] = set()
        """Items for which some purpose has no ground in PURP (for a corporation, no refusal by itself)."""

    def refuse(self, reason: Cite) -> None:
        """The whole request is refused for this reason, at every item."""
        self.whole.append(reason)

    def off(self, rule: str) -> bool:
        """Whether a policy rule is switched off for the requester's organization."""
        switched_off = self.book.switched_off
        return bool(switched_off) and (rule, self.request.requester.organization) in switched_off

    def third_party(self) -> bool:
        """Whether the request is a provision to a third party in Japan, which the standing PROV rules judge."""
        recipient = self.request.recipient
        return (
            self.request.action == "provide"
            and recipient is not None
            and recipient.relation == "third_party"
            and self.domestic()
        )

    def domestic(self) -> bool:
        """Whether the recipient is in Japan: the registered country, else the request's; null is abroad (FORN-0)."""
        recipient = self.request.recipient
        if recipient is None:
            return True
        known = self.book.organizations.get(recipient.id)
        return (known.country if known is not None else recipient.country) == HOME


def _recipient(request: AccessRequest, foreign_hands: bool) -> str | None:
    if request.action == "provide":
        return None if request.recipient is None else request.recipient.id
    return request.requester.organization if foreign_hands else None


def _asked(request: AccessRequest, book: Rulebook) -> list[Asked]:
    """The requested items, and those that selected the persons, which count as requested (REQ-6)."""
    catalogue = book.items
    asked = [Asked(item, "requested", catalogue.get(item)) for item in dict.fromkeys(request.items)]
    selected_by = request.activity.selected_by
    if selected_by:
        asked += [
            Asked(item, "selection", catalogue.get(item))
            for item in dict.fromkeys(selected_by)
            if item not in request.items
        ]
    return asked


def _implied(request: AccessRequest, book: Rulebook) -> bool:
    """Whether the list's name implies a solicitation that the request does not state (WALL-14)."""
    name = request.activity.list_name
    if not name or request.purpose == INSURANCE_SOLICITATION:
        return False
    if INSURANCE_SOLICITATION in request.anticipated_purposes:
        return False
    plain = unicodedata.normalize("NFKC", name).casefold()
    return any(term in plain for term in book.solicitation_terms)


def _purposes(request: AccessRequest, book: Rulebook, implied: bool) -> list[Purpose]:
    """The known purposes that every rule is applied to: the stated, the anticipated and the implied one."""
    stated = book.purposes.get(request.purpose)
    if not request.anticipated_purposes and not implied:
        return [] if stated is None else [stated]
    names = dict.fromkeys((request.purpose, *request.anticipated_purposes))
    if implied:
        names[INSURANCE_SOLICITATION] = None
    return [known for name in names if (known := book.purposes.get(name)) is not None]
