"""Every message of the contract: its CloudEvents type and its model. Schemas, pages and examples go by this list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel

from sekisho.contracts import (
    access_decisions,
    access_requests,
    consent_events,
    list_decisions,
    list_requests,
    provision_records,
    rejected_events,
    rulebooks,
    signals,
    solicitation_outcomes,
)

MODELS: Final[Mapping[str, type[BaseModel]]] = {
    access_requests.TYPE: access_requests.AccessRequest,
    **consent_events.MODELS,
    access_decisions.TYPE: access_decisions.Decision,
    provision_records.TYPE: provision_records.ProvisionRecord,
    rejected_events.TYPE: rejected_events.RejectedEvent,
    list_requests.TYPE: list_requests.ListRequest,
    list_decisions.TYPE: list_decisions.ListDecision,
    solicitation_outcomes.TYPE: solicitation_outcomes.SolicitationOutcome,
    signals.TYPE: signals.Signal,
    rulebooks.TYPE: rulebooks.PublishedRulebook,
}
