"""What every model of the sources rests on: the closed, strict base, texts, ids and days."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

Sentence = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


class Source(BaseModel):
    """Base of every model: unknown keys and loose types are problems, nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Bilingual(Source):
    """A text in Japanese and English."""

    ja: Sentence
    en: Sentence


class MovesWithTheWorld:
    """Marks a day that `shift_days` moves."""


WorldDay = Annotated[date, MovesWithTheWorld()]
DottedId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$")]
PlainId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
BusinessId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]*$")]
CompoundHolder = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*/[a-z0-9][a-z0-9._-]*$")]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Version = Annotated[str, StringConstraints(pattern=r"^\d{4}\.\d{1,2}\.\d+(\+-?\d+d)?$")]
Origin = Literal["external"] | None
"""`external`: not found in the source documents, taken from the law itself (rulebook.md, last paragraph)."""


def without_repetition(values: tuple[str, ...]) -> tuple[str, ...]:
    """The values themselves. Raises ValueError where one stands twice."""
    repeated = sorted({value for value in values if values.count(value) > 1})
    if repeated:
        raise ValueError(f"stands twice: {', '.join(repeated)}")
    return values


Names = Annotated[tuple[str, ...], AfterValidator(without_repetition)]
SomeNames = Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(without_repetition)]
