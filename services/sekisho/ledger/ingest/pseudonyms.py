"""Keyed hashes by which the ledger finds a person, a consent, an agreement or a policy without writing their ids down.

HMAC-SHA256 with the ledger's subject key: a plain hash of so little could be guessed. Each use begins with a text of its own
that ends in NUL, which no id holds (contracts.fields.Id), so that no hash of one use equals one of another.
"""

from __future__ import annotations

import hmac
import json
from functools import lru_cache
from typing import Final

KEY_BYTES: Final = 32
_CONSENT: Final = b"sekisho/consent/v1\0"
_SCOPE: Final = b"sekisho/scope/v1\0"


class SubjectKeyError(ValueError):
    """The subject key is shorter than 32 bytes."""


class Pseudonyms:
    """Makes the keyed hashes. The same key for as long as the ledger lives: with another nobody is found any more."""

    def __init__(self, key: bytes) -> None:
        """Raises SubjectKeyError."""
        if len(key) < KEY_BYTES:
            raise SubjectKeyError(f"the subject key has {len(key)} bytes: at least {KEY_BYTES} are needed")
        self._key = key
        self._scope_of = lru_cache(maxsize=65_536)(self._scope)

    def subject(self, subject_id: str) -> bytes:
        """Of a person's id: what the payload rows are searched by."""
        return hmac.digest(self._key, subject_id.encode(), "sha256")

    def consent(self, consent_id: str) -> bytes:
        """Of a consent's id: what decisions that it served are found by."""
        return hmac.digest(self._key, _CONSENT + consent_id.encode(), "sha256")

    def agreement(
        self, method: str, controller: str, counterparty: str, paper: str | None, subject_id: str | None
    ) -> bytes:
        """The key of the scope of a batch or contract (ER 19(2)(3)): its records end together.

        `paper` is the agreement's or the document's id. A contract is one person's, so its scope is as well.
        """
        return self._scope_of(method, controller, counterparty, paper, subject_id)

    def policy(self, subject_id: str, organization: str, product: str | None, concluded_at: str) -> bytes:
        """The key of the scope of a concluded policy: the decisions that served it end together."""
        return self._scope_of("policy", subject_id, organization, product, concluded_at)

    def _scope(self, *parts: str | None) -> bytes:
        told = json.dumps(parts, separators=(",", ":")).encode()
        return hmac.digest(self._key, _SCOPE + told, "sha256")
