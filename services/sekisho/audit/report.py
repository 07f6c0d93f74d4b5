"""The outcome of a check: what was counted, what was found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from sekisho.audit.findings import KINDS, Finding
from sekisho.domain.book import Text

LABELS: Final[Mapping[str, Text]] = {
    "partitions": Text("区画", "partitions"),
    "requests": Text("申請", "requests"),
    "decisions": Text("決定", "decisions"),
    "allowed": Text("うち許可", "of them allow"),
    "denied": Text("うち拒否", "of them deny"),
    "duplicates": Text("うち再送への決定", "of them to duplicates"),
    "invalid": Text("うち形式不備の申請への決定", "of them to invalid requests"),
    "too_large": Text("うち大きすぎる回答に代わる拒否", "of them refused because the answer is too large"),
    "too_slow": Text(
        "うち判定に時間がかかりすぎたための拒否", "of them refused because deciding took too long"
    ),
    "unreadable": Text("決定できない申請", "requests that cannot be answered"),
    "records": Text("提供記録", "provision records"),
    "rejected": Text("不受理イベント", "rejected events"),
    "consent_events": Text("同意イベント", "consent events"),
    "misrouted_events": Text("うち誤った区画のもの", "of them misrouted"),
    "forwarded": Text("うち転送されたもの", "of them forwarded ones"),
    "rulebooks": Text("公開ルールブック", "rulebooks published"),
    "sent": Text("受領確認済みの送信", "acknowledged sends compared"),
    "pending": Text("処理待ち", "still to be answered"),
    "unverifiable": Text("保存期間外で照合できない出力", "outputs whose input is no longer kept"),
    "unverifiable_allowed": Text(
        "うち許可（初回の決定は保存期間外）", "of them allow, repeating an answer that is no longer kept"
    ),
}
"""What each count is called."""


@dataclass
class Counts:
    """What a check has looked at, counted from the topics."""

    partitions: int = 0
    requests: int = 0
    decisions: int = 0
    allowed: int = 0
    denied: int = 0
    duplicates: int = 0
    invalid: int = 0
    too_large: int = 0
    """Refused by size: the core's answer was made again, and it is larger than what refused it."""
    too_slow: int = 0
    """Refused for time: how long a gate took cannot be told from the topics, so these are believed, and counted."""
    unreadable: int = 0
    records: int = 0
    rejected: int = 0
    consent_events: int = 0
    misrouted_events: int = 0
    forwarded: int = 0
    rulebooks: int = 0
    sent: int = 0
    pending: int = 0
    unverifiable: int = 0
    unverifiable_allowed: int = 0
    """Duplicates' answers whose first decision is kept no longer: what they allow was decided again from the same
    content, but nothing tells whether the first one was ever given."""


@dataclass(frozen=True)
class CheckReport:
    """What a check found. Nothing found is the proof, as far as `counts` and `notes` say."""

    counts: Counts
    findings: tuple[Finding, ...]
    totals: Mapping[str, int]
    """How many of each kind there are; `findings` may list fewer."""
    settled: bool
    notes: tuple[Text, ...] = field(default=())
    """What could not be checked, and why."""

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.totals

    @property
    def exit_code(self) -> int:
        """0 nothing found, 1 something is wrong (contract.md, Commands)."""
        return 0 if self.ok else 1

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "ok": self.ok,
            "settled": self.settled,
            "counts": asdict(self.counts),
            "totals": dict(self.totals),
            "findings": [each.as_dict() for each in self.findings],
            "notes": [{"ja": each.ja, "en": each.en} for each in self.notes],
        }

    def lines(self) -> Iterator[str]:
        """In plain English, for logs and failing tests; `sekisho audit check` shows both languages."""
        told = {name: count for name, count in asdict(self.counts).items() if count}
        yield ", ".join(f"{count} {LABELS[name].en}" for name, count in told.items())
        for each in self.findings:
            yield f"{each.kind} at {each.place}: {KINDS[each.kind].en}. {each.detail}".rstrip(". ")
        for kind, total in self.totals.items():
            listed = sum(each.kind == kind for each in self.findings)
            if total > listed:
                yield f"{kind}: {total - listed} more"

    def __str__(self) -> str:
        return "\n".join(self.lines())
