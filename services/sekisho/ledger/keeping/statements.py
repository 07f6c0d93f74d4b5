"""What an operator says, as a payload: the words apart from the leaf, which holds their commitment alone."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sekisho.ledger.merkle.canonical import SALT_SIZE, canonical, commit
from sekisho.ledger.store.rows import PayloadRow


class Said(NamedTuple):
    """A statement ready to be kept: its salt, its canonical body and their commitment."""

    salt: bytes
    body: bytes
    commit: str


def said(document: Mapping[str, Any]) -> Said:
    """The statement that the document is. Raises CanonicalError where it holds what no such document may."""
    salt, body = os.urandom(SALT_SIZE), canonical(dict(document))
    return Said(salt, body, commit(salt, body).hex())


def payload(
    index: int, rid: str, kind: str, words: Said, at: datetime, subject_hmac: bytes | None = None
) -> PayloadRow:
    """Its row beside the leaf of that index in the acts log; it has no end: it tells why something was kept or released."""
    return PayloadRow(index, rid, kind, None, None, words.salt, words.body, at, subject_hmac)


def new_id() -> str:
    """A random UUID."""
    return str(uuid.uuid4())
