"""The read endpoint gives what is published, proofs that hold, and nothing else."""

from __future__ import annotations

import asyncio
import json
import uuid
from base64 import b64decode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import aiohttp
import pytest
from yarl import URL

from ledger.publish.ground import LOG, ORIGIN, OTHER, Ground
from sekisho.ledger.merkle.proof_files import InclusionFile, prove_included
from sekisho.ledger.merkle.proofs import verify_consistency, verify_inclusion
from sekisho.ledger.merkle.tree import Frontier, leaf_hash
from sekisho.ledger.publish.files import PublishedTree
from sekisho.ledger.publish.finding import RecordFinder
from sekisho.ledger.publish.http import FindRecord, FoundRecord, ReadOptions, ReadService
from sekisho.ledger.store import append, logs
from sekisho.ledger.store.connection import connect
from sekisho.ledger.store.errors import UnavailableError
from sekisho.ledger.store.rows import Batch, LeafRow, PayloadRow

pytestmark = pytest.mark.database
RECORD = "0b9d3f52-4b0e-4c53-9a39-0d8f1c1f2a11"


@dataclass
class Client:
    """Asks the endpoint."""

    ground: Ground
    service: ReadService
    http: aiohttp.ClientSession

    async def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers; the path goes as it is written."""
        url = URL(self.service.url + path, encoded=True)
        headers = {"Accept-Encoding": "identity"} | headers
        async with self.http.request(method, url, headers=headers, allow_redirects=False) as response:
            return response.status, await response.read(), dict(response.headers)

    async def json(self, path: str, status: int = 200) -> Any:
        """A JSON answer of this status."""
        found, body, headers = await self.ask(path)
        assert found == status, (path, body)
        assert headers["Content-Type"] == "application/json; charset=utf-8"
        return json.loads(body)


async def started(ground: Ground, find: FindRecord | None = None, **options: Any) -> ReadService:
    """The endpoint on a free port."""
    service = ReadService(
        ReadOptions("127.0.0.1", 0, **options), PublishedTree(ground.published), ORIGIN, find
    )
    await service.start()
    return service


@pytest.fixture
async def client(ground: Ground) -> AsyncIterator[Client]:
    """An endpoint over a ledger of two logs, of 557 leaves and of 20."""
    await ground.grow(300)
    await ground.grow(20, OTHER)
    publisher = await ground.publish()
    await ground.grow(257)
    await publisher.publish(ground.conn, enter_all=True)
    finder = RecordFinder(lambda: connect(ground.url, "reader"))
    service = await started(ground, finder.find)
    async with aiohttp.ClientSession(auto_decompress=False) as http:
        yield Client(ground, service, http)
    await service.stop()
    await finder.close()


async def test_every_published_file_is_served_as_it_is(client: Client) -> None:
    """Checkpoints, tiles, bundles, keys: the bytes of the file, with its type; full tiles may be kept for ever."""
    folder = client.ground.published
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 15
    for path in files:
        name = path.relative_to(folder).as_posix()
        status, body, headers = await client.ask(f"/{name}")
        assert (status, body) == (200, path.read_bytes()), name
        full = "/tile/" in name and ".p/" not in name
        assert ("immutable" in headers["Cache-Control"]) == full, name
        if name.endswith("/checkpoint"):
            assert headers["Content-Type"] == "text/plain; charset=utf-8"
            assert headers["Cache-Control"] == "no-cache"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")


async def test_head_tells_what_get_would(client: Client) -> None:
    """The same headers, no body."""
    for path in (
        f"/{LOG}/checkpoint",
        f"/{LOG}/tile/0/000",
        "/logs",
        f"/proof/inclusion?log={LOG}&index=1&size=5",
    ):
        _, body, headers = await client.ask(path)
        status, nothing, head = await client.ask(path, "HEAD")
        assert (status, nothing) == (200, b"")
        assert head["Content-Length"] == str(len(body))
        assert {name for name in head if name != "Date"} == {name for name in headers if name != "Date"}


async def test_bundles_are_compressed_for_those_who_take_it(client: Client) -> None:
    """tlog-tiles: entry bundles should be compressed at the HTTP layer."""
    _, plain, _ = await client.ask(f"/{LOG}/tile/entries/000")
    _, packed, headers = await client.ask(f"/{LOG}/tile/entries/000", **{"Accept-Encoding": "gzip"})
    assert headers["Content-Encoding"] == "gzip"
    assert len(packed) < len(plain) / 2


async def test_the_logs_are_listed(client: Client) -> None:
    """By folder, with the size that is published."""
    found = await client.json("/logs")
    assert {log["log"]: log["size"] for log in found["logs"]} == {LOG: 557, OTHER: 20, "meta": 5}
    assert found["origin"] == ORIGIN


INCLUDED: Final[list[tuple[int, int]]] = [
    (0, 1),
    (0, 557),
    (255, 256),
    (256, 257),
    (299, 300),
    (123, 431),
    (556, 557),
]


async def test_inclusion_proofs_hold_at_any_size(client: Client) -> None:
    """Also for sizes that were never signed: the partial tiles of the published tree hold their beginnings."""
    for index, size in INCLUDED:
        told = await client.json(f"/proof/inclusion?log={LOG}&index={index}&size={size}")
        proof = [b64decode(each) for each in told["proof"]]
        root = await true_root(client.ground, size)
        assert b64decode(told["root"]) == root
        verify_inclusion(b64decode(told["leaf_hash"]), index, size, proof, root)


EXTENDED: Final[list[tuple[int, int]]] = [(0, 557), (1, 557), (256, 300), (300, 557), (299, 431), (557, 557)]


async def test_consistency_proofs_hold_between_any_sizes(client: Client) -> None:
    """From any earlier tree to any later one."""
    for old, size in EXTENDED:
        told = await client.json(f"/proof/consistency?log={LOG}&from={old}&to={size}")
        proof = [b64decode(each) for each in told["proof"]]
        roots = [await true_root(client.ground, each) for each in (old, size)]
        assert [b64decode(told["from_root"]), b64decode(told["to_root"])] == roots
        verify_consistency(old, size, roots[0], roots[1], proof)


async def true_root(ground: Ground, size: int) -> bytes:
    """From the database's leaves."""
    found = await ground.conn.execute(
        "SELECT leaf FROM leaf WHERE log_id = 1 AND idx < %s ORDER BY idx", (size,)
    )
    return Frontier().extended([leaf_hash(row[0]) for row in await found.fetchall()]).root()


async def add_record(ground: Ground) -> tuple[int, bytes]:
    """One more leaf, with a payload that has the record's id."""
    log = await logs.log_of(ground.conn, f"{ORIGIN}/{LOG}")
    assert log is not None
    head = await logs.head(ground.conn, log.log_id)
    assert head is not None
    text = b'{"a":"leaf"}'
    hashed = leaf_hash(text)
    at = datetime(2026, 11, 21, 2, tzinfo=UTC)
    payload = PayloadRow(
        head.size, str(uuid.uuid4()), "record", None, None, bytes(32), b"{}", at, record_id=RECORD
    )
    frontier = Frontier.from_bytes(head.size, head.frontier).extended([hashed]).to_bytes()
    batch = Batch(
        log.log_id, head.size, head.next_offset, head.next_offset + 1, head.next_offset, at, frontier,
        [LeafRow(text, hashed)], [payload],
    )  # fmt: skip
    await append.append(ground.conn, batch)
    return head.size, text


async def test_a_records_proof_stands_alone(client: Client) -> None:
    """The file holds leaf, proof and checkpoint, and no payload; before the checkpoint it says that it comes."""
    index, text = await add_record(client.ground)
    early = await client.json(f"/proof/record/{RECORD}", 404)
    assert early["error"] == "not_published_yet"
    await client.ground.publish()
    status, body, headers = await client.ask(f"/proof/record/{RECORD}")
    assert (status, headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    checkpoint, at = prove_included(body, text, client.ground.verifier_keys())
    assert (checkpoint.origin, checkpoint.size, at) == (f"{ORIGIN}/{LOG}", 558, index)
    assert InclusionFile.from_bytes(body).extra == text


async def test_a_record_that_is_not_held_has_no_proof(client: Client) -> None:
    """Never taken in, or purged: the answer is the same."""
    for record in (str(uuid.uuid4()), "x", RECORD.upper(), "%27%20OR%201=1"):
        assert (await client.json(f"/proof/record/{record}", 404))["error"] == "no_such_record"


ELSEWHERE: Final[list[str]] = [
    "/../keys/signing.key",
    "/%2e%2e/keys/signing.key",
    "/..%2fkeys%2fsigning.key",
    f"/{LOG}/../../../../keys/checkpoint",
    f"/{LOG}/%2e%2e/checkpoint",
    "/%2e%2e/checkpoint",
    "/..%2f..%2fetc/checkpoint",
    "//etc/checkpoint",
    "/%2fetc/checkpoint",
    "/./checkpoint",
    "/%00/checkpoint",
    f"/{LOG}/tile/../checkpoint",
    f"/{LOG}/tile/0/..%2f..%2f..%2f..%2fkeys%2fsigning.key",
    f"/{LOG}/tile/0/%2e%2e/000",
    f"/{LOG}/tile/0/0",
    f"/{LOG}/tile/0/999",
    f"/{LOG}/tile/00/000",
    f"/{LOG}/tile/0/000/x",
    f"/{LOG}/tile/0/000.p/256",
    f"/{LOG}/tile/0/000.p",
    f"/{LOG}/tile",
    f"/{LOG}",
    "/provision-records/checkpoint",
    "/" + "a/" * 200 + "checkpoint",
    "/keys/",
    "/",
    "/metrics",
    "/signing.key",
]


async def test_nothing_else_is_served(client: Client) -> None:
    """No way out of the published folder, no folder, no tile written in another way: 404 as JSON."""
    for path in ELSEWHERE:
        status, body, headers = await client.ask(path)
        assert status == 404, (path, body)
        assert headers["Content-Type"] == "application/json; charset=utf-8"
        assert set(json.loads(body)) == {"error", "message"}
        assert b"PRIVATE" not in body


async def test_a_link_out_of_the_folder_has_no_name(client: Client) -> None:
    """Names that begin with a dot are no logs, whatever stands there."""
    (client.ground.published / ".keys").symlink_to(client.ground.folder / "keys")
    (client.ground.folder / "keys" / "checkpoint").write_bytes(b"secret")
    assert (await client.ask("/.keys/checkpoint"))[0] == 404


BAD_QUESTIONS: Final[list[tuple[str, int]]] = [
    ("/proof/inclusion", 400),
    (f"/proof/inclusion?log={LOG}&index=1", 400),
    (f"/proof/inclusion?log={LOG}&index=1&size=5&size=6", 400),
    (f"/proof/inclusion?log={LOG}&index=1&size=5&more=1", 400),
    (f"/proof/inclusion?log={LOG}&index=-1&size=5", 400),
    (f"/proof/inclusion?log={LOG}&index=1&size=", 400),
    (f"/proof/inclusion?log={LOG}&index=1&size=1e9", 400),
    (f"/proof/inclusion?log={LOG}&index=1&size={'9' * 1000}", 400),
    (f"/proof/inclusion?log={LOG}&index=%D9%A1&size=5", 400),
    (f"/proof/inclusion?log={LOG}&index=5&size=5", 404),
    (f"/proof/inclusion?log={LOG}&index=5&size=558", 404),
    (f"/proof/inclusion?log={LOG}&index=5&size=9223372036854775807", 404),
    ("/proof/inclusion?log=../keys&index=0&size=1", 404),
    ("/proof/inclusion?log=no/such&index=0&size=1", 404),
    (f"/proof/consistency?log={LOG}&from=6&to=5", 404),
    (f"/proof/consistency?log={LOG}&from=5&to=558", 404),
    (f"/proof/inclusion?log={'a' * 5000}&index=0&size=1", 400),
]


async def test_a_bad_question_gets_a_clear_answer(client: Client) -> None:
    """Missing, double, negative, endless or unknown: 400 or 404, never 500."""
    for path, status in BAD_QUESTIONS:
        found, body, _ = await client.ask(path)
        assert found == status, (path, body)


METHODS: Final[list[str]] = ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"]


async def test_it_only_reads(client: Client) -> None:
    """Every other method is refused."""
    for method in METHODS:
        for path in (f"/{LOG}/checkpoint", "/logs", "/proof/inclusion"):
            status, body, headers = await client.ask(path, method)
            assert status == 405
            assert headers["Allow"] == "GET, HEAD"
            assert json.loads(body)["error"] == "method_not_allowed"


async def test_damaged_files_are_told_as_damaged(client: Client) -> None:
    """A tile that is too short, a checkpoint that is none: 500, and no proof is made of them."""
    (client.ground.published / LOG / "tile/0/000").write_bytes(b"short")
    assert (await client.json(f"/proof/inclusion?log={LOG}&index=5&size=300", 500))["error"] == "damaged"
    (client.ground.published / LOG / "checkpoint").write_bytes(b"none")
    assert (await client.json("/logs", 500))["error"] == "damaged"


async def test_a_database_that_is_away_takes_only_its_own_question_with_it(client: Client) -> None:
    """Static files and proofs by index need none."""

    async def away(record: str) -> FoundRecord | None:
        raise UnavailableError("the database is away")

    service = await started(client.ground, away)
    try:
        apart = Client(client.ground, service, client.http)
        assert (await apart.json(f"/proof/record/{RECORD}", 503))["error"] == "database_unavailable"
        await apart.json(f"/proof/inclusion?log={LOG}&index=5&size=300")
    finally:
        await service.stop()


async def test_answers_are_bounded_in_number_and_time(client: Client) -> None:
    """More at once than the limit get 503 at once; one that takes too long ends."""
    asked = asyncio.Event()

    async def slow(record: str) -> FoundRecord | None:
        asked.set()
        await asyncio.sleep(600)
        return None

    service = await started(client.ground, slow, max_requests=1, request_seconds=2.0)
    try:
        apart = Client(client.ground, service, client.http)
        waiting = asyncio.create_task(apart.json(f"/proof/record/{RECORD}", 503))
        await asked.wait()
        assert (await apart.json("/logs", 503))["error"] == "busy"
        assert (await waiting)["error"] == "too_slow"
        await apart.json("/logs")
    finally:
        await service.stop()


async def test_a_lookup_after_the_database_came_back_works(client: Client) -> None:
    """The finder connects anew after a failure."""
    finder = RecordFinder(lambda: connect(client.ground.url, "reader"))
    assert await finder.find(RECORD) is None
    client.ground.tamper(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
    )
    with pytest.raises(UnavailableError):
        await finder.find(RECORD)
    assert await finder.find(RECORD) is None
    await finder.close()
