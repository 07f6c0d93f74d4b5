"""The groups of settings: every limit and time-out, with its meaning, unit, default and the reason for it.

A group's field is the variable SEKISHO_<GROUP>_<FIELD>: `settings.kafka.bootstrap` is `SEKISHO_KAFKA_BOOTSTRAP`. Names end
in their unit. Where a default needs a source, it is runtime.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveInt, SecretStr, model_validator

from sekisho.settings.source import PREFIX, Matching

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Bytes = Annotated[int, Field(gt=0)]
Folder = Annotated[Path, AfterValidator(Path.expanduser)]
Name = Annotated[
    str,
    AfterValidator(Matching(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "1 to 64 letters, digits, `.`, `_`, `-`")),
]
_SERVER = r"(\[[0-9A-Fa-f:]+\]|[^\s,:]+):[0-9]{1,5}"
Servers = Annotated[
    str, AfterValidator(Matching(rf"{_SERVER}(,{_SERVER})*", "`host:port`, separated by commas"))
]
TopicPrefix = Annotated[
    str,
    AfterValidator(Matching(r"[a-z0-9][a-z0-9._-]{0,63}", "1 to 64 small letters, digits, `.`, `_`, `-`")),
]
Heap = Annotated[
    str, AfterValidator(Matching(r"[1-9][0-9]*[mg]", "a size as Java's -Xmx takes it, as `512m`"))
]


class Group(BaseModel):
    """Settings that belong together; frozen, and nothing unknown in it."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


_SASL = ("sasl_mechanism", "sasl_username", "sasl_password")
_TLS = ("ssl_ca_file", "ssl_certificate_file", "ssl_key_file", "ssl_key_password")


class KafkaSettings(Group):
    """How to reach Kafka, and how long to wait for it."""

    bootstrap: Servers | None = Field(
        None,
        description="Addresses of the brokers, `host:port`, separated by commas. A service refuses to start without it; "
        "`sekisho demo` and `up` then start a broker of their own.",
    )
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT",
        description="Transport and authentication. The default fits a broker on this machine; a deployment uses `SASL_SSL` "
        "or `SSL` with client certificates.",
    )
    ssl_ca_file: Folder | None = Field(
        None,
        description="Certificates (PEM) that may sign the brokers'. Without it, those that the system trusts. The brokers' "
        "host names are always checked.",
    )
    ssl_certificate_file: Folder | None = Field(
        None, description="The client's certificate (PEM), for mutual TLS."
    )
    ssl_key_file: Folder | None = Field(
        None, description="The private key (PEM) of the client's certificate."
    )
    ssl_key_password: SecretStr | None = Field(
        None, description="The password of the private key, where it has one."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        None, description="How SASL authenticates; required by the `SASL_*` protocols."
    )
    sasl_username: str | None = Field(
        None, min_length=1, description="SASL's user; required by the `SASL_*` protocols."
    )
    sasl_password: SecretStr | None = Field(
        None, min_length=1, description="SASL's password; required by the `SASL_*` protocols. Never printed."
    )
    client_id: Name = Field(
        "sekisho", description="The name under which the brokers log and limit this client."
    )
    startup_seconds: Seconds = Field(
        60,
        description="How long a starting service waits for the brokers and its topics. A broker that starts beside it needs "
        "2 to 30 seconds.",
    )
    request_seconds: Seconds = Field(
        5,
        description="How long one request to a broker may take, for all but a group's own. Below the session time-out: a broker "
        "that does not answer is noticed while the lane is still ours.",
    )
    call_seconds: Seconds = Field(
        10,
        description="How long one call to the log may take, its repeated requests included: two requests' time, so that one broker "
        "may fail to answer and the next be asked.",
    )
    commit_seconds: Seconds = Field(
        10,
        description="How long a commit may take; after it, what became of it is unknown and the lane is let go. As long as a "
        "transaction may live: by then the broker has decided.",
    )
    session_seconds: float = Field(
        10,
        ge=6,
        le=10,
        description="Without a heartbeat for so long, a member is put out of the group. 6 is the broker's least; above 10 the "
        "lanes of a gate that died wait too long.",
    )
    heartbeat_seconds: Seconds = Field(
        1,
        description="The time between heartbeats, at most a third of the session, so that two may be lost. A member learns of a "
        "rebalance at its next heartbeat: at 1 s a lane is handed over within about a second.",
    )
    rebalance_seconds: Seconds = Field(
        10,
        description="How long the group waits for its members to rejoin. A gate lets its lanes go within 2 s, so 10 s leaves "
        "room for a slow machine. A request of the group waits this long and a request's time more: the broker answers a join only at the end.",
    )
    max_poll_seconds: Seconds = Field(
        30,
        description="A member that does not poll for so long is put out though it sends heartbeats. A gate polls all the time, "
        "while it restores too: 30 s without a poll is a hung process.",
    )
    transaction_seconds: Seconds = Field(
        10,
        le=60,
        description="The broker aborts a transaction that is older. Five turns' greatest age: a frozen gate does not hold back "
        "the readers of committed data for longer.",
    )
    fetch_wait_ms: int = Field(
        100,
        ge=1,
        le=100,
        description="How long the broker may hold an empty fetch (ms). A connection has one request in flight: a longer wait "
        "delays everything behind it.",
    )
    fetch_bytes: Bytes = Field(
        1_048_576,
        description="The most that one fetch takes from a partition: a large batch of requests, and the largest message several times.",
    )
    max_batch_bytes: Bytes = Field(
        1_000_000,
        ge=524_288,
        description="The largest batch of records a producer sends. 512 KB to 1 MB let a turn go out as one batch per topic "
        "(16 KB batches cost two thirds of the speed); below the topics' `max.message.bytes`, which bounds the batch.",
    )
    retry_backoff_ms: PositiveInt = Field(
        100, description="The wait before a request that may be repeated is repeated (ms): Kafka's usual one."
    )
    transaction_backoff_ms: PositiveInt = Field(
        3,
        description="The wait before a transaction's step is repeated when the broker still ends the last one (ms). With the "
        "client's own 20 ms a turn of 10 records takes 26 ms, with 3 ms 7.6 ms.",
    )
    metadata_seconds: Seconds = Field(
        30,
        description="How old the client's picture of topics and leaders may be. The client's own 300 s hides changes for too long.",
    )
    admin_seconds: Seconds = Field(
        30,
        description="How long creating, describing or changing topics may take: such requests wait for all brokers.",
    )

    @property
    def group_request_seconds(self) -> float:
        """The time-out of a group member's requests (s): a join is answered only when the rebalance has ended."""
        return self.rebalance_seconds + self.request_seconds

    @model_validator(mode="after")
    def _authentication_fits(self) -> Self:
        sasl = self.security_protocol.startswith("SASL")
        lacking = [name for name in _SASL if sasl and getattr(self, name) is None]
        tls = self.security_protocol.endswith("SSL")
        idle = [*(() if sasl else _SASL), *(() if tls else _TLS)]
        unused = [name for name in idle if getattr(self, name) is not None]
        for names, why in ((lacking, "it needs"), (unused, "it does not use")):
            if names:
                listed = ", ".join(f"{PREFIX}KAFKA_{name.upper()}" for name in names)
                raise ValueError(
                    f"{PREFIX}KAFKA_SECURITY_PROTOCOL is {self.security_protocol}: {why} {listed}"
                )
        if (self.ssl_certificate_file is None) != (self.ssl_key_file is None):
            raise ValueError(
                "SEKISHO_KAFKA_SSL_CERTIFICATE_FILE and SEKISHO_KAFKA_SSL_KEY_FILE belong together: give both or none"
            )
        return self

    @model_validator(mode="after")
    def _waits_fit(self) -> Self:
        if self.heartbeat_seconds * 3 > self.session_seconds:
            raise ValueError(
                "SEKISHO_KAFKA_HEARTBEAT_SECONDS may be a third of SEKISHO_KAFKA_SESSION_SECONDS at most"
            )
        if self.request_seconds >= self.session_seconds:
            raise ValueError("SEKISHO_KAFKA_REQUEST_SECONDS must be below SEKISHO_KAFKA_SESSION_SECONDS")
        if self.request_seconds > min(self.call_seconds, self.commit_seconds):
            raise ValueError(
                "SEKISHO_KAFKA_CALL_SECONDS and SEKISHO_KAFKA_COMMIT_SECONDS must not be below SEKISHO_KAFKA_REQUEST_SECONDS"
            )
        return self


class TopicSettings(Group):
    """The topics, as `sekisho topics create` makes them and `check` and every service expect them."""

    prefix: TopicPrefix = Field(
        "sekisho-", description="What the names of all topics, groups and transactional ids begin with."
    )
    partitions: PositiveInt = Field(
        4,
        le=1000,
        description="Partitions of every gate topic, each one lane. Never changed afterwards: it decides where a person's events "
        "lie. 4 suit one machine; a deployment takes 12, so that up to 12 gates can share them evenly in many ways.",
    )
    replication: PositiveInt = Field(
        1,
        le=9,
        description="Copies of each partition. 1 is all that a single broker can do; a deployment takes 3.",
    )
    min_insync_replicas: PositiveInt = Field(
        1,
        description="Copies that must have a record before it counts as written. A deployment takes 2 of 3: one broker may fail.",
    )
    max_message_bytes: Bytes = Field(
        1_048_588,
        description="`max.message.bytes` of the topics; it bounds a batch, not a message. Kafka's own default.",
    )
    check_seconds: Seconds = Field(
        10,
        description="How often a running gate compares its topics' ids and partition counts with those it started with: the client "
        "takes new partitions unasked, and a re-created topic looks like an empty one.",
    )

    @model_validator(mode="after")
    def _copies_suffice(self) -> Self:
        if self.min_insync_replicas > self.replication:
            raise ValueError("SEKISHO_TOPIC_MIN_INSYNC_REPLICAS must not be above SEKISHO_TOPIC_REPLICATION")
        return self


class GateSettings(Group):
    """Limits of one gate. What is above a limit is refused and said so, never cut."""

    max_value_bytes: Bytes = Field(
        262_144,
        description="The largest message read; above it a message is rejected before anything else. 500 items need some 30 KB.",
    )
    max_output_bytes: Bytes = Field(
        524_288,
        description="The largest decision or record; above it the answer is deny, `request.too_large`. Must fit in a batch.",
    )
    max_events_per_subject: PositiveInt = Field(
        1000,
        description="Consent events of one person that are folded; above it requests are refused, `subject.too_many_events`. A "
        "lifetime of consents has a hundred; a thousand is an error upstream.",
    )
    turn_requests: PositiveInt = Field(
        500,
        description="Requests decided in one transaction. At 500 a turn takes some 20 ms; more adds little speed and much delay.",
    )
    turn_bytes: Bytes = Field(
        4_194_304, description="Bytes of requests in one turn, so that a turn of large ones stays short."
    )
    turn_seconds: Seconds = Field(
        2,
        description="A turn older than this at its commit is aborted and repeated: the consents it rests on may have aged.",
    )
    turn_attempts: PositiveInt = Field(
        2,
        description="A turn that failed so often is run one record at a time, and the guilty record rejected. One repetition "
        "tells an accident from a cause.",
    )
    freshness_seconds: Seconds = Field(
        5,
        description="How long a batch may wait for consent events acknowledged before it was fetched, counted from its append time; "
        "past it the requests are refused, `consent.state_stale`. Also the lag at which a gate is not ready.",
    )
    catch_up_seconds: Seconds = Field(
        1,
        description="However old a request is, it is not refused before the consents have stood still for so long: a gate that comes "
        "back to a backlog reads on instead of refusing it. Ten empty fetches.",
    )
    lane_loss_seconds: Seconds = Field(
        2,
        description="A lane that is taken away finishes or aborts its turn and closes within this. Far below the session time-out: "
        "the group waits for it.",
    )
    lane_restore_seconds: Seconds = Field(
        30, description="A lane whose restoring makes no progress for so long is let go and taken again."
    )
    lane_backoff_seconds: Seconds = Field(
        0.5, description="The wait before a lane that failed is taken again; doubled each time."
    )
    lane_backoff_max_seconds: Seconds = Field(
        10,
        description="The longest wait before a lane is taken again: an operator who mended something should see it run soon.",
    )
    clock_skew_seconds: Seconds = Field(
        5,
        description="A clock further than this from the brokers' append times pauses the gate: the times of decisions and what "
        "consents were valid depend on it.",
    )
    duplicate_window_days: PositiveInt = Field(
        7,
        description="A request id sent again within so many days (by append times) gets its first decision again. Longer than any "
        "retry of an upstream system; 60 bytes of state a request.",
    )
    cleanup_seconds: Seconds = Field(
        600,
        description="How often a lane drops request ids whose window has passed. What is kept longer changes no decision.",
    )
    stop_seconds: Seconds = Field(
        10,
        description="A gate told to stop (SIGTERM) has stopped by then: below the 30 s that orchestrators wait.",
    )

    @model_validator(mode="after")
    def _limits_fit(self) -> Self:
        if self.lane_backoff_seconds > self.lane_backoff_max_seconds:
            raise ValueError(
                "SEKISHO_GATE_LANE_BACKOFF_SECONDS must not be above SEKISHO_GATE_LANE_BACKOFF_MAX_SECONDS"
            )
        if self.lane_loss_seconds > self.stop_seconds:
            raise ValueError("SEKISHO_GATE_LANE_LOSS_SECONDS must not be above SEKISHO_GATE_STOP_SECONDS")
        return self


class StateSettings(Group):
    """Where a gate keeps its state: a copy of what the topics hold, restored from them where it is lost."""

    directory: Folder = Field(
        Path("~/.local/state/sekisho"),
        validate_default=True,
        description="A folder on a local disk; each instance has one of its own in it. Without it `$XDG_STATE_HOME/sekisho` where that is set.",
    )


class HttpSettings(Group):
    """The server of `/metrics`, `/healthz` and `/readyz`."""

    host: str = Field(
        "127.0.0.1",
        min_length=1,
        description="The address to listen on. This machine only; a container takes `0.0.0.0`.",
    )
    port: int = Field(
        0,
        ge=0,
        le=65535,
        description="The port; 0 takes a free one and logs it, so that several gates share a machine. The image sets 8080.",
    )
    request_seconds: Seconds = Field(
        5, description="A client that has not sent its request or taken its answer by then is cut off."
    )
    max_header_bytes: Bytes = Field(
        8192, description="The longest request with its headers; what common servers take."
    )
    max_connections: PositiveInt = Field(
        32, description="Clients served at once; more get 503. A scraper and probes need three."
    )


class AuditSettings(Group):
    """How long evidence is kept, and how it is checked."""

    retention_years: PositiveInt = Field(
        10,
        description="Years for which decisions and rejected events are kept in the log: the contract's audit period.",
    )
    settle_seconds: Seconds = Field(
        15,
        description="How long `sekisho audit check` waits for open transactions to end; one that is open still is a finding. Above "
        "the 10 s after which a broker aborts a transaction.",
    )
    stall_seconds: Seconds = Field(
        30, description="Reading that gets no further for so long ends the check: nothing is proven then."
    )
    tolerance_ms: int = Field(
        100,
        ge=0,
        description="Append times of two partitions that are no further apart count as simultaneous (ms): brokers' clocks differ, "
        "and a replica acknowledges later than its leader appends.",
    )
    findings_kept: PositiveInt = Field(
        100, description="Findings of one kind that are told one by one; the rest is counted."
    )


class LogSettings(Group):
    """Log lines on standard error."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="The least level of Sekisho's own lines."
    )
    library_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "WARNING",
        description="The least level of the libraries' lines (Kafka's client tells each retry at INFO).",
    )
    library_repeat_seconds: Seconds = Field(
        10,
        description="Lines of one kind of a library are told once in so long, with how many were held back (`held_back`): while a "
        "broker is away Kafka's client writes about 1 MB in half a minute.",
    )
    format: Literal["auto", "json", "console"] = Field(
        "auto",
        description="`json`: one object a line; `console`: for eyes; `auto`: console on a terminal, else JSON.",
    )
    pseudonyms: bool = Field(
        False,
        description="Write a keyed hash in place of a person's id (`subject_hmac`), so that lines about one person can be found "
        "together. Off: a pseudonym is personal data too. Needs `SEKISHO_PAYLOAD_HMAC_KEY`.",
    )


class LocalSettings(Group):
    """The broker that `sekisho demo`, `up` and the tests start on this machine."""

    cache: Folder = Field(
        Path("~/.cache/sekisho"),
        validate_default=True,
        description="Where Kafka's jars are kept once fetched. Without it `$XDG_CACHE_HOME/sekisho` where that is set.",
    )
    heap: Heap = Field("512m", description="The broker's Java heap. 512 MB carry the demo's load.")
    start_seconds: Seconds = Field(
        60, description="How long a local broker or gate may take to start; 3 s are usual."
    )
    stop_seconds: Seconds = Field(15, description="How long it may take to stop before it is killed.")
    port_attempts: PositiveInt = Field(
        5, description="How often a start is repeated when another program took the free port chosen."
    )
    fetch_answer_seconds: PositiveInt = Field(
        30, description="How long fetching Kafka waits for the repository's next answer."
    )
    fetch_lock_seconds: Seconds = Field(
        300, description="How long to wait for another process that fetches the same jars."
    )
