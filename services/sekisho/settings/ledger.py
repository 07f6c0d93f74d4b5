"""The ledger's group of settings; see groups.py for the form."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, PositiveInt, SecretStr

from sekisho.settings.groups import Folder, Group, Seconds
from sekisho.settings.source import Matching, database_url

DatabaseUrl = Annotated[SecretStr, AfterValidator(database_url)]
Origin = Annotated[
    str,
    AfterValidator(
        Matching(
            r"[a-z0-9][a-z0-9.-]{0,100}(:[0-9]{1,5})?(/[A-Za-z0-9._~-]{1,64}){0,4}",
            "a host name and a path without a scheme, as `bank.example/sekisho`",
        )
    ),
]


class LedgerSettings(Group):
    """The ledger: what it takes in and when, what it publishes, what it deletes."""

    origin: Origin = Field(
        "localhost/sekisho",
        description="What the names of all logs begin with: their origins and their keys' names (C2SP tlog-checkpoint). Choose it once, a "
        "name that is yours: it stands in every signature. A database keeps the one that it was begun with.",
    )
    directory: Folder | None = Field(
        None,
        description="The folder of the keys, the published tiles and the embedded PostgreSQL. Without it `ledger` in the state folder.",
    )
    signing_key_file: Folder | None = Field(
        None,
        description="The private key that signs checkpoints (Ed25519; a C2SP signer key or PKCS#8 PEM). Without it one is made at the first "
        "start, in the ledger's folder.",
    )
    subject_hmac_key_file: Folder | None = Field(
        None,
        description="The key by which persons are searched without their ids being stored (32 bytes or more). Without it one is made at the "
        "first start. Losing it means that no record can be found by its person.",
    )
    batch_records: PositiveInt = Field(
        1000, description="Messages taken in by one transaction: 15,000 a second need some hundred at least."
    )
    batch_ms: PositiveInt = Field(100, description="How long a batch waits to fill (ms).")
    checkpoint_seconds: Seconds = Field(
        1, description="How often a log that grew gets a new signed checkpoint."
    )
    meta_seconds: Seconds = Field(
        10, description="How often the logs' checkpoints are entered in the log of logs, at most."
    )
    max_lag_seconds: Seconds = Field(
        60, description="The ledger is unready while what it has not taken in is older than this."
    )
    clock_skew_seconds: Seconds = Field(
        5,
        description="A clock that is further behind the ledger's own newest time stops it; one that is further off the database's is told.",
    )
    retry_seconds: Seconds = Field(1, description="The first pause after a failure; it doubles up to 30 s.")
    statement_seconds: Seconds = Field(
        30, description="How long one statement may take in the database before it is given up."
    )
    purge_hours: Seconds = Field(
        24, description="How often what is due is deleted (hours): SV 10 wants it erased without delay."
    )
    purge_records: PositiveInt = Field(1000, description="Records deleted by one transaction.")
    trim_safety_days: float = Field(
        7,
        ge=0,
        description="Days for which records stay in their topic after the ledger has them, signed: time to notice and restore.",
    )
    trim_seconds: Seconds = Field(3600, description="How often the records' topic is trimmed.")
    backup_checkpoints: Folder | None = Field(
        None,
        description="A folder with the checkpoints of the newest verified backup (`sekisho audit verify --write-checkpoints`, run on the "
        "restored copy). Where it is given, the topic is never trimmed past them.",
    )
    read_host: str = Field(
        "127.0.0.1",
        min_length=1,
        description="The address of the read endpoint (tiles, checkpoints, proofs).",
    )
    read_port: int = Field(0, ge=0, le=65535, description="Its port; 0 takes a free one and logs it.")
