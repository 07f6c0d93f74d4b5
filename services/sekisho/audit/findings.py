"""What a check may find: every kind declared once, in both languages, and the findings with their places."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from sekisho.domain.book import Text

KINDS: Final[Mapping[str, Text]] = {
    "topics.partitions": Text("トピックの区画数が揃っていません", "the topics have different numbers of partitions"),
    "transaction.open": Text("完了も中止もされていない取引が残っています", "a transaction was left open"),
    "request.lost": Text("申請に決定がありません", "a request has no decision"),
    "decision.doubled": Text("一つの申請に決定が二つ以上あります", "a request has more than one decision"),
    "decision.unasked": Text("申請のない決定があります", "a decision that nobody asked for"),
    "decision.order": Text("決定の順序が申請の順序と違います", "decisions are not in the order of their requests"),
    "decision.misplaced": Text("決定が申請と同じ番号の区画にありません", "a decision stands in another partition than its request"),
    "decision.unreadable": Text("決定が契約の形式に合いません", "a decision does not follow the contract"),
    "decision.id": Text("決定または記録の識別子が導出値と違います", "an id is not the one derived from the position"),
    "decision.verdict": Text("決定が判定と違います", "a decision is not what the core says"),
    "decision.envelope": Text("決定の付帯事項が申請と合いません", "what a decision states beside its verdict is wrong"),
    "decision.headers": Text("決定のヘッダーまたはキーが違います", "a decision's headers or key are wrong"),
    "decision.before_request": Text("判定時刻が申請の到着より前です", "decided before the request was appended"),
    "decision.time_back": Text("判定時刻が前の決定より前に戻っています", "decided before the decision that precedes it"),
    "decision.not_yet": Text("判定時刻がまだ来ていない時刻です", "decided at a time that has not come yet"),
    "decision.consent_position": Text("同意イベントの位置がありえない値です", "a consent position that cannot be"),
    "decision.stale_consents": Text("先に届いていた同意イベントを見ずに判定しています", "decided without consent events that came before the request"),
    "decision.hold_unjustified": Text("保留による拒否の条件を満たしていません", "refused for stale consents without having waited"),
    "decision.unknown_format": Text("この版では再現できない形式の決定です", "a decision of a format that this version cannot reproduce"),
    "rulebook.unknown": Text("判定に使ったルールブックが公開されていません", "the rulebook that decided was never published"),
    "rulebook.altered": Text("公開されたルールブックの内容がダイジェストと合いません", "a published rulebook is not what its digest says"),
    "duplicate.false": Text("再送ではない申請に前の決定を返しています", "the answer of another request, though this is no duplicate"),
    "duplicate.missed": Text("再送された申請を改めて判定しています", "a duplicate was decided anew"),
    "duplicate.altered": Text("再送への決定が最初の決定と違います", "the answer to a duplicate is not the first one"),
    "record.missing": Text("提供記録がありません", "a provision left no record"),
    "record.doubled": Text("一つの提供に記録が二つ以上あります", "a provision left more than one record"),
    "record.unowed": Text("記録すべき提供のない記録があります", "a record of no allowed provision"),
    "record.altered": Text("提供記録の記載事項が判定と違います", "a record's particulars are not what the core says"),
    "record.order": Text("提供記録の順序が申請の順序と違います", "records are not in the order of their requests"),
    "record.unreadable": Text("提供記録が契約の形式に合いません", "a record does not follow the contract"),
    "rejected.missing": Text("受け付けられないメッセージに不受理イベントがありません", "a message that is not acceptable has no rejected event"),
    "rejected.doubled": Text("一つのメッセージに不受理イベントが二つ以上あります", "a message has more than one rejected event"),
    "rejected.unasked": Text("受け付けられるメッセージが不受理とされています", "a rejected event about nothing that is to be rejected"),
    "rejected.altered": Text("不受理イベントの内容が違います", "a rejected event does not say what it should"),
    "rejected.unreadable": Text("不受理イベントが契約の形式に合いません", "a rejected event does not follow the contract"),
    "consent.held": Text("読み出せない同意イベントが区画を止めています", "a consent event that cannot be decoded holds its partition"),
    "consent.not_forwarded": Text("誤った区画の同意イベントが転送されていません", "a misrouted consent event was not forwarded"),
    "consent.forwarded_twice": Text("同意イベントが二度以上転送されています", "a misrouted consent event was forwarded more than once"),
    "consent.forward_false": Text("転送された同意イベントが元のものと合いません", "a forwarded consent event is not the one that it names"),
    "sent.lost": Text("受領確認済みのメッセージがありません", "a message whose acknowledgement its sender holds is gone"),
    "sent.altered": Text("受領確認済みのメッセージの内容が変わっています", "a message whose acknowledgement its sender holds is another now"),
}  # fmt: skip


class Finding(NamedTuple):
    """One thing that is wrong, and where. `detail` names fields and codes, never what a sender wrote."""

    kind: str
    topic: str
    partition: int | None
    offset: int | None
    detail: str

    @property
    def place(self) -> str:
        """`topic partition:offset`, as far as there is one."""
        position = "" if self.partition is None else f" {self.partition}"
        return f"{self.topic}{position}{'' if self.offset is None else f':{self.offset}'}"

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        told = KINDS[self.kind]
        return {**self._asdict(), "message": {"ja": told.ja, "en": told.en}}


class Findings:
    """Gathers findings: all are counted, the first ones of each kind are kept."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self.totals: Counter[str] = Counter()
        self.listed: list[Finding] = []

    def add(
        self, kind: str, topic: str, partition: int | None = None, offset: int | None = None, detail: str = ""
    ) -> None:
        """Raises KeyError for a kind that is not declared."""
        KINDS[kind]
        self.totals[kind] += 1
        if self.totals[kind] <= self._kept:
            self.listed.append(Finding(kind, topic, partition, offset, detail))
