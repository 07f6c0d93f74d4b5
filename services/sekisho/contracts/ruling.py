"""What is answered: the core's verdict, or a refusal for what the core cannot be asked about, with what decided it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sekisho.domain.decision import hold
from sekisho.domain.request import AccessRequest
from sekisho.domain.verdict import Cite, Verdict


class Ruling(NamedTuple):
    """A verdict and what else decided it (contract.md, `circumstances`)."""

    verdict: Verdict
    circumstances: Mapping[str, Any] | None = None


def refused(
    request: AccessRequest | None,
    reason: Cite,
    details: Mapping[str, str] | None = None,
    **circumstances: object,
) -> Ruling:
    """A refusal for that reason alone; `request` None: without its items."""
    return Ruling(hold(request, reason, details), {**circumstances, "code": reason.code})
