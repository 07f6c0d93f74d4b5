"""Every metric, declared once: name, kind, meaning, labels. `docs/metrics.md` is generated from here.

Names are `sekisho_<thing>_<unit>` (contract.md, Watching). Labels are bounded: each has its closed vocabulary, either stated
here or handed over when the metrics are made (metrics.py); a value outside of it is refused. A person's, an operator's or a
branch's id is never a label.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

Kind = Literal["counter", "gauge", "histogram"]
Service = Literal["gate", "ledger", "all"]
VocabularyName = Literal["effects", "actions", "reasons", "causes", "methods", "bases", "lanes", "build"]

NONE: Final = "none"
"""The value of a label that does not apply: the reason of an allowed decision, the action of an unreadable request."""

OTHER: Final = "other"
"""The value of a label for what an earlier version knew: a repeated decision may name an older rulebook's code."""

TRANSACTION_OUTCOMES: Final = ("committed", "aborted", "unknown", "fenced")
LANE_STATES: Final = ("taking", "restoring", "running", "holding", "closing")
LANE_ENDS: Final = ("revoked", "fenced", "failed", "stopped")
TURN_PHASES: Final = (
    "fetch", "decode", "state", "freshness", "decide", "encode", "send", "commit", "store",
)  # fmt: skip
"""`fetch` waits for requests; `freshness`, `send` and `commit` wait for the log while other lanes work; the others are
work of this lane alone."""
REBUILD_CAUSES: Final = ("missing", "locked", "corrupt", "mismatch")
RESTORED_FROM: Final = ("consents", "decisions")
UNREADY_CAUSES: Final = (
    "starting", "unassigned", "taking", "restoring", "consents_stale", "partition_held", "clock_skew",
    "topics_changed", "log_unavailable", "failed", "stopping",
    "standby", "database_unavailable", "disk_full", "topic_changed", "offset_lost", "behind", "checkpoint_old", "fenced",
)  # fmt: skip
"""Those of the last line are the ledger's alone."""
LOG_KINDS: Final = ("provision-records", "solicitation-outcomes", "acts", "meta")
INGESTED_TOPICS: Final = ("provision-records", "solicitation-outcomes", "access-decisions")
BATCH_PHASES: Final = ("fetch", "read", "leaves", "database", "commit")
"""`fetch` waits for messages; `read` decodes and canonicalizes, `leaves` writes and hashes leaves: both are work of this
process; `database` and `commit` wait for PostgreSQL, COPY's own encoding included."""
LEDGER_OUTCOMES: Final = ("committed", "failed", "unknown", "fenced")
REFUSAL_CAUSES: Final = ("hold", "not_due", "open", "clock")


class Label(NamedTuple):
    """A label: what it tells, and where its values come from."""

    name: str
    meaning: str
    values: tuple[str, ...] | VocabularyName
    or_none: bool = False
    or_other: bool = False
    """Whether a value outside of the vocabulary counts as `other` instead of being refused."""


@dataclass(frozen=True)
class Definition:
    """One metric. `buckets` (upper bounds, in the metric's unit) is for histograms only."""

    name: str
    kind: Kind
    help: str
    labels: tuple[Label, ...] = ()
    buckets: tuple[float, ...] = ()
    service: Service = "gate"
    """Who serves it."""


EFFECT = Label("effect", "the decision's effect", "effects")
ACTION = Label("action", "the request's action; `none` where it could not be read", "actions", or_none=True)
REASON = Label(
    "reason",
    "the code of the decision's first reason; `none` where it is allowed, `other` where a repeated decision names a "
    "code of an older rulebook",
    "reasons",
    or_none=True,
    or_other=True,
)
LANE = Label("lane", "the partition's number", "lanes")

# ---- what the gate decides

DECISIONS = Definition(
    "sekisho_decisions_total",
    "counter",
    "Decisions committed, duplicates' repeated answers included.",
    (EFFECT, ACTION, REASON),
)
DECISION_SECONDS = Definition(
    "sekisho_decision_seconds",
    "histogram",
    "From the append of a request to the commit of its decision: what the requester waits for.",
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30),
)
DUPLICATES = Definition(
    "sekisho_duplicates_total", "counter", "Requests answered with the first decision of the same request id."
)
REJECTED_EVENTS = Definition(
    "sekisho_rejected_events_total",
    "counter",
    "Messages that could not be taken, each with its rejected event committed.",
    (Label("cause", "the rejected event's cause", "causes"),),
)
PROVISION_RECORDS = Definition(
    "sekisho_provision_records_total",
    "counter",
    "Records of provision or receipt committed with their decisions.",
    (
        Label("method", "the record's method", "methods"),
        Label("basis", "the record's basis", "bases"),
    ),
)

# ---- turns and transactions

TRANSACTIONS = Definition(
    "sekisho_transactions_total",
    "counter",
    "Transactions ended. `unknown`: a commit without an answer; the next owner of the lane reads what became of it.",
    (Label("outcome", "how it ended", TRANSACTION_OUTCOMES),),
)
TURN_SECONDS = Definition(
    "sekisho_turn_seconds",
    "histogram",
    "Time that a turn spent in a phase: waiting for requests (fetch), for its consents, its sends and its commit, or working "
    "(decode, state, decide, encode, store).",
    (Label("phase", "what it did", TURN_PHASES),),
    (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)
TURN_REQUESTS = Definition(
    "sekisho_turn_requests",
    "histogram",
    "Requests in a turn: at the limit all the time means that the gate is behind.",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000),
)
SINGLE_RECORD_TURNS = Definition(
    "sekisho_single_record_turns_total",
    "counter",
    "Turns run with one record, because the turn that the record stood in failed twice.",
)

# ---- consents

CONSENT_LAG_SECONDS = Definition(
    "sekisho_consent_lag_seconds",
    "gauge",
    "Age of the oldest acknowledged consent event that the lane has not applied; 0 where there is none.",
    (LANE,),
)
CONSENTS_APPLIED = Definition(
    "sekisho_consents_applied_total", "counter", "Consent events folded into the state while running."
)
FORWARDED_EVENTS = Definition(
    "sekisho_forwarded_events_total",
    "counter",
    "Misrouted consent events forwarded to their partition. Any at all: an upstream system uses a wrong partitioner.",
)
CONSENT_PARTITION_HELD = Definition(
    "sekisho_consent_partition_held",
    "gauge",
    "1 while a consent event that cannot be decoded holds the lane; `sekisho gate skip` passes it.",
    (LANE,),
)

# ---- lanes and their state

LANE_STATE = Definition(
    "sekisho_lane_state",
    "gauge",
    "1 for the state that a lane of this gate is in, 0 for the others; lanes of other gates have no series.",
    (LANE, Label("state", "the lane's state", LANE_STATES)),
)
LANES_HELD = Definition("sekisho_lanes_held", "gauge", "Lanes that this gate holds, in whatever state.")
LANES_READY = Definition("sekisho_lanes_ready", "gauge", "Lanes that this gate holds and decides in.")
LANE_TAKE_SECONDS = Definition(
    "sekisho_lane_take_seconds",
    "histogram",
    "From the assignment of a lane to its first turn: fencing, opening the state, restoring.",
    buckets=(0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300),
)
LANES_LOST = Definition(
    "sekisho_lanes_lost_total", "counter", "Lanes let go.", (Label("cause", "why", LANE_ENDS),)
)
RESTORED_RECORDS = Definition(
    "sekisho_restored_records_total",
    "counter",
    "Records read to restore lanes, rejoining ones included.",
    (Label("source", "which topic", RESTORED_FROM),),
)
RESTORE_LEFT = Definition(
    "sekisho_restore_left_records",
    "gauge",
    "Offsets that a restoring lane has still to read of the topic that it reads; told every few seconds, by restoring "
    "lanes only.",
    (LANE,),
)
STATE_REBUILDS = Definition(
    "sekisho_state_rebuilds_total",
    "counter",
    "Local states given up and built anew from the topics. `missing` at a first start is no fault.",
    (Label("cause", "what was wrong with the folder", REBUILD_CAUSES),),
)

# ---- the process

CLOCK_SKEW_SECONDS = Definition(
    "sekisho_clock_skew_seconds",
    "gauge",
    "This machine's clock less the brokers' append time, of the newest request read as it came or of the rulebook published at "
    "the start; negative: the clock is behind.",
)
READY = Definition("sekisho_ready", "gauge", "1 while /readyz answers 200, else 0.", service="all")
UNREADY = Definition(
    "sekisho_unready",
    "gauge",
    "Conditions that keep the service from being ready, by cause.",
    (Label("cause", "why", UNREADY_CAUSES),),
    service="all",
)
BUILD_INFO = Definition(
    "sekisho_build_info",
    "gauge",
    "1; its labels tell what runs. Two digests in one group: gates decide by different rulebooks.",
    (
        Label("version", "the engine's version", "build"),
        Label("rulebook_version", "the rulebook's version", "build"),
        Label("rulebook_digest", "the rulebook's digest", "build"),
    ),
)


# ---- the ledger

LOG_KIND = Label("log", "the kind of log", LOG_KINDS)
TOPIC = Label("topic", "which topic, without the deployment's prefix", INGESTED_TOPICS)

LEDGER_SIZE = Definition(
    "sekisho_ledger_size", "gauge", "Leaves in all logs of a kind.", (LOG_KIND,), service="ledger"
)
LEDGER_RECORDS = Definition(
    "sekisho_ledger_records_total",
    "counter",
    "Records taken into the ledger and committed.",
    (Label("method", "the record's method", "methods"), Label("basis", "the record's basis", "bases")),
    service="ledger",
)
LEDGER_LAG_SECONDS = Definition(
    "sekisho_ledger_lag_seconds",
    "gauge",
    "Age of the oldest message of a topic that the ledger has not taken in; 0 where there is none.",
    (TOPIC,),
    service="ledger",
)
LEDGER_LAG_RECORDS = Definition(
    "sekisho_ledger_lag_records",
    "gauge",
    "Offsets of a topic between what the ledger has taken in and the end.",
    (TOPIC,),
    service="ledger",
)
LEDGER_BATCH_SECONDS = Definition(
    "sekisho_ledger_batch_seconds",
    "histogram",
    "Time that one batch spent in a phase: waiting for messages (fetch), reading them, writing their leaves, in PostgreSQL.",
    (Label("phase", "what it did", BATCH_PHASES),),
    (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
    "ledger",
)
LEDGER_TRANSACTIONS = Definition(
    "sekisho_ledger_transactions_total",
    "counter",
    "Database transactions of ingestion ended. `unknown`: the connection was lost at the commit; the log's head tells what "
    "became of it. `fenced`: another writer was there.",
    (Label("outcome", "how it ended", LEDGER_OUTCOMES),),
    service="ledger",
)
LEDGER_UNREADABLE = Definition(
    "sekisho_ledger_unreadable_total",
    "counter",
    "Messages taken in verbatim because they could not be read. Any at all: look at what wrote them.",
    (TOPIC,),
    service="ledger",
)
LEDGER_OUTCOMES_UNMATCHED = Definition(
    "sekisho_ledger_outcomes_unmatched_total",
    "counter",
    "Outcomes of solicitation for which no allowed decision was found that used the consent named.",
    service="ledger",
)
LEDGER_DECISIONS_MISSING = Definition(
    "sekisho_ledger_decisions_missing_total",
    "counter",
    "Decisions that served a concluded policy and were no longer in their topic when the ledger came for them.",
    service="ledger",
)
LEDGER_TRIMMED = Definition(
    "sekisho_ledger_trimmed_records_total",
    "counter",
    "Offsets of the records' topic deleted behind the ledger.",
    service="ledger",
)
CHECKPOINT_AGE_SECONDS = Definition(
    "sekisho_checkpoint_age_seconds",
    "gauge",
    "How long leaves have been waiting for a signed checkpoint that covers them; 0 where all are covered.",
    service="ledger",
)
RETENTION_DUE = Definition(
    "sekisho_retention_due",
    "gauge",
    "Payloads whose last day is past and that are not deleted yet, held ones not counted.",
    service="ledger",
)
RETENTION_HELD = Definition(
    "sekisho_retention_held",
    "gauge",
    "Payloads whose last day is past and that a legal hold keeps.",
    service="ledger",
)
PURGED_RECORDS = Definition(
    "sekisho_purged_records_total", "counter", "Payloads deleted, each with its leaf.", service="ledger"
)
PURGE_REFUSALS = Definition(
    "sekisho_purge_refusals_total",
    "counter",
    "Deletions refused.",
    (Label("cause", "why", REFUSAL_CAUSES),),
    service="ledger",
)


def all_definitions(service: Service = "all") -> tuple[Definition, ...]:
    """Every metric declared in this module, in order; of one service: what that service serves."""
    declared = [value for value in globals().values() if isinstance(value, Definition)]
    return tuple(each for each in declared if service in ("all", each.service) or each.service == "all")
