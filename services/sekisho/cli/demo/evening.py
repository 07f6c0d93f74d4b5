"""The evening of the day: its records go into the ledger, are signed and verified; one is tampered with and found; a person's
document is written; and the day on which all of it will be due is looked at."""

from __future__ import annotations

import shutil
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from sekisho.audit.disclosure import Instructions
from sekisho.cli.audit_disclose import Wanted, found_in, made_of, write_documents
from sekisho.cli.audit_verify import show_verdict, show_verification
from sekisho.cli.database import LedgerHome, key_places, ledger_session, pseudonyms
from sekisho.cli.demo.ending import run
from sekisho.cli.demo.tampering import alter, attempt, choose, restore
from sekisho.cli.disclosure_letter import today
from sekisho.cli.here import LEDGER, GateHome, World, ledger_plan, postgres_limits, process_limits
from sekisho.cli.keeping_table import show_overview
from sekisho.cli.outcome import DONE, FOUND
from sekisho.cli.screen import Screen
from sekisho.domain.book import Text
from sekisho.domain.calendar import period_end
from sekisho.ledger.keeping.keeping import Keeping
from sekisho.ledger.keeping.overview import overview
from sekisho.ledger.publish.keys import load_subject_key
from sekisho.ledger.search import count
from sekisho.ledger.store.entries import newest_checkpoint
from sekisho.ledger.store.filters import Filter
from sekisho.ledger.store.logs import heads
from sekisho.ledger.verify.database import database
from sekisho.ledger.verify.report import Report
from sekisho.ledger.verify.verification import Options, verify
from sekisho.local.ports import free_ports
from sekisho.local.postgres import LocalPostgres
from sekisho.local.service import ServiceProcess
from sekisho.settings import Settings

_TAKING_IN_SECONDS: Final = 120.0
_YEARS: Final = 3
_SHOWN: Final = 3


class Ground(NamedTuple):
    """What the day left: where its Kafka is, the sample world, and how many records are in the topic."""

    home: GateHome
    variables: dict[str, str]
    world: World
    records: int


@dataclass(frozen=True, slots=True)
class Evening:
    """One evening, on a ledger and a PostgreSQL of its own that `ending` stops."""

    screen: Screen
    folder: Path
    ground: Ground
    ending: ExitStack

    def play(self) -> int:
        """All of it; the exit code: 1 where anything is not as it must be."""
        screen = self.screen
        screen.rule("夜：記録を台帳に収め、証明する")
        screen.text("Evening: the day's records go into the ledger, and are proven", indent=3)
        settings, home = self._started()
        steps = (
            self._taken_in(settings, home),
            self._verified(settings, home),
            self._tampered_with(settings, home),
            self._disclosed(settings, home),
            self._due(settings, home),
        )
        return DONE if all(steps) else FOUND

    def _started(self) -> tuple[Settings, LedgerHome]:
        given = Settings.from_environment()
        self.screen.text("Starting an embedded PostgreSQL and the ledger …")
        server = LocalPostgres(postgres_limits(given), data_dir=self.folder / "postgres")
        self.ending.enter_context(server)
        home = LedgerHome(server.url, self.folder / LEDGER)
        (port,) = free_ports(1)
        plan = ledger_plan(self.ground.home, home.url, home.folder, port, self.ground.variables)
        process = ServiceProcess(plan, self.folder / "ledger.log", process_limits(given))
        self.ending.callback(process.stop)
        process.start()
        process.wait_until_ready()
        self.screen.text(f"Ready: PostgreSQL (pid {server.pid}), the ledger (pid {process.pid})")
        return Settings.from_environment(plan.environment), home

    def _taken_in(self, settings: Settings, home: LedgerHome) -> bool:
        self._say(_TAKEN_IN)
        give_up = time.monotonic() + _TAKING_IN_SECONDS
        wanted = self.ground.records
        while True:
            kept, signed = run(_standing(settings, home))
            if kept >= wanted and signed is not None:
                break
            if time.monotonic() > give_up:
                self.screen.text(
                    f"{kept} of {wanted} records after {_TAKING_IN_SECONDS:g} s: {self.folder / 'ledger.log'}",
                    first="✗ ", style="bold red",
                )  # fmt: skip
                return False
            time.sleep(0.2)
        self.screen.text(
            f"{kept:,}件の記録 records, each once, in the order of their topic", first="✓ ", style="green"
        )
        self.screen.text(
            "台帳全体のチェックポイント（C2SP tlog-checkpoint、Ed25519 署名） The checkpoint of the log of logs:",
            indent=2,
        )
        for line in signed.rstrip().splitlines():
            self.screen.line(f"    {line}", "dim")
        return kept == wanted

    def _verified(self, settings: Settings, home: LedgerHome) -> bool:
        self._say(_VERIFY)
        report = _verification(settings, home)
        show_verification(self.screen, report)
        return report.ok

    def _tampered_with(self, settings: Settings, home: LedgerHome) -> bool:
        self._say(_TAMPER)
        altered = choose(home.url)
        self.screen.text(
            f"{altered.origin} #{altered.idx}: 「{altered.before}」 → 「{altered.after}」", indent=2
        )
        refusal = attempt(home.url, altered)
        self.screen.text(f"UPDATE: {refusal}", indent=2, first="✓ ", lead="green", style="dim")
        alter(home.url, altered)
        self.screen.text(
            "今度は、トリガーを外せる管理者として書き換えました。 Now as an administrator who can take the triggers off: it is rewritten.",
            indent=2, first="! ", lead="yellow",
        )  # fmt: skip
        found = _verification(settings, home)
        restore(home.url, altered)
        show_verdict(self.screen, found)
        at = "" if found.first is None else str(found.first.place)
        right = not found.ok and altered.origin in at and _verification(settings, home).ok
        self._tell(
            right,
            "改ざんは見つかり、元に戻した台帳は検証に合格しました。 The tampering was found; put back, the ledger verifies again.",
        )
        return right

    def _disclosed(self, settings: Settings, home: LedgerHome) -> bool:
        self._say(_DISCLOSE)
        altered = choose(home.url)
        wanted = Wanted(
            altered.subject_id, altered.controller, None, Instructions(), None, ("pdf", "html", "json")
        )
        key = pseudonyms(settings, home).subject(altered.subject_id)
        found = run(found_in(settings, home, altered.subject_id))
        made = made_of(wanted, self.ground.world.rulebook.book, found, key)
        folder = settings.state.directory / "demo"
        shutil.rmtree(folder, ignore_errors=True)
        for path in write_documents(folder, made, wanted.formats):
            self.screen.line(f"    {path}", "dim")
        told = made.sheet.counts.categories["disclosed"]
        self._tell(
            told > 0, f"{altered.subject_id} に開示する記録 {told} 件。 {told} records for the person to see."
        )
        return told > 0

    def _due(self, settings: Settings, home: LedgerHome) -> bool:
        self._say(_PURGE)
        keeping = Keeping(
            url=home.url,
            origin=settings.ledger.origin,
            skew_seconds=settings.ledger.clock_skew_seconds,
            publish_now=_nothing_to_publish,
        )
        now = run(overview(keeping, rows=0))
        day = period_end(today() + timedelta(days=1), _YEARS) + timedelta(days=1)
        later = run(overview(keeping, as_of=day, rows=_SHOWN))
        show_overview(self.screen, later, as_of=True)
        right = now.due == 0 and later.due > 0
        self._tell(
            right,
            f"今日削除できるもの {now.due} 件。 Due today: {now.due}; a deletion goes by the clocks, never by an argument.",
        )
        return right

    def _say(self, said: Text) -> None:
        self.screen.line()
        self.screen.text(said.ja, first="▶ ", style="bold", lead="bold cyan")
        self.screen.text(said.en, indent=2, style="bold")

    def _tell(self, right: bool, said: str) -> None:
        mark, style = ("✓ ", "green") if right else ("✗ ", "bold red")
        self.screen.line()
        self.screen.text(said, first=mark, lead=style, style=style)


async def _nothing_to_publish() -> None:
    """A look at what is due signs nothing."""


async def _standing(settings: Settings, home: LedgerHome) -> tuple[int, str | None]:
    """How many records are kept, and the meta-log's newest checkpoint where it covers every log as it is now."""
    async with ledger_session(settings, home, "reader") as connection:
        kept = sum(each.records for each in await count(connection, Filter()))
        note = None
        for log, head in await heads(connection):
            newest = await newest_checkpoint(connection, log.log_id)
            if newest is None or newest.size < head.size:
                return kept, None
            if log.kind == "meta":
                note = newest.note
        return kept, note


def _verification(settings: Settings, home: LedgerHome) -> Report:
    options = Options(
        now=datetime.now(UTC),
        skew_seconds=max(60.0, settings.ledger.clock_skew_seconds),
        subject_key=load_subject_key(key_places(settings, home), may_make=False).secret,
    )
    with database(home.url, home.folder / "published") as opening:
        return verify(opening, options)


_TAKEN_IN: Final = Text(
    "提供と受領の記録を、台帳がトピックから一度だけ受け取り、署名します。",
    "The ledger takes every record of provision and receipt from the topic, once, and signs.",
)
_VERIFY: Final = Text(
    "台帳を外から検証します。葉、ハッシュ、署名、内容のすべて。",
    "The ledger is verified from outside: every leaf, hash, signature and payload.",
)
_TAMPER: Final = Text(
    "誰かがデータベースで記録を一件書き換えたら？",
    "And if somebody rewrites one record in the database?",
)
_DISCLOSE: Final = Text(
    "本人から第三者提供記録の開示を求められました（個人情報保護法33条5項）。",
    "The person asks to see the records about them (APPI 33(5)).",
)
_PURGE: Final = Text(
    "三年後、保存期間が終わる日には（これは計算だけ）：",
    "In three years, when their time is over (a calculation only):",
)
