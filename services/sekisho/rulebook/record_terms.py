"""What the record bases and exemptions of a decision mean, in both languages with their source (records.md; APPI 29, 30)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class RecordTerm(NamedTuple):
    """One code, what it means, and where it stands."""

    ja: str
    en: str
    citation: str


RECORD_BASES: Final[Mapping[str, RecordTerm]] = {
    "provision.consent": RecordTerm(
        "本人の同意による第三者提供の記録",
        "record of a provision to a third party on consent",
        "個人情報の保護に関する法律施行規則第20条第1項第2号",
    ),
    "provision.opt_out": RecordTerm(
        "オプトアウトによる第三者提供の記録",
        "record of a provision under opt-out",
        "個人情報の保護に関する法律施行規則第20条第1項第1号",
    ),
    "provision.foreign_consent": RecordTerm(
        "外国にある第三者への提供の同意による提供の記録",
        "record of a provision abroad on consent",
        "個人情報の保護に関する法律施行規則第20条第1項第2号",
    ),
    "receipt.consent": RecordTerm(
        "本人の同意による提供を受けた記録",
        "record of a receipt on consent",
        "個人情報の保護に関する法律施行規則第24条第1項第2号",
    ),
    "receipt.opt_out": RecordTerm(
        "オプトアウトによる提供を受けた記録",
        "record of a receipt from a provider under opt-out",
        "個人情報の保護に関する法律施行規則第24条第1項第1号",
    ),
    "receipt.private": RecordTerm(
        "個人情報取扱事業者でない者から提供を受けた記録",
        "record of a receipt from one that is no business operator",
        "個人情報の保護に関する法律施行規則第24条第1項第4号",
    ),
    "referable.provision": RecordTerm(
        "個人関連情報の提供の記録",
        "record of a provision of personally referable information",
        "個人情報の保護に関する法律施行規則第28条第1項",
    ),
    "referable.receipt": RecordTerm(
        "個人関連情報の提供を受けた記録",
        "record of a receipt of personally referable information",
        "個人情報の保護に関する法律施行規則第24条第1項第3号",
    ),
}
"""Who owes which record (records.md, first table)."""

_ITEMS_27_1: Final = "個人情報の保護に関する法律第29条第1項ただし書・第27条第1項"
_ITEMS_27_5: Final = "個人情報の保護に関する法律第29条第1項ただし書・第27条第5項"
RECORD_EXEMPTIONS: Final[Mapping[str, RecordTerm]] = {
    "law": RecordTerm("法令に基づく提供", "provision under a statute", f"{_ITEMS_27_1}第1号"),
    "life_body_property": RecordTerm(
        "人の生命・身体・財産の保護", "protection of life, body or property", f"{_ITEMS_27_1}第2号"
    ),
    "public_health": RecordTerm("公衆衛生・児童の健全育成", "public health", f"{_ITEMS_27_1}第3号"),
    "state_cooperation": RecordTerm(
        "国の機関等への協力", "cooperation with a state body", f"{_ITEMS_27_1}第4号"
    ),
    "academic": RecordTerm("学術研究", "academic research", f"{_ITEMS_27_1}第5号から第7号"),
    "entrustment": RecordTerm("委託に伴う提供", "entrustment", f"{_ITEMS_27_5}第1号"),
    "succession": RecordTerm("事業の承継に伴う提供", "succession", f"{_ITEMS_27_5}第2号"),
    "joint_use": RecordTerm("共同利用", "joint use", f"{_ITEMS_27_5}第3号"),
    "state_body": RecordTerm(
        "国の機関・地方公共団体等",
        "to or from a state body",
        "個人情報の保護に関する法律第29条第1項・第16条第2項",
    ),
    "by_subject": RecordTerm(
        "本人による、または本人に代わって行う提供",
        "by the person or on the person's behalf",
        "債権管理回収業における個人情報保護に関する自主規制規則16（注1）",
    ),
    "not_third_party": RecordTerm(
        "第三者への提供に当たらない", "no provision to a third party", "個人情報の保護に関する法律第29条第1項"
    ),
    "corporation": RecordTerm(
        "法人の情報（個人データでない）",
        "a corporation's data, which are no personal data",
        "個人情報の保護に関する法律第2条第1項・第29条第1項",
    ),
    "bid_due_diligence": RecordTerm(
        "入札者による買取査定（終了後に消去）",
        "due diligence of a bidder who deletes the data",
        "債権管理回収業における個人情報保護に関する自主規制規則16（注3）",
    ),
}
"""Why no record is owed (records.md, No record is owed)."""
