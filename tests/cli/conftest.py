"""What the command's tests share: the command itself, and a whole document to vary."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sekisho.cli.app import root

Run = Callable[..., Result]

DOCUMENT: dict[str, Any] = {
    "at": "2026-11-21T10:00:00+09:00",
    "events": [
        {
            "type": "sekisho.consent.granted.v1",
            "data": {
                "event_id": "EV-1",
                "consent_id": "CS-1",
                "subject_id": "C-000001",
                "kind": "cross_sell",
                "controller": "savings-bank",
                "given_at": "2026-10-01T09:30:00+09:00",
                "recorded_at": "2026-10-01T09:31:00+09:00",
                "method": "written",
                "mode": "face_to_face",
                "explained": {"method": "written", "at": "2026-10-01T09:20:00+09:00"},
                "terms": {
                    "valid_from": "2026-10-01",
                    "valid_until": "2028-09-30",
                    "withdrawal": "窓口・電話・郵送",
                    "modes": ["face_to_face", "mail"],
                    "items": ["savings.maturity_date", "savings.balance"],
                },
                "purposes": ["insurance.solicitation"],
                "recipients": [],
                "bundled": False,
                "coerced": False,
            },
        }
    ],
    "request": {
        "request_id": "R-1",
        "requested_at": "2026-11-21T10:00:00+09:00",
        "requester": {
            "organization": "post-office",
            "business": "insurance_solicitation",
            "system": "savings-crm",
            "operator": "op-0123",
            "branch": "br-0456",
        },
        "subject": {"id": "C-000001", "kind": "individual"},
        "action": "use",
        "holder": "savings-bank",
        "items": ["customer.name", "savings.maturity_date"],
        "purpose": "insurance.solicitation",
        "product_provider": "life-insurer",
        "activity": {"kind": "list_extraction", "mode": "none", "selected_by": ["savings.maturity_date"]},
    },
}
"""A list for insurance, chosen by maturity date, of a person who consented: allowed."""


@pytest.fixture
def document() -> dict[str, Any]:
    """A document for `sekisho decide` that is allowed; the test's own copy."""
    return copy.deepcopy(DOCUMENT)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Calls `sekisho` with arguments, as a person would, in this process and with no setting of this machine."""
    for name in [name for name in os.environ if name.startswith("SEKISHO_")]:
        monkeypatch.delenv(name)
    runner = CliRunner()

    def call(*arguments: str, stdin: str | bytes | None = None) -> Result:
        return runner.invoke(root, list(arguments), input=stdin)

    return call


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """Writes documents as JSON lines (or a text as it is) into a file and gives its path."""

    def into(*documents: Any, name: str = "documents.jsonl") -> str:
        path = tmp_path / name
        texts = [
            each if isinstance(each, str) else json.dumps(each, ensure_ascii=False) for each in documents
        ]
        path.write_text("\n".join(texts), encoding="utf-8")
        return str(path)

    return into
