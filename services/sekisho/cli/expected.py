"""Errors of the other rooms, as a person at the command line is told them."""

from __future__ import annotations

from sekisho.cli.outcome import USAGE, CommandError


def as_command_error(error: BaseException) -> CommandError | None:
    """What to tell of an expected error; None where it is a fault of the program.

    Each room's error text already says what is wrong and what to do about it (style.md, rule 4): this only adds the
    exit code, and what the command line alone knows.
    """
    from sekisho.gate.remedies import NotSkippableError
    from sekisho.gate.topics import TopicsChangedError
    from sekisho.ledger.publish.secret_files import KeyFileError
    from sekisho.ledger.search import DamagedRecordError
    from sekisho.ledger.store.errors import StoreError
    from sekisho.ledger.store.errors import UnavailableError as DatabaseUnavailableError
    from sekisho.local.jars import KafkaUnavailableError
    from sekisho.local.lock import KafkaLockError
    from sekisho.local.ports import NoFreePortError
    from sekisho.local.postgres_folder import PostgresFolderError
    from sekisho.local.postgres_install import PostgresUnavailableError
    from sekisho.local.process import ProcessError
    from sekisho.local.stack import StackBusyError, StackRunningError
    from sekisho.local.state import StateFileError
    from sekisho.log.port import LogError, MissingTopicError, UnavailableError
    from sekisho.rulebook.problems import RulebookError
    from sekisho.settings import SettingsError

    if isinstance(error, SettingsError):
        return CommandError(str(error), "`docs/settings.md` lists every setting.", code=USAGE)
    if isinstance(error, MissingTopicError):
        return CommandError(str(error), "`sekisho topics create` makes what is missing.")
    if isinstance(error, UnavailableError):
        return CommandError(
            str(error), "Is Kafka there? `sekisho up` starts one; SEKISHO_KAFKA_BOOTSTRAP says where one is."
        )
    if isinstance(error, DatabaseUnavailableError):
        return CommandError(str(error), "SEKISHO_DATABASE_URL says where it is; is the server up?")
    told = (
        DamagedRecordError, KafkaLockError, KafkaUnavailableError, KeyFileError, LogError, NoFreePortError, NotSkippableError,
        PostgresFolderError, PostgresUnavailableError, ProcessError, RulebookError, StackBusyError, StackRunningError,
        StateFileError, StoreError, TopicsChangedError,
    )  # fmt: skip
    return CommandError(str(error)) if isinstance(error, told) else None
