"""What a verification tells: what was checked, the first broken place, what it cannot show; in both languages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sekisho.ledger.verify.contents import ContentsFacts
from sekisho.ledger.verify.findings import KINDS, Finding
from sekisho.ledger.verify.joining import Joined


class Told(NamedTuple):
    """A sentence in both languages."""

    ja: str
    en: str


@dataclass
class Report:
    """The outcome. `findings`: those kept, in the order of their places; `totals`: how many of each kind there are."""

    source: str
    keys_given: bool
    older: int
    checked_payloads: bool
    logs: int = 0
    leaves: int = 0
    unsigned: int = 0
    tiles: int = 0
    bundles: int = 0
    checkpoints: int = 0
    roots: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    methods: Counter[str] = field(default_factory=Counter)
    payloads: int = 0
    statements: int = 0
    purged: int = 0
    redacted: int = 0
    open: int = 0
    held: int = 0
    due: int = 0
    due_held: int = 0
    refusals: int = 0
    clock_steps: int = 0
    steps_back: int = 0
    leaves_seconds: float = 0.0
    payloads_seconds: float = 0.0
    key_changes: list[str] = field(default_factory=list)
    """When other keys came into force, as the log of logs says."""
    remarks: list[Told] = field(default_factory=list)
    """What the source has to say of itself."""
    findings: list[Finding] = field(default_factory=list)
    totals: dict[str, int] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Nothing was found wrong."""
        return not self.totals

    @property
    def first(self) -> Finding | None:
        """The first broken place: what may have broken the others too."""
        return self.findings[0] if self.findings else None

    def take_log(self, joined: Joined) -> None:
        """What a log's leaves gave."""
        self.leaves += joined.log.size
        self.tiles += joined.tiles
        self.bundles += joined.bundles
        self.roots += joined.roots_checked
        self.kinds.update(joined.kinds)
        newest = joined.demands[-1].size if joined.demands else 0
        self.unsigned += max(0, joined.log.size - newest)

    def take_contents(self, facts: ContentsFacts) -> None:
        """What a range of payloads gave."""
        for name in ("payloads", "statements", "purged", "redacted", "open", "held", "due", "due_held"):
            setattr(self, name, getattr(self, name) + getattr(facts, name))
        self.methods.update(
            {f"{method} {basis}": number for (method, basis), number in facts.methods.items()}
        )

    def notes(self) -> Iterator[Told]:
        """What is no fault, but to be known; what this verification cannot show comes last."""
        yield from _counts(self)
        yield from self.remarks
        yield from _limits(self)

    def as_dict(self) -> dict[str, Any]:
        """As JSON tells it."""
        names = (
            "source", "keys_given", "older", "checked_payloads", "logs", "leaves", "unsigned", "tiles", "bundles", "checkpoints",
            "roots", "payloads", "statements", "purged", "redacted", "open", "held", "due", "due_held", "refusals", "clock_steps",
            "steps_back",
        )  # fmt: skip
        return {
            "ok": self.ok,
            **{name: getattr(self, name) for name in names},
            "kinds": dict(self.kinds),
            "records": dict(self.methods),
            "seconds": {"leaves": round(self.leaves_seconds, 3), "payloads": round(self.payloads_seconds, 3)},
            "first": None if self.first is None else _finding(self.first),
            "totals": self.totals,
            "findings": [_finding(each) for each in self.findings],
            "notes": [note._asdict() for note in self.notes()],
        }


def _finding(finding: Finding) -> dict[str, Any]:
    meaning = KINDS[finding.kind]
    return {
        "kind": finding.kind, "log": finding.log, "index": finding.idx, "detail": finding.detail,
        "meaning": {"ja": meaning.ja, "en": meaning.en},
    }  # fmt: skip


def _counts(report: Report) -> Iterator[Told]:
    if report.kinds["unreadable"]:
        number = report.kinds["unreadable"]
        yield Told(
            f"読み取れなかったメッセージが{number}件、そのまま保管されています。確認が必要です。",
            f"{number} messages that could not be read are kept as they came: somebody has to look at them.",
        )
    if report.refusals:
        yield Told(
            f"拒否された削除の証跡が{report.refusals}件あります。",
            f"{report.refusals} refused deletions are on record.",
        )
    if report.due:
        yield Told(
            f"保存期限が過ぎ、まだ削除されていない記録が{report.due}件あります（`sekisho audit purge`）。",
            f"{report.due} payloads are past their last day and not yet deleted (`sekisho audit purge`).",
        )
    if report.due_held:
        yield Told(
            f"期限後も法的保全により保存中の記録が{report.due_held}件あります。",
            f"{report.due_held} payloads past their last day are kept by a legal hold.",
        )
    if report.redacted:
        yield Told(
            f"{report.redacted}件の内容はこの証拠一式から除かれています（葉は検証済み、内容は未検証）。",
            f"{report.redacted} payloads were left out of this bundle: their leaves are verified, their contents are not.",
        )
    if report.clock_steps:
        yield Told(
            f"運用者が認めた時計の後退が{report.clock_steps}件あります。",
            f"{report.clock_steps} steps back of the clock were accepted by an operator.",
        )
    if report.key_changes:
        times = ", ".join(report.key_changes)
        yield Told(
            f"署名鍵の変更が記録されています（{times}）。運用者に確認してください。",
            f"The log of logs says that the signing key was changed at {times}: ask whether that was so.",
        )
    if report.unsigned:
        yield Told(
            f"末尾の{report.unsigned}件の葉はまだ署名されていません。",
            f"The last {report.unsigned} leaves are not signed yet.",
        )


def _limits(report: Report) -> Iterator[Told]:
    if not report.checked_payloads:
        yield Told("内容（ペイロード）は検証していません。", "Payloads were not verified.")
    if not report.keys_given:
        yield Told(
            "検証鍵は台帳に添えられたものを使いました。別に受け取った鍵がなければ、全体の作り直しは見つかりません（--keys）。",
            "The verifier keys are those beside the ledger. Without keys of your own, a ledger made anew with another key is not "
            "found (--keys).",
        )
    if not report.older:
        yield Told(
            "以前のチェックポイントなしでは、署名済みの古い状態へ全体を戻すこと（鍵は不要）や、鍵を持つ者による書き直しは見つかりません。"
            "今回のチェックポイントを別の場所に保管し、次回 --since で渡してください。",
            "Without an older checkpoint, a ledger set back whole to an earlier state that was signed (nobody needs a key for that), or "
            "rewritten by someone who holds its key, is not found. Keep this run's checkpoints elsewhere (--write-checkpoints) and give "
            "them to the next run (--since).",
        )
    if report.purged and report.checked_payloads:
        yield Told(
            "削除済み記録の開示用の情報（本人のハッシュ、開示の可否、管理者）は葉に含まれず、書き換えは分かりません。",
            "What is kept of purged records for disclosure (the person's hash, whether it may be told of, whose record it was) is in no "
            "leaf: whether it was changed cannot be seen here.",
        )
    yield Told(
        "署名前に取り込まれなかった記録や作られた記録の有無は、ここでは分かりません。メッセージが残っている間のトピック、要求と判断のトピックとの照合が必要です"
        "（`sekisho audit check` はトピック同士だけを照合します）。",
        "Whether a record was left out, or made up, before it was signed cannot be seen here: it takes the topics, while they have the "
        "messages (`sekisho audit check` holds the topics against each other, not against the ledger).",
    )
