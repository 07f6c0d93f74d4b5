"""Records, requests and answers as the tests of disclosure use them."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from sekisho.audit.disclosure import (
    Answer,
    Contact,
    Disclosure,
    ExpiredRecord,
    KeptRecord,
    Organization,
    Person,
    Request,
    Statements,
    disclose,
)
from sekisho.contracts.provision_records import ProvisionRecord

ITEM_NAMES: Final = {
    "customer.name": "氏名",
    "savings.balance": "預金残高",
    "sensitive.medical_history": "病歴",
    "referable.browsing_history": "閲覧履歴",
}
BANK: Final = Organization(
    id="savings-bank",
    name="株式会社関所銀行",
    address="東京都千代田区大手町一丁目1番1号",
    representative="髙﨑 太郎",
    contact=Contact(
        desk="お客さま相談室 個人情報開示担当",
        address="〒100-0004 東京都千代田区大手町一丁目1番1号",
        phone="0120-000-000（通話料無料）",
        hours="平日 午前9時から午後5時まで（土曜日、日曜日、祝日及び年末年始を除きます。）",
    ),
    calls_itself="当行",
)
REQUEST: Final = Request(
    person=Person(subject_id="C-000001", name="山田 花子"), received_on=date(2026, 11, 16)
)
ANSWER: Final = Answer(
    organization=BANK, document_id="開示2026-0042", issued_on=date(2026, 11, 22), as_of=date(2026, 11, 20)
)
RECEIPTS: Final = {
    "acquisition": "保険契約の申込みに際して本人から取得したもの",
    "counterparty": {
        "id": "other-insurer",
        "name": "あおぞら第二生命保険株式会社",
        "address": "大阪府大阪市北区中之島二丁目2番2号",
        "representative": "𠮷田 次郎",
        "country": "JP",
        "unspecified_many": False,
    },
}
OF_BASIS: Final[dict[str, dict[str, Any]]] = {
    "provision.consent": {},
    "provision.opt_out": {"consent": None},
    "provision.foreign_consent": {
        "counterparty": {
            "id": "pacific",
            "name": "Pacific Life & Trust, Inc.",
            "address": "1 Harbor Street, San Francisco, CA",
            "representative": "Renée Müller",
            "country": "US",
            "unspecified_many": False,
        },
        "foreign": {"country": "US"},
    },
    "receipt.consent": {
        **RECEIPTS,
        "consent": {
            "statement": "提供者が本人の同意を得て提供するものである",
            "consent_id": None,
            "position": None,
        },
    },
    "receipt.opt_out": {
        **RECEIPTS,
        "consent": None,
        "ppc_publication": "個人情報保護委員会のウェブサイトにおいて公表されている（届出番号 2026-0001）",
    },
    "receipt.private": {
        **RECEIPTS,
        "consent": None,
        "counterparty": {
            "id": "private-1",
            "name": "佐藤 一郎",
            "address": "京都府京都市中京区三条通1-1",
            "representative": None,
            "country": "JP",
            "unspecified_many": False,
        },
    },
    "referable.receipt": {
        **RECEIPTS,
        "acquisition": None,
        "items": ["referable.browsing_history"],
        "foreign": {"country": "US", "information": "提供した"},
        "consent": {
            "statement": "個人関連情報を個人データとして取得することを認める本人の同意が得られている",
            "consent_id": None,
            "position": None,
        },
    },
    "referable.provision": {"subject": None, "items": ["referable.browsing_history"]},
}
BASES: Final = tuple(each for each in OF_BASIS if each != "referable.provision")


def record_id(number: int) -> str:
    """The id of the sample record of that number."""
    return str(uuid5(NAMESPACE_URL, f"record-{number}"))


def record(number: int = 1, basis: str = "provision.consent", **changed: Any) -> ProvisionRecord:
    """A record of that basis; `changed` are fields of the contract."""
    content: dict[str, Any] = {
        "record_id": record_id(number),
        "basis": basis,
        "method": "individual",
        "created_at": datetime(2026, 3, 14, 15, 30, tzinfo=UTC).isoformat().replace("+00:00", "Z"),
        "provided_on": "2026-03-15",
        "first_provision": None,
        "last_provision": None,
        "controller": "savings-bank",
        "direction": "receipt" if "receipt" in basis else "provision",
        "counterparty": {
            "id": "life-insurer",
            "name": "みらい生命保険株式会社",
            "address": "東京都中央区日本橋三丁目3番3号",
            "representative": "代表 三郎",
            "country": "JP",
            "unspecified_many": False,
        },
        "subject": {"id": "C-000001", "kind": "individual"},
        "items": ["customer.name", "savings.balance"],
        "consent": {
            "statement": "本人の同意を得ている（同意番号 CS-1）",
            "consent_id": "CS-1",
            "position": None,
        },
        "acquisition": None,
        "ppc_publication": None,
        "foreign": None,
        "agreement": None,
        "document": None,
        "refers_to": None,
        "retain_until": "2029-03-15",
        "retention_rule": "ER 21(iii)",
        "decision_id": "D-1",
        "request_id": "R-1",
        "request_position": None,
        "rulebook": {"version": "2026.11.1", "digest": "sha256:00"},
    }
    content |= OF_BASIS[basis] | changed
    return ProvisionRecord.model_validate_json(json.dumps(content))


def kept(number: int = 1, basis: str = "provision.consent", **changed: Any) -> KeptRecord:
    """As `record`, as the ledger gives it."""
    return KeptRecord(record(number, basis, **changed), proof=f"sekisho.example/records/0/2026 #{number}")


def purged(
    number: int, *, disclosable: bool = True, controller: str | None = "savings-bank"
) -> ExpiredRecord:
    """A record whose retention has ended."""
    return ExpiredRecord(record_id(number), date(2022, 4, 1), date(2025, 4, 2), disclosable, controller)


def disclosed(
    *entries: KeptRecord,
    expired: tuple[ExpiredRecord, ...] = (),
    request: Request = REQUEST,
    answer: Answer = ANSWER,
    **stated: Any,
) -> Disclosure:
    """The disclosure of these records; `stated` are the statements."""
    return disclose(request, answer, Statements(**stated), entries, expired, ITEM_NAMES)
