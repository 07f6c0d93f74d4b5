"""What the notice says, in the law's order and words."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from audit.disclosure.samples import ANSWER, BASES, REQUEST, disclosed, kept, purged, record_id
from sekisho.audit.disclosure import (
    Asker,
    DisclosureError,
    Exclusion,
    KeptRecord,
    Period,
    Person,
    Withholding,
    notice_html,
    notice_json,
    notice_schema,
    read_instructions,
    sheet_html,
    sheet_json,
    sheet_schema,
)
from sekisho.audit.disclosure.japanese import day, kanji
from sekisho.audit.disclosure.notice import StatedRecord
from sekisho.audit.disclosure.schemas import schema_files, write

ROWS = {
    "provision.consent": "提供した年月日 本人の同意を得ている旨 提供先の第三者の氏名又は名称 提供先の第三者の住所 提供先の第三者の代表者の氏名 本人を特定するに足りる事項 個人データの項目",
    "provision.opt_out": "提供した年月日 提供先の第三者の氏名又は名称 提供先の第三者の住所 提供先の第三者の代表者の氏名 本人を特定するに足りる事項 個人データの項目",
    "provision.foreign_consent": "提供した年月日 本人の同意を得ている旨 提供先の第三者の氏名又は名称 提供先の第三者の住所 提供先の第三者の代表者の氏名 本人を特定するに足りる事項 個人データの項目",
    "receipt.consent": "提供を受けた年月日 本人の同意を得ている旨 提供元の第三者の氏名又は名称 提供元の第三者の住所 提供元の第三者の代表者の氏名 提供元による個人データの取得の経緯 本人を特定するに足りる事項 個人データの項目",
    "receipt.opt_out": "提供を受けた年月日 提供元の第三者の氏名又は名称 提供元の第三者の住所 提供元の第三者の代表者の氏名 提供元による個人データの取得の経緯 本人を特定するに足りる事項 個人データの項目 個人情報保護委員会により公表されている旨",
    "receipt.private": "提供を受けた年月日 提供元の第三者の氏名又は名称 提供元の第三者の住所 提供元による個人データの取得の経緯 本人を特定するに足りる事項 個人データの項目",
    "referable.receipt": "提供を受けた年月日 本人の同意を得ている旨 外国にある第三者に係る情報の提供が行われている旨 提供元の第三者の氏名又は名称 提供元の第三者の住所 提供元の第三者の代表者の氏名 本人を特定するに足りる事項 個人関連情報の項目",
}
ARTICLES = {
    "provision.consent": "規則第20条第1項第2号",
    "provision.opt_out": "規則第20条第1項第1号",
    "provision.foreign_consent": "規則第20条第1項第2号",
    "receipt.consent": "規則第24条第1項第2号",
    "receipt.opt_out": "規則第24条第1項第1号",
    "receipt.private": "規則第24条第1項第4号",
    "referable.receipt": "規則第24条第1項第3号",
}


def only(entry: KeptRecord) -> StatedRecord:
    """The one record that a notice of this entry lists."""
    notice = disclosed(entry).notice
    [found] = (*notice.provisions, *notice.receipts)
    return found


@pytest.mark.parametrize("basis", BASES)
def test_particulars_of_each_basis(basis: str) -> None:
    """Each record tells what ER 20 or 24 wants of its basis, in the table's order, with the article that says so."""
    found = only(kept(1, basis))
    assert " ".join(each.label for each in found.particulars) == ROWS[basis]
    assert found.article == ARTICLES[basis]
    assert all(each.values and "記録がありません" not in each.values for each in found.particulars)


def test_days_are_japanese() -> None:
    """Days are Asia/Tokyo days in Japanese form: 15:30 UTC on the 14th is the 15th."""
    found = only(kept(1))
    assert found.particulars[0].values == ("2026年3月15日",)
    assert found.created_on == date(2026, 3, 15)
    assert day(date(2024, 2, 29)) == "2024年2月29日"


def test_items_have_japanese_names() -> None:
    """Data items are told by their Japanese names; one that the catalogue does not know by its id."""
    found = only(kept(1, items=["savings.balance", "new.item"]))
    assert found.particulars[-1].values == ("預金残高", "new.item")


def test_unspecified_many() -> None:
    """Where the recipients are unspecified many, that is said, and no address or representative is asked for."""
    many = {
        "id": "x",
        "name": None,
        "address": None,
        "representative": None,
        "country": None,
        "unspecified_many": True,
    }
    found = only(kept(1, "provision.opt_out", counterparty=many))
    told = {each.particular: each.values for each in found.particulars}
    assert told["counterparty_name"] == ("不特定かつ多数の者",)
    assert "counterparty_address" not in told


def test_representative_of_a_private_provider_is_told_where_there_is_one() -> None:
    """A private provider mostly has no representative; one that is recorded is told."""
    other = kept(1, "receipt.private").record.counterparty.model_dump() | {"representative": "会長"}
    found = only(kept(1, "receipt.private", counterparty=other))
    assert ("会長",) in [each.values for each in found.particulars]


def test_country_stands_with_a_foreign_address() -> None:
    """The address of a recipient abroad names the country, also where there is no address."""
    told = {each.particular: each.values for each in only(kept(1, "provision.foreign_consent")).particulars}
    assert told["counterparty_address"] == ("1 Harbor Street, San Francisco, CA（国又は地域のコード：US）",)
    other = kept(1, "provision.foreign_consent").record.counterparty.model_dump() | {"address": None}
    entry = kept(1, "provision.foreign_consent", counterparty=other)
    told = {each.particular: each.values for each in only(entry).particulars}
    assert told["counterparty_address"] == ("国又は地域のコード：US",)


@pytest.mark.parametrize(
    ("first", "last", "told"),
    [
        ("2026-01-01", None, "（この記録の対象とする期間：2026年1月1日から継続中）"),
        ("2026-01-01", "2026-12-31", "（この記録の対象とする期間：2026年1月1日から2026年12月31日まで）"),
        (None, "2026-12-31", "（この記録の対象とする期間：2026年12月31日まで）"),
    ],
)
@pytest.mark.parametrize("method", ["batch", "contract"])
def test_span_of_a_batch_or_contract(method: str, first: str | None, last: str | None, told: str) -> None:
    """A batch or contract record tells the days that it spans."""
    found = only(kept(1, method=method, first_provision=first, last_provision=last))
    assert found.particulars[0].values == ("2026年3月15日", told)


@pytest.mark.parametrize(
    ("method", "basis", "name", "article", "retention"),
    [
        ("individual", "provision.consent", "個別", "規則第19条第2項本文", "規則第21条第3号"),
        ("batch", "provision.consent", "一括", "規則第19条第2項ただし書", "規則第21条第2号"),
        ("contract", "provision.consent", "契約書等の代替", "規則第19条第3項", "規則第21条第1号"),
        ("individual", "receipt.consent", "個別", "規則第23条第2項本文", "規則第25条第3号"),
        ("batch", "receipt.consent", "一括", "規則第23条第2項ただし書", "規則第25条第2号"),
        ("contract", "referable.receipt", "契約書等の代替", "規則第23条第3項", "規則第25条第1号"),
    ],
)
def test_methods(method: str, basis: str, name: str, article: str, retention: str) -> None:
    """The method and the retention are told with their articles."""
    found = only(kept(1, basis, method=method))
    assert found.method_name.startswith(name)
    assert (found.method_article, found.retention_article) == (article, retention)


def test_retention_is_the_later_one() -> None:
    """The ledger can prolong retention and never shorten it; while provision goes on there is no end."""
    entry = kept(1)
    assert only(entry).retain_until == date(2029, 3, 15)
    assert only(entry._replace(retain_until=date(2031, 1, 1))).retain_until == date(2031, 1, 1)
    assert only(entry._replace(retain_until=date(2028, 1, 1))).retain_until == date(2029, 3, 15)
    going_on = kept(1, method="batch", first_provision="2026-01-01", retain_until=None)
    assert only(going_on).retain_until is None
    assert "提供が継続しているため" in notice_html(disclosed(going_on))


@pytest.mark.parametrize(
    ("method", "why"), [("batch", "提供が継続しているため"), ("individual", "保存期間を延長しており")]
)
def test_a_day_that_counts_no_longer_is_not_told(method: str, why: str) -> None:
    """A batch that stated its end and went on, or a record that is kept without one: the day it stated would be wrong."""
    entry = kept(1, method=method)._replace(open_ended=True)
    assert only(entry).retain_until is None
    text = notice_html(disclosed(entry))
    assert f"{why}、満了日は定まっていません" in text
    assert "2029年3月15日まで" not in text


def test_lists_are_by_day() -> None:
    """Both lists are in the order of their days, whatever order the ledger gave, and numbered from one."""
    entries = [kept(n, provided_on=f"2026-0{9 - n}-01") for n in range(1, 5)]
    notice = disclosed(*entries, kept(9, "receipt.private")).notice
    assert [each.record_id for each in notice.provisions] == [record_id(n) for n in (4, 3, 2, 1)]
    assert [each.number for each in notice.provisions] == [1, 2, 3, 4]
    assert [each.number for each in notice.receipts] == [1]


def test_none_exists() -> None:
    """Where there is no record, that is said, notified under APPI 33(3), with the reason (36), in both lists."""
    text = notice_html(disclosed())
    assert "ご請求に係る第三者提供記録は存在しません。" in text
    assert "同条第3項の規定により、その旨を遅滞なく通知" in text
    assert "第36条" in text
    assert text.count("開示する記録はありません。") == 2


def test_notice_speaks_of_no_excluded_records() -> None:
    """No form of the letter mentions the Cabinet Order or its kinds, whatever was found."""
    hidden = Exclusion(record_id=record_id(3), kind="crime_prevention", reason="捜査照会")
    for found in (disclosed(), disclosed(kept(1), kept(3), expired=(purged(2),), excluded=(hidden,))):
        text = notice_html(found) + notice_json(found)
        for word in ("政令", "第11条", "施行令", "捜査", "犯罪", "存否", record_id(3)):
            assert word not in text


def test_letter_says_what_it_rests_on() -> None:
    """The letter names the request's day, the article, the period, the day of the search, who answers and where to ask."""
    answer = ANSWER.model_copy(update={"ledger_reference": "sekisho.example/meta 12345 abc="})
    text = notice_html(disclosed(kept(1), answer=answer))
    for told in (
        "2026年11月16日に受け付けました", "第33条第5項において準用する同条第2項及び第3項", "平成15年法律第57号",
        "現に保存している全期間", "2026年11月20日", "2026年11月22日", "開示2026-0042", "株式会社関所銀行", "髙﨑 太郎",
        "お客さま相談室", "0120-000-000", "山田 花子　様", "C-000001", record_id(1), "sekisho.example/meta 12345 abc=",
        "sekisho.example/records/0/2026 #1", "2029年3月15日まで",
    ):  # fmt: skip
        assert told in text


@pytest.mark.parametrize(
    ("period", "told"),
    [
        (Period(first=date(2025, 1, 1), last=date(2025, 12, 31)), "2025年1月1日から2025年12月31日まで"),
        (Period(first=date(2025, 1, 1)), "2025年1月1日以後"),
        (Period(last=date(2025, 12, 31)), "2025年12月31日以前"),
    ],
)
def test_period_is_told(period: Period, told: str) -> None:
    """The period covered is told as it was asked for."""
    assert told in notice_html(disclosed(request=REQUEST.model_copy(update={"period": period})))


@pytest.mark.parametrize(
    ("capacity", "called"), [("legal_representative", "法定代理人"), ("agent", "ご本人が委任された代理人")]
)
@pytest.mark.parametrize(
    ("name", "person"), [("山田 花子", "山田 花子　様"), (None, "識別番号　C-000001の方")]
)
def test_letter_to_a_representative(capacity: str, called: str, name: str | None, person: str) -> None:
    """A letter to a representative names both, and in what capacity it is written to (APPI 37(3))."""
    asker = Asker.model_validate({"capacity": capacity, "name": "代理 一子"})
    request = REQUEST.model_copy(update={"asker": asker, "person": Person(subject_id="C-000001", name=name)})
    text = notice_html(disclosed(request=request))
    assert "代理 一子　様" in text
    assert f"（{person}の{called}）" in text


def test_person_without_a_name_is_addressed_by_id() -> None:
    """The ledger knows no names: a letter without one is addressed by the id."""
    text = notice_html(
        disclosed(request=REQUEST.model_copy(update={"person": Person(subject_id="C-000001")}))
    )
    assert "ご本人（識別番号　C-000001）　様" in text


def full() -> dict[str, object]:
    """Records of every kind at once."""
    return {
        "expired": (purged(40), purged(41, disclosable=False)),
        "withheld": (
            Withholding(record_id=record_id(0), ground="other_law", reason="秘密漏示", whole=True),
            Withholding(record_id=record_id(1), ground="harm", reason="安全のため", particulars=("date",)),
        ),
        "excluded": (Exclusion(record_id=record_id(2), kind="state", reason="警備"),),
    }


def test_documents_follow_their_schemas() -> None:
    """Notice and sheet are as their JSON Schemas say, in each outcome; nothing beside the known fields stands in them."""
    entries = [kept(n, basis) for n, basis in enumerate(BASES)]
    for found in (disclosed(), disclosed(*entries), disclosed(*entries, **full())):  # type: ignore[arg-type]
        for text, schema in ((notice_json(found), notice_schema()), (sheet_json(found), sheet_schema())):
            jsonschema.Draft202012Validator.check_schema(schema)
            jsonschema.validate(json.loads(text), schema)


def test_field_names_are_stable() -> None:
    """The fields of both documents' format 1, which readers rely on: adding is a change here, removing a new format."""
    assert sorted(notice_schema()["properties"]) == sorted(
        [
            "format",
            "type",
            "language",
            "title",
            "document_id",
            "issued_on",
            "as_of",
            "outcome",
            "addressee",
            "subject",
            "request",
            "organization",
            "method",
            "method_difficulty",
            "statement",
            "counts",
            "provisions",
            "receipts",
            "withheld",
            "expired",
            "ledger_reference",
        ]
    )
    assert sorted(sheet_schema()["properties"]) == sorted(
        [
            "format",
            "type",
            "document_id",
            "organization",
            "subject_id",
            "capacity",
            "verified_by",
            "received_on",
            "issued_on",
            "days",
            "as_of",
            "outcome",
            "ledger_reference",
            "counts",
            "entries",
            "warnings",
        ]
    )


@pytest.mark.parametrize("language", ["ja", "en"])
def test_sheet_tells_all(language: str) -> None:
    """The sheet tells of each record with its reason, in both languages, and warns that it is not for the person."""
    text = sheet_html(disclosed(kept(0), kept(1), kept(2), **full()), language)  # type: ignore[arg-type]
    for told in (*map(record_id, (0, 1, 2, 40, 41)), "秘密漏示", "安全のため", "警備"):
        assert told in text
    assert ("交付しないでください" if language == "ja" else "Never hand it") in text


def test_instructions_are_read_from_a_file() -> None:
    """A decoded YAML or JSON file gives request, answer and statements; days may be YAML's or texts."""
    found = read_instructions(
        {
            "request": {"person": {"subject_id": "C-1"}, "received_on": date(2026, 1, 2)},
            "statements": {
                "withheld": [{"record_id": "R", "ground": "harm", "reason": "理由", "items": ["a"]}]
            },
        }
    )
    assert found.request is not None
    assert found.request.received_on == date(2026, 1, 2)
    assert found.answer is None
    assert found.statements.withheld[0].items == ("a",)


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ({"statments": {}}, "statements"),
        (
            {
                "statements": {
                    "withheld": [{"record_id": "R", "ground": "harms", "reason": "x", "whole": True}]
                }
            },
            "ground",
        ),
        (
            {
                "statements": {
                    "withheld": [{"record_id": "R", "ground": "harm", "reason": " ", "whole": True}]
                }
            },
            "reason",
        ),
        ({"statements": {"withheld": [{"record_id": "R", "ground": "harm", "reason": "x"}]}}, "statements"),
        ({"statements": {"excluded": [{"record_id": "R", "kind": "state"}]}}, "reason"),
        (
            {
                "statements": {
                    "withheld": [
                        {"record_id": "R", "ground": "harm", "reason": "x", "whole": True, "items": ["a"]}
                    ]
                }
            },
            "statements",
        ),
        ({"request": {"person": {"subject_id": "C-1"}, "received_on": "16 Nov"}}, "received_on"),
        ({1: {"a"}}, ""),
        ([], ""),
    ],
)
def test_wrong_instructions_are_refused(document: object, named: str) -> None:
    """A misspelt, incomplete or impossible file is refused, naming the field: a decision must not go unnoticed."""
    with pytest.raises(DisclosureError) as caught:
        read_instructions(document)
    assert caught.value.code == "instructions.invalid"
    assert named in caught.value.en


def test_kanji_numbers() -> None:
    """Particulars are numbered as the law numbers them."""
    assert [kanji(n) for n in (1, 9, 10, 11, 20, 99)] == ["一", "九", "十", "十一", "二十", "九十九"]
    for wrong in (0, 100):
        with pytest.raises(ValueError, match="not between"):
            kanji(wrong)


DEPLOYED = Path(__file__).resolve().parents[3] / "deploy" / "disclosure"


def test_example_instructions_are_read() -> None:
    """The example file of instructions states a whole request, answer and every sort of statement."""
    found = read_instructions(
        YAML(typ="safe", pure=True).load((DEPLOYED / "instructions.yaml").read_text("utf-8"))
    )
    assert found.request is not None
    assert found.answer is not None
    assert [
        len(each)
        for each in (found.statements.withheld, found.statements.excluded, found.statements.without_duty)
    ] == [2, 1, 1]


def test_written_schemas_are_the_documents_own() -> None:
    """The schema files are as generated: python -m sekisho.audit.disclosure.schemas deploy/disclosure."""
    assert {each.name: each.read_text("utf-8") for each in DEPLOYED.glob("*.schema.json")} == schema_files()


def test_schemas_are_written_anew(tmp_path: Path) -> None:
    """Writing them gives the same files."""
    write(tmp_path)
    assert {each.name: each.read_text("utf-8") for each in tmp_path.iterdir()} == schema_files()
