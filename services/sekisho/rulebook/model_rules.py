"""A rule as data: what it says, whom its sources bind and how, and the texts of its codes."""

# ruff: noqa: RUF012 -- pydantic copies a model's defaults, and exclude_defaults does not see a default_factory

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import StringConstraints

from sekisho.domain.vocabulary import ReasonKind, Severity
from sekisho.rulebook.model_base import Bilingual, Sentence, Source

RuleId = Annotated[str, StringConstraints(pattern=r"^[A-Z]+-\d+$")]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z_]+(\.[a-z_]+)?$")]
Binds = Literal["all", "insurer", "bank", "bank_agent", "servicer", "group"]
"""Whom a source binds: everyone, those of a regime, or the post group by its own definition (rulebook.md)."""


class Citation(Source):
    """A source of a rule: whom it binds, with what weight, and where it stands."""

    binds: Binds
    severity: Severity
    citation: Sentence


class ReasonSource(Source):
    """The texts of a refusal; `sources` and `otherwise` where the code rests on another source than its rule."""

    kind: ReasonKind = "refused"
    sources: tuple[Citation, ...] | None = None
    otherwise: Sentence | None = None
    message: Bilingual
    remedy: Bilingual


class Rule(Source):
    """A rule; `otherwise` is the citation for whom no source binds: to them it is applied as policy."""

    says: Bilingual
    sources: tuple[Citation, ...]
    otherwise: Sentence | None = None
    effective_from: date | None = None
    effective_until: date | None = None
    reasons: dict[Code, ReasonSource] = {}
    bases: dict[Code, Bilingual] = {}
    obligations: dict[Code, Bilingual] = {}
