"""What a verification can find wrong: each kind with what it may mean, in both languages, and where each was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

KEPT: Final = 200
"""Findings of one kind that are kept with their place; all are counted."""


class Meaning(NamedTuple):
    """What a kind of finding says, and what may have led to it."""

    ja: str
    en: str


class Finding(NamedTuple):
    """One broken place. `idx` is the leaf's index in its log, or a tree size for a checkpoint; None: the log as a whole."""

    kind: str
    log: str
    idx: int | None
    detail: str

    @property
    def place(self) -> str:
        """The place in words."""
        return self.log if self.idx is None else f"{self.log} #{self.idx}"


KINDS: Final[dict[str, Meaning]] = {
    "key.untrusted": Meaning(
        "検証鍵が、手元の鍵または鍵の更新記録と合いません。別の鍵で台帳全体が作り直された可能性があります。",
        "A verifier key does not follow from the keys at hand. The whole ledger may have been made anew with another key.",
    ),
    "log.missing": Meaning(
        "あるはずのログがありません。ログ全体が削除された可能性があります。",
        "A log that must be there is not. It may have been deleted whole.",
    ),
    "log.shorter": Meaning(
        "署名済みチェックポイントよりログが短くなっています。末尾の切り捨て、または古いバックアップの復元が考えられます。",
        "The log is shorter than a signed checkpoint says: its tail was cut off, or an old backup was restored.",
    ),
    "log.forked": Meaning(
        "以前の署名済みチェックポイントと内容が一致しません。過去の記録が書き換えられた（分岐した）可能性があります。",
        "The log does not contain what an older signed checkpoint says: its past was rewritten (a fork).",
    ),
    "log.unknown": Meaning(
        "台帳が知らないログ、またはメタログに現れないログです。",
        "A log that nothing accounts for, or that the meta-log does not know.",
    ),
    "leaf.missing": Meaning(
        "葉（記録の証跡）が欠けています。行が削除された可能性があります。",
        "A leaf is missing: a row was deleted.",
    ),
    "leaf.malformed": Meaning(
        "葉が正規の形式ではありません。書き換えられたか、壊れています。",
        "A leaf is not in its canonical form: it was altered or is damaged.",
    ),
    "leaf.hash": Meaning(
        "葉の内容と保存されたハッシュが一致しません。書き換えられたか、壊れています。",
        "A leaf does not have the hash stored beside it: it was altered or is damaged.",
    ),
    "leaf.column": Meaning(
        "葉の列の値が、葉の内容と一致しません。", "A stored column does not say what its leaf says."
    ),
    "leaf.misplaced": Meaning(
        "このログのこの位置にあるはずのない葉です。挿入または並べ替えの可能性があります。",
        "A leaf that does not belong where it stands: inserted, moved, or from another topic.",
    ),
    "leaf.unsigned": Meaning(
        "ログの範囲外に行があります。", "A row stands outside its log: no head and no checkpoint covers it."
    ),
    "offset.order": Meaning(
        "Kafkaの位置が増加していません。二重の取り込みまたは並べ替えです。",
        "Kafka offsets do not increase: a message was taken in twice, or leaves were reordered.",
    ),
    "offset.chain": Meaning(
        "一つ前の記録への参照がつながりません。間の記録が削除または挿入されています。",
        "A leaf does not name the one before it: one between was removed or added.",
    ),
    "offset.gap": Meaning(
        "最初の記録より前のメッセージが取り込まれていません。",
        "Messages before the log's first were never taken in, and no log before it accounts for them.",
    ),
    "time.back": Meaning(
        "時刻が前の葉より戻っています。並べ替えまたは時計の操作の可能性があります。",
        "Time goes back from one leaf to the next: leaves were reordered, or a clock was set back.",
    ),
    "time.future": Meaning(
        "時刻が検証者の時計より先です。時計が進められていた可能性があります。",
        "A time lies in the future of the verifier's clock: a clock was set forward.",
    ),
    "time.order": Meaning(
        "葉の時刻と、その前後のチェックポイントの署名時刻が矛盾します。時計の操作の可能性があります。",
        "A leaf's time contradicts the checkpoints around it: a clock was set forward or back.",
    ),
    "time.year": Meaning("その年のログに属さない葉です。", "A leaf of another year than its log's."),
    "chain.genesis": Meaning(
        "ログの最初の葉が、その前のログの末尾と一致しません。",
        "A log's first leaf does not follow from the log before it.",
    ),
    "chain.close": Meaning(
        "閉じられたログと次の年のログがつながりません。",
        "A closed log and the one that follows it do not fit.",
    ),
    "head.differs": Meaning(
        "ログの先頭情報（件数・位置・ハッシュ）が葉と一致しません。",
        "The head of a log (size, offsets, frontier) is not what its leaves give.",
    ),
    "tile.differs": Meaning(
        "ハッシュタイルが葉から計算した値と異なります。", "A hash tile is not what the leaves give."
    ),
    "tile.missing": Meaning("ハッシュタイルがありません。", "A hash tile is missing."),
    "bundle.differs": Meaning(
        "エントリーバンドルが葉と異なります。公開後に書き換えられた可能性があります。",
        "An entry bundle does not hold the leaves: it, or the leaves, were altered after it was published.",
    ),
    "bundle.missing": Meaning("エントリーバンドルがありません。", "An entry bundle is missing."),
    "checkpoint.malformed": Meaning("チェックポイントの形式が正しくありません。", "A checkpoint is malformed."),
    "checkpoint.signature": Meaning(
        "チェックポイントの署名が正しくありません。", "A checkpoint's signature is not valid, or is by no key at hand."
    ),
    "checkpoint.root": Meaning(
        "チェックポイントのルートが、葉から計算した値と異なります。署名後に記録が変えられています。",
        "A checkpoint's root is not what the leaves give: a record was altered, removed or added after it was signed.",
    ),
    "checkpoint.column": Meaning(
        "チェックポイントの列の値が署名された内容と異なります。", "A checkpoint's columns do not say what was signed."
    ),
    "checkpoint.missing": Meaning(
        "署名済みチェックポイントがない、または途中のものが失われています。",
        "A log has no checkpoint, or one that was signed is gone.",
    ),
    "payload.missing": Meaning(
        "削除の証跡がないのに記録の内容がありません。期限前に消された可能性があります。",
        "A payload is gone and no purge leaf says why: it was removed outside the rules.",
    ),
    "payload.commitment": Meaning(
        "記録の内容が、葉のコミットメントと一致しません。内容またはソルトが書き換えられています。",
        "A payload is not what its leaf committed to: body or salt were altered or exchanged.",
    ),
    "payload.malformed": Meaning("記録の内容が正規の形式ではありません。", "A payload is not in its canonical form."),
    "payload.column": Meaning(
        "検索用の列が記録の内容と一致しません。開示や検索から漏れるおそれがあります。",
        "A search column does not say what the payload says: the record could escape search or disclosure.",
    ),
    "payload.unaccounted": Meaning(
        "どの葉にも対応しない内容があります。", "A stored payload that no leaf accounts for."
    ),
    "payload.after_purge": Meaning(
        "削除済みとされた記録の内容がまだ残っています。", "A payload that was purged is still there."
    ),
    "retention.differs": Meaning(
        "保存期限が、記録の内容から計算した期限と異なります。",
        "A leaf's retention is not what the record's contents ask for.",
    ),
    "scope.differs": Meaning(
        "同じ契約・合意のまとまりに異なる記録が混ざっています。",
        "Records of different agreements or policies share one scope, or one is in none.",
    ),
    "extend.target": Meaning(
        "期限延長の対象が存在しません。", "An extension names what is not there."
    ),
    "extend.unfounded": Meaning(
        "期限延長の根拠となる記録がありません。保存期間を早く終わらせるために作られた可能性があります。",
        "Nothing that was taken in with an extension calls for it: it may be made up, to end a retention early.",
    ),
    "hold.missing": Meaning(
        "法的保全の対象となる記録が保全されていません。期限後に削除されるおそれがあります。",
        "A legal hold names a record that it does not cover: the record could be deleted.",
    ),
    "hold.target": Meaning("法的保全の対象が存在しません。", "A legal hold names what is not there."),
    "hold.parts": Meaning(
        "法的保全の記録がそろっていません。", "A legal hold's parts do not fit together, or a release has no hold."
    ),
    "purge.target": Meaning("削除の対象が存在しません。", "A purge names what is not there, or twice the same."),
    "purge.early": Meaning(
        "保存期限の前に削除されています。", "A payload was purged before its retention was over."
    ),
    "purge.clock": Meaning(
        "削除時の時刻が前後のチェックポイントと矛盾します。時計を進めて削除した可能性があります。",
        "A purge's clocks contradict each other or the checkpoints around it: a clock may have been set forward to delete.",
    ),
    "purge.held": Meaning("法的保全中の記録が削除されています。", "A record under legal hold was purged."),
    "stored.differs": Meaning(
        "台帳の補助表が葉と一致しません。", "A table beside the leaves does not say what the leaves say."
    ),
    "bundle.file": Meaning(
        "証拠一式のファイルが目録と一致しません。", "A file of the bundle is not what its manifest says."
    ),
}  # fmt: skip


class Findings:
    """Findings as they are made: each counted, the first of each kind kept with its place."""

    def __init__(self) -> None:
        self.totals: Counter[str] = Counter()
        self._kept: dict[str, list[Finding]] = {}

    def add(self, kind: str, log: str, index: int | None, detail: str) -> None:
        """One more. `kind` is one of KINDS."""
        self.take(Finding(kind, log, index, detail))

    def take(self, finding: Finding) -> None:
        """One more, made elsewhere."""
        assert finding.kind in KINDS, finding.kind
        self.totals[finding.kind] += 1
        kept = self._kept.setdefault(finding.kind, [])
        if len(kept) < KEPT:
            kept.append(finding)

    def merge(self, totals: dict[str, int], kept: Iterable[Finding]) -> None:
        """What a part of the work found."""
        self.totals.update(totals)
        for finding in kept:
            mine = self._kept.setdefault(finding.kind, [])
            if len(mine) < KEPT:
                mine.append(finding)

    def kept(self) -> list[Finding]:
        """Those that are kept, in the order of their places: within a log from its beginning on."""
        found = [each for kept in self._kept.values() for each in kept]
        return sorted(found, key=_by_place)

    def __bool__(self) -> bool:
        return bool(self.totals)


_ORDER: Final = {kind: number for number, kind in enumerate(KINDS)}


def _by_place(finding: Finding) -> tuple[str, int, int]:
    return finding.log, -1 if finding.idx is None else finding.idx, _ORDER[finding.kind]
