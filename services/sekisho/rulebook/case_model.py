"""The cases' files as models: strict and closed, like the rulebook's own sources (deploy/rulebook/cases/README.md)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from sekisho.domain.vocabulary import Effect, RecordExemption, Role
from sekisho.rulebook.model_base import Bilingual, Sentence, Source
from sekisho.rulebook.model_rules import Code, RuleId

CaseId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
CodeAndRule = Annotated[str, StringConstraints(pattern=r"^[a-z_]+(\.[a-z_]+)? [A-Z]+-\d+$")]
Codes = Annotated[tuple[Code, ...], Field(min_length=1)]
OnTheDot = Annotated[
    str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(Z|[+-]\d{2}:\d{2})$")
]

DOCUMENTS = ("APPI", "ER", "GL", "IBR", "JP", "SG", "SV", "RB")
Document = Literal["APPI", "ER", "GL", "IBR", "JP", "SG", "SV", "RB"]
"""Abbreviations as in the rules' page; GL are the PPC's guidelines, RB the house's own rules."""


class CitedSentence(Source):
    """Where a case comes from: the document, the place in it, and the sentence as it stands there."""

    document: Document
    section: Sentence
    sentence: Sentence


class Patch(Source):
    """A document by what it differs in: taken from `base`, with `set` merged in and the paths of `remove` taken out."""

    base: str | None = None
    set: dict[str, Any] = Field(default_factory=dict)
    remove: tuple[str, ...] = ()


class EventPatch(Patch):
    """A consent event; its type stands in it or in its base."""

    type: str | None = None


class ItemExpected(Source):
    """What an item gets: all bases of an allowed one, all reasons of a denied one, in order."""

    allow: Codes | None = None
    deny: Codes | None = None
    role: Role = "requested"

    @model_validator(mode="after")
    def _one(self) -> ItemExpected:
        if (self.allow is None) == (self.deny is None):
            raise ValueError("say either allow (with its bases) or deny (with its reasons)")
        return self


OneItem = Annotated[dict[str, ItemExpected], Field(min_length=1, max_length=1)]
OneConsent = Annotated[
    dict[str, Annotated[tuple[str, ...], Field(min_length=1)]], Field(min_length=1, max_length=1)
]


class Expected(Source):
    """The whole answer. What is left out is expected to be empty, not ignored."""

    effect: Effect
    items: tuple[OneItem, ...] = ()
    reasons: tuple[CodeAndRule, ...] = ()
    near_misses: tuple[OneConsent, ...] = ()
    obligations: tuple[CodeAndRule, ...] = ()
    consents: tuple[OneConsent, ...] = ()
    record: Patch | None = None
    record_exemption: RecordExemption | None = None
    mentions: tuple[Sentence, ...] = ()
    """What the texts of the reasons must name (an unknown item, a misspelt field, a missing particular)."""


class CaseSource(Source):
    """One case as written."""

    id: CaseId
    rule: RuleId
    direction: Effect
    title: Bilingual
    source: str
    against: CaseId | None = None
    malformed: bool = False
    at: OnTheDot | None = None
    events: tuple[EventPatch, ...] = ()
    request: Patch
    expect: Expected


class Undecided(Source):
    """Places in a document that no access request is decided by, what stands there, and why no case shows it."""

    document: Document
    sections: Annotated[tuple[Sentence, ...], Field(min_length=1)]
    what: Bilingual
    why: Bilingual


class CaseFile(Source):
    """A file of a `cases` folder: cases, and what they start from and cite, by name; at least one section."""

    sources: dict[str, CitedSentence] = Field(default_factory=dict)
    requests: dict[str, Patch] = Field(default_factory=dict)
    events: dict[str, EventPatch] = Field(default_factory=dict)
    records: dict[str, Patch] = Field(default_factory=dict)
    cases: tuple[CaseSource, ...] = ()
    undecided: tuple[Undecided, ...] = ()
