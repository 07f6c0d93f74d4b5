"""The read endpoint: what is published, over HTTP, and proofs made from it (C2SP tlog-tiles, "APIs").

Everything but `/proof/` is a static file of the published folder, which any web server may serve instead. Nothing here is
secret and nothing is about a person: leaves hold no personal data, payloads are not served. It only reads.
"""

from __future__ import annotations

import asyncio
import json
import re
from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import mode
import structlog
from aiohttp import web

from sekisho.ledger.merkle.checkpoint import CheckpointError, parse_size
from sekisho.ledger.merkle.tiles import ENTRIES, WIDTH, Tile, TileError
from sekisho.ledger.publish.files import PublishedTree
from sekisho.ledger.publish.key_history import HISTORY, KEYS
from sekisho.ledger.publish.proofs import PublishedProofs, UnpublishedError
from sekisho.ledger.store.errors import StoreError

_log = structlog.get_logger(__name__)
_SEGMENT: Final = r"[A-Za-z0-9_-][A-Za-z0-9._~-]{0,99}"
_LOG: Final = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT}){{0,5}}")
"""A log's folder: no empty part, none that begins with a dot, so nothing outside of the published folder has such a name."""
_RECORD: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TEXT: Final = "text/plain; charset=utf-8"
_JSON: Final = "application/json; charset=utf-8"
_BYTES: Final = "application/octet-stream"
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_NEVER: Final = "no-cache"
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Server": "sekisho",
}


@dataclass(frozen=True, slots=True)
class FoundRecord:
    """Where a record's leaf stands, and the leaf."""

    origin: str
    index: int
    leaf: bytes


FindRecord = Callable[[str], Awaitable[FoundRecord | None]]
"""By the record's id; None: the ledger holds no payload of that id. Raises StoreError."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """`port` 0 takes a free one. `request_seconds` bounds an answer, `max_requests` how many are answered at once."""

    host: str
    port: int
    request_seconds: float = 10
    max_requests: int = 64


class _RefusedError(Exception):
    """An answer other than 200: its status, a word for programs, a sentence for people."""

    def __init__(self, status: int, error: str, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.error = error
        self.headers = headers

    def response(self) -> web.Response:
        """The refusal as JSON."""
        body = _json({"error": self.error, "message": str(self)})
        kept = {"Cache-Control": "no-store", "Content-Type": _JSON}
        return web.Response(status=self.status, body=body, headers=kept | self.headers)


class ReadService(mode.Service):
    """The endpoint as a service. `port` and `url` are known once it has started."""

    def __init__(
        self, options: ReadOptions, tree: PublishedTree, origin: str, find: FindRecord | None = None
    ) -> None:
        """`origin`: the ledger's. Without `find` there are no proofs by a record's id. Opens nothing before `start`."""
        super().__init__()
        self._options = options
        self._tree = tree
        self._origin = origin
        self._find = find
        self._proofs = PublishedProofs(tree)
        self._runner: web.AppRunner | None = None
        self._answering = 0

    @property
    def port(self) -> int:
        """The port that it listens on. Raises RuntimeError before the start."""
        if self._runner is None or not self._runner.addresses:
            raise RuntimeError("the read endpoint has not started: it has no port yet")
        return int(self._runner.addresses[0][1])

    @property
    def url(self) -> str:
        """Where it is reached from this machine. Raises RuntimeError before the start."""
        host = f"[{self._options.host}]" if ":" in self._options.host else self._options.host
        return f"http://{host}:{self.port}"

    async def on_start(self) -> None:
        """Listen. Raises OSError where the address is not ours or the port is taken."""
        # a request has no body, and its head is short
        self._runner = web.AppRunner(
            self._application(),
            access_log=None,
            keepalive_timeout=15,
            max_line_size=4096,
            max_field_size=4096,
            max_headers=64,
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, self._options.host, self._options.port).start()
        _log.info("ledger_read_listening", url=self.url)

    async def on_stop(self) -> None:
        """Stop listening; answers under way are finished."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def _application(self) -> web.Application:
        app = web.Application(middlewares=[self._guarded], client_max_size=1024)
        app.add_routes(
            [
                web.get("/logs", self._logs),
                web.get(f"/{KEYS}", self._keys),
                web.get(f"/{HISTORY}", self._keys),
                web.get("/proof/inclusion", self._inclusion),
                web.get("/proof/consistency", self._consistency),
                web.get("/proof/record/{record}", self._record),
                web.get("/{log:.+}/checkpoint", self._checkpoint),
                web.get("/{log:.+}/{tile:tile/.+}", self._served_tile),
            ]
        )
        return app

    @web.middleware
    async def _guarded(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Bounded in time and number; whatever goes wrong is a clear answer, and a line for the operator where it is ours."""
        self._answering += 1
        try:
            if self._answering > self._options.max_requests:
                raise _RefusedError(
                    503, "busy", "Too many requests at once; ask again.", **{"Retry-After": "1"}
                )
            async with asyncio.timeout(self._options.request_seconds):
                response = await handler(request)
        except Exception as error:  # noqa: BLE001  every failure becomes an answer; what is unknown is logged
            response = _refusal(error).response()
        finally:
            self._answering -= 1
        response.headers.update(_HEADERS)
        return response

    # static files

    async def _checkpoint(self, request: web.Request) -> web.Response:
        note = await asyncio.to_thread(self._tree.checkpoint, _log_name(request.match_info["log"]))
        if note is None:
            raise _RefusedError(404, "no_such_log", "No log of this name is published; /logs lists them.")
        return _answer(note, _TEXT, _NEVER)

    async def _served_tile(self, request: web.Request) -> web.Response:
        log = _log_name(request.match_info["log"])
        try:
            tile = Tile.from_path(request.match_info["tile"])
            content = await asyncio.to_thread((self._tree.root / log / tile.path).read_bytes)
        except (TileError, FileNotFoundError, NotADirectoryError) as error:
            raise _RefusedError(
                404,
                "no_such_tile",
                "No such tile or bundle is published (a partial one goes when it is full).",
            ) from error
        response = _answer(content, _BYTES, _FOR_EVER if tile.width == WIDTH else _NEVER)
        if tile.level == ENTRIES:
            response.headers["Vary"] = "Accept-Encoding"
            if "gzip" in request.headers.get("Accept-Encoding", "").lower():
                response.enable_compression(
                    web.ContentCoding.gzip
                )  # hashes do not shrink; leaves do, to a third
        return response

    async def _keys(self, request: web.Request) -> web.Response:
        name = request.path.removeprefix("/")
        try:
            content = await asyncio.to_thread((self._tree.root / name).read_bytes)
        except FileNotFoundError as error:
            raise _RefusedError(404, "no_keys_yet", "Nothing is published yet.") from error
        return _answer(content, _TEXT if name == KEYS else _JSON, _NEVER)

    async def _logs(self, request: web.Request) -> web.Response:  # noqa: ARG002  a handler's form
        found = []
        for log in await asyncio.to_thread(self._tree.logs):
            checkpoint, _ = self._proofs.newest(log)
            found.append(
                {
                    "log": log,
                    "origin": checkpoint.origin,
                    "size": checkpoint.size,
                    "root": _text(checkpoint.root),
                }
            )
        return _answer(_json({"origin": self._origin, "logs": found}), _JSON, _NEVER)

    # proofs

    async def _inclusion(self, request: web.Request) -> web.Response:
        log, (index, size) = _asked(request, "index", "size")
        leaf, hashes, root = self._proofs.inclusion(log, index, size)
        told = {"log": log, "index": index, "size": size, "leaf_hash": _text(leaf), "root": _text(root)}
        return _answer(_json(told | {"proof": [_text(each) for each in hashes]}), _JSON, _FOR_EVER)

    async def _consistency(self, request: web.Request) -> web.Response:
        log, (old, size) = _asked(request, "from", "to")
        old_root, hashes, root = self._proofs.consistency(log, old, size)
        told = {"log": log, "from": old, "to": size, "from_root": _text(old_root), "to_root": _text(root)}
        return _answer(_json(told | {"proof": [_text(each) for each in hashes]}), _JSON, _FOR_EVER)

    async def _record(self, request: web.Request) -> web.Response:
        """A record's leaf in a C2SP tlog-proof file: the leaf as extra data, the proof, the published checkpoint."""
        record = request.match_info["record"]
        if self._find is None or _RECORD.fullmatch(record) is None:
            raise _RefusedError(404, "no_such_record", "A record's id is a UUID in small letters.")
        found = await self._find(record)
        if found is None:
            raise _RefusedError(
                404,
                "no_such_record",
                "The ledger holds no payload of a record with this id: never, or no longer.",
            )
        log = found.origin.removeprefix(f"{self._origin}/")
        try:
            file = self._proofs.inclusion_file(log, found.index, leaf=found.leaf)
        except UnpublishedError as error:
            raise _RefusedError(
                404,
                "not_published_yet",
                "The record is taken in, its checkpoint comes.",
                **{"Retry-After": "1"},
            ) from error
        return _answer(file.to_bytes(), _TEXT, _NEVER)


def _log_name(text: str) -> str:
    if _LOG.fullmatch(text) is None:
        raise _RefusedError(404, "no_such_log", "No log has such a name; /logs lists them.")
    return text


def _asked(request: web.Request, *numbers: str) -> tuple[str, tuple[int, ...]]:
    """The log and the numbers that the query gives, each exactly once and nothing else."""
    query = request.query
    if sorted(name for name, _ in query.items()) != sorted(("log", *numbers)):
        raise _RefusedError(
            400, "bad_query", f"Give log, {' and '.join(numbers)}, each once, and nothing else."
        )
    try:
        return _log_name(query["log"]), tuple(parse_size(query[name]) for name in numbers)
    except (ValueError, IndexError) as error:
        raise _RefusedError(400, "bad_query", f"{' and '.join(numbers)} are decimal numbers.") from error


def _answer(body: bytes, content_type: str, cache: str) -> web.Response:
    return web.Response(body=body, headers={"Content-Type": content_type, "Cache-Control": cache})


def _refusal(error: Exception) -> _RefusedError:
    """What an exception means to the client."""
    match error:
        case _RefusedError():
            return error
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(error.allowed_methods))
            return _RefusedError(405, "method_not_allowed", "GET and HEAD only.", Allow=allowed)
        case web.HTTPNotFound():
            return _RefusedError(
                404, "not_found", "There are /logs, /keys, /LOG/checkpoint, /LOG/tile/… and /proof/…."
            )
        case web.HTTPException():
            return _RefusedError(error.status, "refused", error.reason)
        case UnpublishedError():
            return _RefusedError(404, "not_published", f"{error}.")
        case TimeoutError():
            return _RefusedError(503, "too_slow", "It took too long; ask again.", **{"Retry-After": "1"})
        case StoreError():
            _log.warning("record_not_looked_up", error=error)
            return _RefusedError(503, "database_unavailable", "The database does not answer; ask again.")
        case CheckpointError() | TileError() | OSError():
            _log.error("published_files_damaged", error=error)
            return _RefusedError(500, "damaged", "Published files are damaged; the operator is told.")
    _log.error("read_answer_failed", exc_info=error)
    return _RefusedError(500, "failed", "This should not have happened; the operator is told.")


def _text(hashed: bytes) -> str:
    return b64encode(hashed).decode()


def _json(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n"
