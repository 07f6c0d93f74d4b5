"""The canonical form of validated sources and its digest.

What counts is the meaning: files, order, comments and white space do not, and a default that is written out equals one
that is not. No list of a rulebook is ordered, so every list is sorted. A field that a later release adds leaves the
digest of an older rulebook as it was, because what is not stated is not written.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from sekisho.rulebook.model import Sources


def canonical_json(sources: Sources) -> bytes:
    """UTF-8 JSON with sorted keys and lists, no white space, and nothing that is not stated."""
    plain = sources.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return _dump(_sorted(plain)).encode()


def digest(sources: Sources) -> str:
    """`sha256:` and the hexadecimal digest of the canonical form."""
    return f"sha256:{hashlib.sha256(canonical_json(sources)).hexdigest()}"


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return sorted((_sorted(inner) for inner in value), key=_dump)
    return value


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
