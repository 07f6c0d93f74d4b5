"""Log lines: structlog, a constant event name plus keys, one JSON object a line on standard error.

The libraries' lines (aiokafka, mode, asyncio) go through the same pipeline, as events named `library`: their text is made
of the constant template and of those arguments that privacy.py lets pass. Call `configure` once, from the composition root;
modules use `structlog.get_logger()`. `mode` configures logging only in its own Worker, which Sekisho does not use.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from typing import Any, TextIO

import structlog
from structlog.types import EventDict, ExcInfo, Processor, WrappedLogger

from sekisho.telemetry.privacy import PersonalDataGuard, error_keys, plain
from sekisho.telemetry.repeats import RepeatsHandler


@dataclass(frozen=True)
class LogOptions:
    """How to log: levels by name; `format` auto, json or console; `pseudonym_key` None: personal keys are dropped;
    `library_repeat_seconds`: repeated lines of a library are told once in so long (repeats.py), 0: each."""

    level: str
    library_level: str
    format: str
    pseudonym_key: bytes | None
    library_repeat_seconds: float = 0


def configure(options: LogOptions, service: str, instance: str, stream: TextIO | None = None) -> None:
    """Set up logging for this process; `stream` defaults to standard error. A second call replaces the first."""
    target = stream if stream is not None else sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        _library_line,
        _Origin(service, instance),
        PersonalDataGuard(options.pseudonym_key),
        _error,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _renderer(options.format, target),
        ],
        use_get_message=False,
        pass_foreign_args=True,
    )
    _install(formatter, options, target)


def _install(formatter: logging.Formatter, options: LogOptions, target: TextIO) -> None:
    """One handler, at the root, for everything; our own lines at our level, the libraries' at theirs."""
    handler = RepeatsHandler(target, options.library_repeat_seconds)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    for old in [*root.handlers]:
        root.removeHandler(old)
        if isinstance(old, RepeatsHandler):
            old.close()
    root.addHandler(handler)
    root.setLevel(options.library_level)
    logging.getLogger("sekisho").setLevel(options.level)
    logging.captureWarnings(True)


def _renderer(form: str, target: TextIO) -> Processor:
    if form == "console" or (form == "auto" and target.isatty()):
        return structlog.dev.ConsoleRenderer(colors=target.isatty(), timestamp_key="at")
    return structlog.processors.JSONRenderer(ensure_ascii=False)


class _Origin:
    """Which process a line comes from."""

    def __init__(self, service: str, instance: str) -> None:
        self._origin = {"service": service, "instance": instance}

    def __call__(self, _: WrappedLogger, __: str, event: EventDict) -> EventDict:
        return {**event, **self._origin}


def _library_line(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """A line of the standard library's logging: the event is `library`, the text its template with safe arguments."""
    record = event.get("_record")
    if event.get("_from_structlog", True) or not isinstance(record, logging.LogRecord):
        return event
    template, arguments = str(event.get("event", "")), event.pop("positional_args", ())
    # asyncio puts the failed future's repr, with its error's text, on the lines after the first
    text = _filled(template.partition("\n")[0], arguments)
    held = getattr(record, "held_back", 0)
    more = {"held_back": held} if held else {}
    return {**event, "event": "library", "logger": record.name, "text": text, **more}


def _filled(template: str, arguments: Any) -> str:
    safe = (
        _safe_mapping(arguments)
        if isinstance(arguments, dict)
        else tuple(_safe(one) for one in arguments or ())
    )
    try:
        return template % safe if safe else template
    except (TypeError, ValueError, KeyError):  # %d of something told by its type
        return f"{template} {safe}"


def _safe_mapping(arguments: dict[str, Any]) -> dict[str, Any]:
    return {key: _safe(value) for key, value in arguments.items()}


def _safe(argument: object) -> object:
    """An argument of a library's line; partitions, sets of them and the like element by element."""
    if isinstance(argument, tuple | list | set | frozenset):
        return [_safe(part) for part in argument]
    return plain(argument)


def _error(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """`exc_info` as keys that quote no data; after the guard, which lets nobody else write a text under `error`."""
    given: ExcInfo | BaseException | bool | None = event.pop("exc_info", None)
    if isinstance(given, BaseException):
        error: BaseException | None = given
    elif isinstance(given, tuple):
        error = given[1]
    else:
        error = sys.exc_info()[1] if given else None
    return event if error is None else {**event, **error_keys(error)}
