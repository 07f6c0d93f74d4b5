"""What becomes of each record: who is told, who is not, and that the operator's count is complete."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.disclosure.samples import (
    ANSWER,
    BASES,
    REQUEST,
    disclosed,
    kept,
    purged,
    record_id,
)
from sekisho.audit.disclosure import (
    Asker,
    DisclosureError,
    Exclusion,
    KeptRecord,
    Period,
    Person,
    Request,
    Withholding,
    WithoutDuty,
    notice_html,
    notice_json,
    notice_pdf,
)
from sekisho.audit.disclosure.wording import Category
from sekisho.domain.vocabulary import values

KINDS = ("life_body_property", "unlawful_acts", "state", "crime_prevention")
CORPORATION = {"id": "C-000001", "kind": "corporation"}


def excluded(number: int, kind: str = "state") -> Exclusion:
    """A statement that the record is of one of the four kinds."""
    return Exclusion.model_validate(
        {"record_id": record_id(number), "kind": kind, "reason": "照会の経緯による"}
    )


def withheld(number: int, ground: str = "harm", **parts: object) -> Withholding:
    """A decision to withhold the record, or parts of it."""
    return Withholding.model_validate(
        {
            "record_id": record_id(number),
            "ground": ground,
            "reason": "理由の説明",
            **(parts or {"whole": True}),
        }
    )


@pytest.mark.parametrize("basis", BASES)
def test_every_basis_of_a_duty_is_disclosed(basis: str) -> None:
    """A record on each basis under which one is owed with a person in it is disclosed, in its list."""
    found = disclosed(kept(1, basis))
    listed = found.notice.provisions if basis.startswith("provision.") else found.notice.receipts
    assert [each.record_id for each in listed] == [record_id(1)]
    assert found.sheet.counts.categories["disclosed"] == 1


@pytest.mark.parametrize("kind", KINDS)
def test_only_excluded_reads_as_none(kind: str) -> None:
    """Where all that is kept is of the four kinds, each form of the notice is that of no record, byte for byte."""
    none = disclosed()
    only = disclosed(kept(1), expired=(purged(2),), excluded=(excluded(1, kind), excluded(2, kind)))
    assert notice_json(only) == notice_json(none)
    assert notice_html(only) == notice_html(none)
    assert notice_pdf(only) == notice_pdf(none)
    assert only.sheet.counts.excluded_by_kind[kind] == 2  # type: ignore[index]
    assert only.sheet.counts.total == 2


UNTOLD: tuple[tuple[Category, KeptRecord, dict[str, Any]], ...] = (
    ("excluded", kept(90), {"excluded": (excluded(90),)}),
    ("referable_provision", kept(90, "referable.provision"), {}),
    (
        "without_duty",
        kept(90),
        {"without_duty": (WithoutDuty(record_id=record_id(90), exemption="entrustment", reason="委託"),)},
    ),
    ("without_duty", kept(90, subject=CORPORATION), {}),
    ("other_controller", kept(90, controller="life-insurer"), {}),
)


@pytest.mark.parametrize(("category", "entry", "stated"), UNTOLD)
def test_what_is_no_record_for_disclosure_changes_nothing(
    category: Category, entry: KeptRecord, stated: dict[str, Any]
) -> None:
    """What is no 第三者提供記録 of this organization leaves the notice as it is and is counted on the sheet."""
    without = disclosed(kept(1), kept(2, "receipt.consent"))
    beside = disclosed(kept(1), entry, kept(2, "receipt.consent"), **stated)
    assert notice_json(beside) == notice_json(without)
    assert beside.sheet.counts.categories[category] == 1
    assert beside.sheet.counts.total == 3


def test_expired_entry_that_must_not_be_told_is_in_no_line() -> None:
    """A purged record that was no 第三者提供記録 is in no "kept and expired" line, and is counted."""
    none = disclosed()
    untold = disclosed(expired=(purged(1, disclosable=False), purged(2, controller="life-insurer")))
    assert notice_json(untold) == notice_json(none)
    assert untold.sheet.counts.categories["expired_untold"] == 1
    assert untold.sheet.counts.other_controllers == {"life-insurer": 1}


def test_expired_entry_is_told_without_content() -> None:
    """A purged record is told with the days on which it was made and deleted, and nothing else."""
    found = disclosed(expired=(purged(1),)).notice
    assert found.outcome == "none"
    assert found.counts.expired == 1
    [entry] = found.expired
    assert entry.model_dump() == {
        "number": 1, "record_id": record_id(1), "created_on": date(2022, 4, 1), "purged_on": date(2025, 4, 2),
    }  # fmt: skip
    assert any("消去した" in each for each in found.statement)


@pytest.mark.parametrize("ground", ["harm", "hindrance", "other_law"])
def test_whole_record_withheld(ground: str) -> None:
    """A record withheld in whole is told with ground and reason; none of its content is."""
    found = disclosed(kept(1), withheld=(withheld(1, ground),))
    assert found.notice.outcome == "withheld"
    [told] = found.notice.withheld
    assert (told.decision.ground, told.decision.reason) == (ground, "理由の説明")
    assert told.decision.article.startswith("法第33条第2項第")
    text = notice_json(found) + notice_html(found)
    assert "みらい生命保険" not in text
    assert "2026年3月15日" not in text
    assert "第36条" in text
    assert found.sheet.counts.withheld_by_ground == {
        each: int(each == ground) for each in ("harm", "hindrance", "other_law")
    }


def test_part_withheld() -> None:
    """What is withheld of a record is told with its reason, and all else of it is disclosed (SV 20(3))."""
    found = disclosed(kept(1), kept(2), withheld=(withheld(1, particulars=("counterparty_name",)),))
    assert found.notice.outcome == "partly_withheld"
    record = next(each for each in found.notice.provisions if each.record_id == record_id(1))
    told = {each.particular: each for each in record.particulars}
    assert told["counterparty_name"].values == ()
    assert told["counterparty_name"].withheld[0].reason == "理由の説明"
    assert told["counterparty_address"].values == ("東京都中央区日本橋三丁目3番3号",)
    assert found.sheet.counts.partly_withheld_by_ground["harm"] == 1


def test_one_item_withheld() -> None:
    """One data item can be withheld alone: the others stand, and how many do not is told."""
    entry = kept(1, items=["customer.name", "sensitive.medical_history"])
    found = disclosed(entry, withheld=(withheld(1, items=("sensitive.medical_history",)),))
    [items] = [each for each in found.notice.provisions[0].particulars if each.particular == "items"]
    assert items.values == ("氏名",)
    assert items.items_withheld == 1
    assert "病歴" not in notice_json(found) + notice_html(found)


def test_withheld_day_is_not_told_by_what_follows_from_it() -> None:
    """With the day, the retention's end, the day of creation and the place in the ledger and the list are left out."""
    early = kept(1, provided_on="2026-01-05", created_at="2026-01-05T01:00:00Z", retain_until="2029-01-05")
    found = disclosed(early, kept(2), withheld=(withheld(1, particulars=("date",)),))
    record = found.notice.provisions[-1]
    assert record.record_id == record_id(1)
    assert (record.provided_on, record.created_on, record.retain_until, record.proof) == (None,) * 4
    text = notice_json(found) + notice_html(found)
    assert "2026-01-05" not in text
    assert "2026年1月5日" not in text
    assert "2029年1月5日" not in text


def test_country_goes_with_the_address() -> None:
    """With the address, the country is withheld."""
    found = disclosed(
        kept(1, "provision.foreign_consent"), withheld=(withheld(1, particulars=("counterparty_address",)),)
    )
    assert "国又は地域" not in notice_html(found)


@pytest.mark.parametrize(
    ("period", "told"),
    [
        (Period(), True),
        (Period(first=date(2026, 3, 15), last=date(2026, 3, 15)), True),
        (Period(first=date(2026, 3, 16)), False),
        (Period(last=date(2026, 3, 14)), False),
    ],
)
def test_period(period: Period, told: bool) -> None:
    """A record is told if its day lies in the period asked for, both ends included; the sheet counts it anyway."""
    found = disclosed(kept(1), request=REQUEST.model_copy(update={"period": period}))
    assert bool(found.notice.provisions) is told
    assert found.sheet.counts.categories["outside_period"] == int(not told)


@pytest.mark.parametrize(("last", "told"), [(None, True), ("2026-06-30", True), ("2026-04-30", False)])
def test_batch_lies_in_every_period_that_it_reaches(last: str | None, told: bool) -> None:
    """A batch record is told for each period in which provision under it went on."""
    period = Period(first=date(2026, 6, 1), last=date(2026, 6, 30))
    entry = kept(1, method="batch", first_provision="2026-01-01", last_provision=last)
    found = disclosed(entry, request=REQUEST.model_copy(update={"period": period}))
    assert bool(found.notice.provisions) is told


def refusal(**given: object) -> str:
    """The code of the refusal that a disclosure of these ends in."""
    entries = given.pop("entries", (kept(1),))
    with pytest.raises(DisclosureError) as caught:
        disclosed(*entries, **given)  # type: ignore[misc, arg-type]
    assert caught.value.ja
    assert str(caught.value) == caught.value.en
    return caught.value.code


def asked(**changed: object) -> Request:
    """The sample request with other fields."""
    return REQUEST.model_copy(update=changed)


def test_what_is_no_living_individual_is_refused() -> None:
    """A corporation and a person no longer alive have no such disclosure (APPI 2(1)(4))."""
    corporation = Person(subject_id="C-000001", kind="corporation")
    assert refusal(request=asked(person=corporation)) == "person.not_individual"
    assert refusal(request=asked(person=Person(subject_id="C-000001", living=False))) == "person.not_living"


def test_other_persons_records_stop_it() -> None:
    """A record of another person, or one that should name a person and does not, is never passed over."""
    other = {"id": "C-000002", "kind": "individual"}
    assert refusal(entries=(kept(1, subject=other),)) == "entry.other_person"
    assert refusal(entries=(kept(1, "referable.provision", subject=other),)) == "entry.other_person"
    assert refusal(entries=(kept(1, subject=None),)) == "entry.personless"


def test_entry_given_twice_stops_it() -> None:
    """A record given twice, kept or purged, would be counted twice."""
    assert refusal(entries=(kept(1), kept(1))) == "entry.doubled"
    assert refusal(expired=(purged(1),)) == "entry.doubled"


def test_statement_on_no_record_stops_it() -> None:
    """A statement on a record that is not there is refused: the record that it meant would be disclosed."""
    assert refusal(withheld=(withheld(2),)) == "statement.unknown_record"
    assert refusal(excluded=(excluded(2),)) == "statement.unknown_record"


@pytest.mark.parametrize(
    "stated",
    [
        {"withheld": (withheld(1), withheld(1, "hindrance"))},
        {"withheld": (withheld(1, particulars=("date",)), withheld(1, "other_law", particulars=("date",)))},
        {"withheld": (withheld(1, particulars=("items",)), withheld(1, items=("customer.name",)))},
        {"withheld": (withheld(1),), "excluded": (excluded(1),)},
        {"excluded": (excluded(1), excluded(1, "crime_prevention"))},
    ],
)
def test_contradicting_statements_stop_it(stated: dict[str, object]) -> None:
    """Two statements on the same record or particular are refused."""
    assert refusal(**stated) == "statement.contradiction"


def test_withholding_what_is_not_there_stops_it() -> None:
    """A particular or item that the record does not have, and a purged record, cannot be withheld."""
    assert refusal(withheld=(withheld(1, particulars=("acquisition",)),)) == "statement.no_such_particular"
    assert refusal(withheld=(withheld(1, items=("savings.transactions",)),)) == "statement.no_such_particular"
    assert refusal(expired=(purged(2),), withheld=(withheld(2),)) == "statement.purged"


def test_days_and_period_must_be_in_order() -> None:
    """The request comes before the search, the search before the answer, a period's first day before its last."""
    assert refusal(answer=ANSWER.model_copy(update={"as_of": date(2026, 11, 23)})) == "dates.order"
    assert refusal(request=asked(received_on=date(2026, 11, 21))) == "dates.order"
    backwards = Period(first=date(2026, 2, 1), last=date(2026, 1, 1))
    assert refusal(request=asked(period=backwards)) == "period.order"


def test_method_is_the_one_asked_for_or_a_document() -> None:
    """Another method than the one asked for needs its difficulty stated, and is a document (APPI 33(2)(3))."""
    by_document = ANSWER.model_copy(update={"method": "document"})
    assert refusal(answer=by_document) == "method.reason_missing"
    difficult = {"method_difficulty": "大規模な改修を要するため"}
    assert refusal(answer=ANSWER.model_copy(update=difficult)) == "method.reason_unneeded"
    assert refusal(answer=ANSWER.model_copy(update={"method": "other", **difficult})) == "method.not_document"
    found = disclosed(answer=by_document.model_copy(update=difficult))
    assert any("大規模な改修を要するため" in each for each in found.notice.statement)
    assert any("困難" in each for each in found.notice.statement)


def test_representative_must_be_named() -> None:
    """One who asks for another is named."""
    assert refusal(request=asked(asker=Asker(capacity="agent"))) == "asker.unnamed"


def test_referred_particulars_are_told() -> None:
    """What a record refers to instead of repeating it (ER 20(2)) is told as its own."""
    nobody = {
        "id": "life-insurer",
        "name": None,
        "address": None,
        "representative": None,
        "country": None,
        "unspecified_many": False,
    }
    entry = kept(2, refers_to=record_id(1), counterparty=nobody, consent=None, items=[])
    record = disclosed(kept(1), entry).notice.provisions[-1]
    told = {each.particular: each.values for each in record.particulars}
    first = next(each for each in disclosed(kept(1)).notice.provisions)
    assert told == {each.particular: each.values for each in first.particulars}


def test_withheld_particular_does_not_come_out_by_reference() -> None:
    """A record that refers to a withheld particular needs a decision of its own."""
    nobody = {
        "id": "x",
        "name": None,
        "address": "a",
        "representative": "r",
        "country": None,
        "unspecified_many": False,
    }
    entries = (kept(1), kept(2, refers_to=record_id(1), counterparty=nobody))
    hidden = withheld(1, particulars=("counterparty_name",))
    assert refusal(entries=entries, withheld=(hidden,)) == "statement.referred"
    assert refusal(entries=entries, withheld=(withheld(1),)) == "statement.referred"
    both = disclosed(*entries, withheld=(hidden, withheld(2, particulars=("counterparty_name",))))
    assert "みらい生命保険" not in notice_json(both)


def test_particular_that_is_missing_is_said_to_be() -> None:
    """A particular that the law wants and the record lacks is not passed over, and the operator is warned."""
    found = disclosed(kept(1, consent=None, refers_to=record_id(7)))
    told = {each.particular: each.values for each in found.notice.provisions[0].particulars}
    assert told["consent"] == ("記録がありません",)
    assert [each.record_ids for each in found.sheet.warnings if each.code == "incomplete"] == [
        (record_id(1),)
    ]


def test_sheet_warns_of_what_has_no_effect() -> None:
    """A statement on a record that is not disclosed anyway is pointed out."""
    found = disclosed(kept(1, controller="life-insurer"), withheld=(withheld(1),))
    assert [each.record_ids for each in found.sheet.warnings if each.code == "without_effect"] == [
        (record_id(1),)
    ]


def test_sheet_warns_that_nobody_checked_who_asks() -> None:
    """How the asker was verified is missed where it is not stated (SV 24(3)), and stands on the sheet alone."""
    assert "not_verified" in [each.code for each in disclosed().sheet.warnings]
    checked = disclosed(request=asked(asker=Asker(verified_by="運転免許証の提示")))
    assert "not_verified" not in [each.code for each in checked.sheet.warnings]
    assert "運転免許証" not in notice_json(checked) + notice_html(checked)


FATES = ("disclosed", "partly", "whole", "excluded", "duty", "referable", "other", "purged", "untold")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(FATES), max_size=12))
def test_count_is_complete_and_the_notice_knows_no_other(fates: list[str]) -> None:
    """Whatever becomes of the records, the categories add up to all given, and the notice is that of the told ones alone."""
    entries = {n: _entry(n, fate) for n, fate in enumerate(fates) if fate not in ("purged", "untold")}
    expired = {n: purged(n, disclosable=fate == "purged") for n, fate in enumerate(fates) if n not in entries}
    stated: dict[str, Any] = {
        "withheld": tuple(
            _withholding(n, fate) for n, fate in enumerate(fates) if fate in ("partly", "whole")
        ),
        "excluded": tuple(excluded(n) for n, fate in enumerate(fates) if fate == "excluded"),
        "without_duty": tuple(
            WithoutDuty(record_id=record_id(n), exemption="joint_use", reason="共同利用")
            for n, fate in enumerate(fates)
            if fate == "duty"
        ),
    }
    found = disclosed(*entries.values(), expired=tuple(expired.values()), **stated)
    counts = found.sheet.counts
    assert counts.total == len(fates) == sum(counts.categories.values()) == len(found.sheet.entries)
    assert set(counts.categories) == set(values(Category))
    told = [n for n, fate in enumerate(fates) if fate in ("disclosed", "partly", "whole")]
    alone = disclosed(
        *[entries[n] for n in told],
        expired=tuple(each for each in expired.values() if each.disclosable),
        withheld=stated["withheld"],
    )
    assert found.notice == alone.notice
    assert found.notice.counts.records == len(told)


def _entry(number: int, fate: str) -> KeptRecord:
    if fate == "referable":
        return kept(number, "referable.provision")
    return kept(number, controller="life-insurer" if fate == "other" else "savings-bank")


def _withholding(number: int, fate: str) -> Withholding:
    return withheld(number) if fate == "whole" else withheld(number, particulars=("person",))
