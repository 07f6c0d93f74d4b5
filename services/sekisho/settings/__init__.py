"""Every setting of Sekisho: one variable `SEKISHO_*` each, with its meaning, unit, default and the reason for it.

This package alone reads the environment, and only in `Settings.from_environment` and `child_environment`; importing it reads nothing. It is also
the one place of all limits and time-outs (runtime.md, Time and identity): the rooms get small dataclasses without defaults,
filled from here by bootstrap. `docs/settings.md` is generated from here (`python -m sekisho.reference docs`).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from sekisho.settings.groups import (
    AuditSettings,
    Folder,
    GateSettings,
    HttpSettings,
    KafkaSettings,
    LocalSettings,
    LogSettings,
    Name,
    StateSettings,
    TopicSettings,
)
from sekisho.settings.ledger import DatabaseUrl, LedgerSettings
from sekisho.settings.source import (
    PREFIX,
    SettingsError,
    long_enough,
    nested,
    problems,
    refuse_unknown,
)

__all__ = ["PREFIX", "GateRequirements", "Settings", "SettingsError", "child_environment"]


def child_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """This process's whole environment for a child of it, with these variables set: its settings and what differs."""
    return {**os.environ, **variables}


@dataclass(frozen=True)
class GateRequirements:
    """What a gate cannot run without."""

    bootstrap: str
    rulebook: Path
    payload_hmac_key: bytes = field(repr=False)


class Settings(BaseSettings):
    """All settings; `Settings.from_environment()` gives those of this process."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, env_prefix=PREFIX
    )

    rulebook: Folder | None = Field(
        None,
        description="The folder of the rulebook (YAML). A gate refuses to start without one: no rules, no decisions.",
    )
    instance: Name = Field(
        default_factory=lambda: socket.gethostname()[:64],
        description="The name of this process among the gates of its host, the same after a restart: its state folder and its "
        "client id. The default is the host's name: give each gate one where a host runs several.",
    )
    payload_hmac_key: Annotated[SecretStr, AfterValidator(long_enough)] | None = Field(
        None,
        description="The key, 32 characters or more, of the hash that stands for a rejected payload (a plain hash of so little could "
        "be guessed). Secret, the same for all gates and kept as long as the decisions. A gate refuses to start without it; `sekisho demo` and `up` make one.",
    )
    database_url: DatabaseUrl | None = Field(
        None,
        description="The ledger's PostgreSQL (15 or newer), `postgresql://user:password@host:5432/database`. Secret where it holds a password. "
        "Without it the ledger runs a PostgreSQL of its own on this machine, in its folder.",
    )
    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    topic: TopicSettings = Field(default_factory=TopicSettings)
    gate: GateSettings = Field(default_factory=GateSettings)
    state: StateSettings = Field(default_factory=StateSettings)
    http: HttpSettings = Field(default_factory=HttpSettings)
    ledger: LedgerSettings = Field(default_factory=LedgerSettings)
    audit: AuditSettings = Field(default_factory=AuditSettings)
    log: LogSettings = Field(default_factory=LogSettings)
    local: LocalSettings = Field(default_factory=LocalSettings)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 (the base class names its arguments)
        init_settings: PydanticBaseSettingsSource,
        *_: PydanticBaseSettingsSource,
        **__: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Nothing but what is passed in: no environment, no .env file, no secrets folder."""
        return (init_settings,)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """The settings that the variables in `environment` (default: this process's own) give.

        Raises SettingsError, which names every variable that is unknown, empty or wrong, and what is allowed.
        """
        given = os.environ if environment is None else environment
        refuse_unknown(given, cls)
        try:
            return cls(**nested(given, cls))
        except ValidationError as error:
            raise SettingsError(problems(error, given, cls)) from None

    def for_gate(self) -> GateRequirements:
        """What a gate needs. Raises SettingsError, which names every variable that is missing."""
        bootstrap, rulebook, key = self.kafka.bootstrap, self.rulebook, self.payload_hmac_key
        if bootstrap is None or rulebook is None or key is None:
            needed = {"KAFKA_BOOTSTRAP": bootstrap, "RULEBOOK": rulebook, "PAYLOAD_HMAC_KEY": key}
            absent = [name for name, value in needed.items() if value is None]
            raise SettingsError(
                [f"{PREFIX}{name} is not given; a gate cannot run without it" for name in absent]
            )
        return GateRequirements(bootstrap, rulebook, key.get_secret_value().encode())

    @property
    def ledger_folder(self) -> Path:
        """Where the ledger keeps its keys, what it publishes, and its own PostgreSQL."""
        return self.ledger.directory or self.state.directory / "ledger"

    @model_validator(mode="after")
    def _sizes_and_times_fit(self) -> Self:
        if self.gate.max_output_bytes >= self.kafka.max_batch_bytes:
            raise ValueError("SEKISHO_GATE_MAX_OUTPUT_BYTES must be below SEKISHO_KAFKA_MAX_BATCH_BYTES")
        if self.kafka.max_batch_bytes > self.topic.max_message_bytes:
            raise ValueError(
                "SEKISHO_KAFKA_MAX_BATCH_BYTES must not be above SEKISHO_TOPIC_MAX_MESSAGE_BYTES"
            )
        if self.gate.max_value_bytes > self.kafka.fetch_bytes:
            raise ValueError("SEKISHO_GATE_MAX_VALUE_BYTES must not be above SEKISHO_KAFKA_FETCH_BYTES")
        if self.gate.turn_seconds >= self.kafka.transaction_seconds:
            raise ValueError("SEKISHO_GATE_TURN_SECONDS must be below SEKISHO_KAFKA_TRANSACTION_SECONDS")
        if self.gate.lane_loss_seconds >= self.kafka.rebalance_seconds:
            raise ValueError("SEKISHO_GATE_LANE_LOSS_SECONDS must be below SEKISHO_KAFKA_REBALANCE_SECONDS")
        if self.log.pseudonyms and self.payload_hmac_key is None:
            raise ValueError("SEKISHO_LOG_PSEUDONYMS needs SEKISHO_PAYLOAD_HMAC_KEY")
        return self
