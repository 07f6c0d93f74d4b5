"""`/metrics`, `/healthz` and `/readyz` (contract.md, Watching) on a small HTTP/1.1 server inside the service's event loop.

It serves three constant paths to scrapers and probes, and is built to be left alone by everything else: GET and HEAD only,
one request a connection, a request's head bounded in bytes, everything under one time-out, connections counted. It answers
from the loop of the service itself on purpose: `/healthz` answers only while that loop runs.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

import mode
import structlog
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from sekisho.telemetry.health import Health

log = structlog.get_logger(__name__)

_REQUEST_LINE = re.compile(rb"([A-Z]{1,20}) (/[!-~]*) HTTP/1\.[01]")
_TEXT = "text/plain; charset=utf-8"
_JSON = "application/json"
_LINGER_BYTES = 65_536


@dataclass(frozen=True)
class HttpOptions:
    """`port` 0 takes a free one. `request_seconds` bounds a whole exchange, `max_header_bytes` a request's head."""

    host: str
    port: int
    request_seconds: float
    max_header_bytes: int
    max_connections: int


@dataclass(frozen=True)
class Response:
    """An answer; `allow` is told with 405 only."""

    status: HTTPStatus
    body: bytes
    content_type: str = _TEXT
    allow: str | None = None

    def encoded(self, head_only: bool) -> bytes:
        """The bytes to send; without the body for HEAD (RFC 9110, 9.3.2), whose length is told all the same."""
        lines = [
            f"HTTP/1.1 {self.status.value} {self.status.phrase}",
            f"Content-Type: {self.content_type}",
            f"Content-Length: {len(self.body)}",
            "Cache-Control: no-store",
            "X-Content-Type-Options: nosniff",
            "Connection: close",
            *([f"Allow: {self.allow}"] if self.allow else []),
        ]
        return "\r\n".join([*lines, "", ""]).encode() + (b"" if head_only else self.body)


def _plain(status: HTTPStatus, text: str = "") -> Response:
    return Response(status, f"{text or status.phrase}\n".encode())


class HttpService(mode.Service):
    """The server, as a service of the gate's tree. `port` is the bound one once it has started."""

    def __init__(self, options: HttpOptions, metrics: Callable[[], bytes], health: Health) -> None:
        """`metrics` gives the exposition (GateMetrics.exposition). Nothing is opened before `start`."""
        super().__init__()
        self._options = options
        self._routes: dict[bytes, Callable[[], Response]] = {
            b"/metrics": lambda: Response(HTTPStatus.OK, metrics(), CONTENT_TYPE_PLAIN_0_0_4),
            b"/healthz": lambda: _plain(HTTPStatus.OK, "alive"),
            b"/readyz": lambda: _readiness(health),
        }
        self._server: asyncio.Server | None = None
        self._exchanges: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """The port that it listens on. Raises RuntimeError before the start."""
        if self._server is None:
            raise RuntimeError("the HTTP service has not started: it has no port yet")
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        """Where it is reached from this machine. Raises RuntimeError before the start."""
        host = f"[{self._options.host}]" if ":" in self._options.host else self._options.host
        return f"http://{host}:{self.port}"

    async def on_start(self) -> None:
        """Listen. Raises OSError where the address is not ours or the port is taken."""
        self._server = await asyncio.start_server(
            self._connected, self._options.host, self._options.port, limit=self._options.max_header_bytes
        )
        log.info("http_listening", url=self.url)

    async def on_stop(self) -> None:
        """Stop listening and cut off who is still being served."""
        if self._server is None:
            return
        self._server.close()
        for exchange in self._exchanges:
            exchange.cancel()
        await asyncio.gather(*self._exchanges, return_exceptions=True)
        self._server = None

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        exchange = asyncio.current_task()
        assert exchange is not None, "asyncio runs each connection in a task of its own"
        self._exchanges.add(exchange)
        try:
            async with asyncio.timeout(self._options.request_seconds):
                await self._exchange(reader, writer)
        except (TimeoutError, ConnectionError) as error:
            log.debug("http_client_gone", cause=type(error).__name__)
            writer.transport.abort()  # what it would not take is not kept for it
        except asyncio.CancelledError:
            log.debug(
                "http_client_cut_off"
            )  # the service stops; the loop's own callback wants no cancelled task
        finally:
            self._exchanges.discard(exchange)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, one answer; then the connection ends."""
        if len(self._exchanges) > self._options.max_connections:
            response, head_only = _plain(HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections"), False
        else:
            response, head_only = await self._answer(reader)
        writer.write(response.encoded(head_only))
        await writer.drain()
        await _linger(reader, writer)

    async def _answer(self, reader: asyncio.StreamReader) -> tuple[Response, bool]:
        """What the request gets, and whether it was a HEAD."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return _plain(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE), False
        except asyncio.IncompleteReadError as error:
            if not error.partial:
                raise ConnectionResetError("the client sent nothing") from error
            return _plain(HTTPStatus.BAD_REQUEST), False
        line = _REQUEST_LINE.fullmatch(head.partition(b"\r\n")[0])
        if line is None:
            return _plain(HTTPStatus.BAD_REQUEST), False
        method, target = line.groups()
        return self._routed(method, target.partition(b"?")[0]), method == b"HEAD"

    def _routed(self, method: bytes, path: bytes) -> Response:
        route = self._routes.get(path)
        if route is None:
            return _plain(HTTPStatus.NOT_FOUND, "Not found; there are /metrics, /healthz and /readyz")
        if method not in (b"GET", b"HEAD"):
            return Response(HTTPStatus.METHOD_NOT_ALLOWED, b"Method Not Allowed\n", allow="GET, HEAD")
        try:
            return route()
        except Exception:  # whatever a collector raises: the scraper sees 500, the operator the line
            log.exception("http_answer_failed", path=path.decode("ascii"))
            return _plain(HTTPStatus.INTERNAL_SERVER_ERROR)


def _readiness(health: Health) -> Response:
    """200 or 503, and every condition with its reason."""
    status = HTTPStatus.OK if health.ready else HTTPStatus.SERVICE_UNAVAILABLE
    body = json.dumps(health.report(), ensure_ascii=False, indent=1).encode() + b"\n"
    return Response(status, body, _JSON)


async def _linger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take what the client still sends (a body, the rest of a head), bounded: closing on unread bytes resets the
    connection, and the client may lose the answer (RFC 9112, 9.6)."""
    if writer.can_write_eof():
        with suppress(OSError):  # the client has closed already: nothing is left to say to it
            writer.write_eof()
    taken = 0
    while taken < _LINGER_BYTES and (part := await reader.read(8192)):
        taken += len(part)
