"""The end of the demo: the verifier reads the topics from their beginning, and what it found is told in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from sekisho.audit import CheckReport, Sent, check
from sekisho.audit.findings import KINDS
from sekisho.cli.audit_check import check_config
from sekisho.cli.audit_report import show_report
from sekisho.cli.screen import Screen
from sekisho.domain.book import Text
from sekisho.log.port import Log
from sekisho.settings import Settings


class Statement(NamedTuple):
    """What must hold: in words, and the kinds of finding (or their families, `record.`) that would refute it."""

    said: Text
    refuted_by: tuple[str, ...]

    def refutations(self, report: CheckReport) -> int:
        """How many findings speak against it."""
        return sum(count for kind, count in report.totals.items() if kind.startswith(self.refuted_by))


STATEMENTS: Final = (
    Statement(
        Text("すべての申請に、確定した決定がちょうど一つある", "Every request has exactly one committed decision"),
        ("request.", "decision.doubled", "decision.unasked", "decision.unreadable", "duplicate."),
    ),
    Statement(
        Text("どの決定も、規則に照らして正しい", "Every decision is what the rules say"),
        ("decision.", "rulebook.", "consent."),
    ),
    Statement(Text("許可した提供には、すべて記録がある", "Every allowed provision has its record"), ("record.",)),
    Statement(
        Text("受け付けられないメッセージには、すべて不受理イベントがある",
             "Every unreadable message has its rejected event"),
        ("rejected.",),
    ),
    Statement(
        Text("失われたものはない", "None lost"),
        ("request.lost", "record.missing", "rejected.missing", "consent.not_forwarded", "sent."),
    ),
    Statement(
        Text("重複したものはない", "None doubled"),
        ("decision.doubled", "record.doubled", "rejected.doubled", "consent.forwarded_twice"),
    ),
    Statement(
        Text("開いたままのトランザクションはない", "No transaction left open"), ("transaction.", "topics.")
    ),
)  # fmt: skip
"""Together they cover every kind of finding that there is (a test compares)."""


async def checked(screen: Screen, settings: Settings, log: Log, sent: Sequence[Sent]) -> CheckReport:
    """Verifies and shows whether everything holds: of all that was sent, too, nothing may be missing."""
    report = await check(log, check_config(settings, settled=True), sent=sent)
    show_report(screen, report)
    screen.line()
    for statement in STATEMENTS:
        wrong = statement.refutations(report)
        mark, style = ("✓ ", "green") if wrong == 0 else (f"✗ ({wrong}) ", "bold red")
        screen.text(f"{statement.said.ja}。 {statement.said.en}.", first=mark, lead=style, style=style)
    return report


def uncovered() -> set[str]:
    """Kinds of finding that no statement would show."""
    families = tuple(family for statement in STATEMENTS for family in statement.refuted_by)
    return {kind for kind in KINDS if not kind.startswith(families)}
