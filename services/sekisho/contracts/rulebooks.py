"""sekisho-rulebooks: the sources of every rulebook that a gate has decided with (contract.md, Topics).

Compacted by digest and kept for ever, so that a replay years later has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pydantic_core import to_json

from sekisho.contracts.envelope import binary_headers
from sekisho.contracts.fields import Output, written
from sekisho.contracts.reading import read_output
from sekisho.contracts.shared_models import Encoded

TYPE: Final = "sekisho.rulebook.published.v1"
SOURCE: Final = "urn:sekisho:gate"


class PublishedRulebook(Output):
    """A rulebook as it was written."""

    version: str
    digest: str
    """`sha256:` of its compiled content; also the message's key."""
    sources: dict[str, str]
    """Its files: path below the rulebook's folder, and text."""
    engine: str | None = None
    """The version of the software that compiled it."""


def encode(
    version: str, digest: str, sources: Mapping[str, str], *, engine: str | None, at: datetime
) -> Encoded:
    """The message of a rulebook; its key is the digest."""
    found = document(version, digest, sources, engine=engine)
    return Encoded(binary_headers(TYPE, digest, SOURCE, written(at)), to_json(found))


def document(
    version: str, digest: str, sources: Mapping[str, str], *, engine: str | None
) -> Mapping[str, Any]:
    """A published rulebook's data, files in the order of their paths."""
    return {
        "version": version,
        "digest": digest,
        "sources": dict(sorted(sources.items())),
        "engine": engine,
    }


def decode(data: bytes) -> PublishedRulebook:
    """A published rulebook as a reader takes it; unknown fields are ignored.

    Raises UnreadableMessageError or InvalidMessageError.
    """
    return read_output(PublishedRulebook, data)
