"""The endpoints, and clients that misbehave."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest

from sekisho.telemetry.health import Health
from sekisho.telemetry.http import HttpOptions, HttpService

OPTIONS = HttpOptions("127.0.0.1", 0, request_seconds=30, max_header_bytes=2048, max_connections=3)
PATIENCE = 20.0


class Exposition:
    """Stands for the metrics: gives a text, or fails."""

    def __init__(self) -> None:
        self.fails = False

    def __call__(self) -> bytes:
        if self.fails:
            raise ValueError("C-000001")
        return b"sekisho_ready 1.0\n"


@pytest.fixture
def health() -> Health:
    """What /readyz reports."""
    return Health()


@pytest.fixture
def exposition() -> Exposition:
    """What /metrics serves."""
    return Exposition()


@asynccontextmanager
async def running(service: HttpService) -> AsyncIterator[HttpService]:
    """The service, started and at the end stopped."""
    await service.start()
    try:
        yield service
    finally:
        await service.stop()


@pytest.fixture
async def service(health: Health, exposition: Exposition) -> AsyncIterator[HttpService]:
    """A started server on a free port."""
    async with running(HttpService(OPTIONS, exposition, health)) as started:
        yield started


async def exchange(service: HttpService, sent: bytes, *, half_close: bool = False) -> bytes:
    """Send bytes, take what comes until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(sent)
    if half_close:
        writer.write_eof()
    async with asyncio.timeout(PATIENCE):
        answer = await reader.read()
    writer.close()
    return answer


def status(answer: bytes) -> int:
    """The status code of an answer."""
    return int(answer.split(b" ", 2)[1])


async def test_metrics_are_served_as_prometheus_text(service: HttpService) -> None:
    """A usual client gets the exposition with its content type."""

    def fetch() -> tuple[int, str, bytes]:
        with urllib.request.urlopen(f"{service.url}/metrics", timeout=PATIENCE) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read()

    code, kind, body = await asyncio.to_thread(fetch)
    assert (code, body) == (200, b"sekisho_ready 1.0\n")
    assert kind.startswith("text/plain; version=0.0.4")


async def test_alive_is_told_while_the_loop_runs(service: HttpService) -> None:
    """/healthz answers 200 whether ready or not."""
    answer = await exchange(service, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert status(answer) == 200


async def test_ready_is_told_with_every_reason(service: HttpService, health: Health) -> None:
    """/readyz is 503 with the reasons until all conditions are met, then 200."""
    health.unmet("lane-0", "restoring", "復元中")
    answer = await exchange(service, b"GET /readyz HTTP/1.1\r\n\r\n")
    report = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert (status(answer), report["ready"], report["conditions"][0]["why"]) == (503, False, "復元中")
    health.met("lane-0")
    assert status(await exchange(service, b"GET /readyz HTTP/1.1\r\n\r\n")) == 200


async def test_a_service_that_has_said_nothing_is_not_ready(service: HttpService) -> None:
    """No condition at all is 503."""
    assert status(await exchange(service, b"GET /readyz HTTP/1.1\r\n\r\n")) == 503


async def test_head_gives_the_length_and_no_body(service: HttpService) -> None:
    """HEAD is answered like GET, without the body."""
    answer = await exchange(service, b"HEAD /metrics HTTP/1.1\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"Content-Length: 18" in head
    assert body == b""


async def test_a_query_is_passed_over(service: HttpService) -> None:
    """Prometheus may add parameters."""
    assert status(await exchange(service, b"GET /metrics?name=x HTTP/1.1\r\n\r\n")) == 200


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"GET /nothing HTTP/1.1\r\n\r\n", 404),
        (b"GET /metrics/../healthz HTTP/1.1\r\n\r\n", 404),
        (b"POST /nothing HTTP/1.1\r\n\r\n", 404),
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", 405),
        (b"DELETE /readyz HTTP/1.0\r\n\r\n", 405),
        (b"GET /metrics HTTP/2.0\r\n\r\n", 400),
        (b"get /metrics HTTP/1.1\r\n\r\n", 400),
        (b"GET metrics HTTP/1.1\r\n\r\n", 400),
        (b"GET /m\xc3\xa4trics HTTP/1.1\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
        (b"\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\nX: " + b"a" * 100_000, 431),
        (b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\n\r\n", 431),
    ],
)
async def test_what_is_not_asked_properly_is_refused(service: HttpService, sent: bytes, code: int) -> None:
    """Unknown paths, other methods, other protocols and endless heads get their status, and the server goes on."""
    assert status(await exchange(service, sent, half_close=True)) == code
    assert status(await exchange(service, b"GET /healthz HTTP/1.1\r\n\r\n")) == 200


async def test_methods_that_are_allowed_are_named(service: HttpService) -> None:
    """405 tells what would do (RFC 9110, 15.5.6)."""
    assert b"Allow: GET, HEAD\r\n" in await exchange(service, b"PUT /metrics HTTP/1.1\r\n\r\n")


async def test_an_unfinished_request_is_refused(service: HttpService) -> None:
    """A client that closes in the middle of its head gets 400."""
    assert status(await exchange(service, b"GET /met", half_close=True)) == 400


async def test_a_client_that_says_nothing_is_let_go(service: HttpService) -> None:
    """A port check connects and closes: no answer, no error."""
    assert await exchange(service, b"", half_close=True) == b""


async def test_a_slow_client_is_cut_off(exposition: Exposition, health: Health) -> None:
    """A head that does not come to its end in time is not waited for."""
    options = HttpOptions("127.0.0.1", 0, request_seconds=0.2, max_header_bytes=2048, max_connections=3)
    async with running(HttpService(options, exposition, health)) as service:
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(b"GET /metrics HTTP/1.1\r\nX: ")
        async with asyncio.timeout(PATIENCE):
            with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                await reader.readexactly(1)
        writer.close()


async def test_a_client_too_many_gets_told(service: HttpService) -> None:
    """Connections are counted; one above the limit gets 503, and there is room again when others have gone."""
    async with AsyncExitStack() as stack:
        for _ in range(OPTIONS.max_connections):
            _, writer = await asyncio.open_connection("127.0.0.1", service.port)
            stack.callback(writer.close)
        assert status(await exchange(service, b"GET /healthz HTTP/1.1\r\n\r\n")) == 503
    async with asyncio.timeout(PATIENCE):
        while status(await exchange(service, b"GET /healthz HTTP/1.1\r\n\r\n")) == 503:
            continue  # each round asks anew: the server needs a moment to see that they have gone


async def test_a_failing_collector_is_a_server_error_without_its_text(
    service: HttpService, exposition: Exposition
) -> None:
    """A scrape that fails is 500, tells nothing of the error, and the next one works."""
    exposition.fails = True
    answer = await exchange(service, b"GET /metrics HTTP/1.1\r\n\r\n")
    assert status(answer) == 500
    assert b"C-000001" not in answer
    exposition.fails = False
    assert status(await exchange(service, b"GET /metrics HTTP/1.1\r\n\r\n")) == 200


async def test_stopping_cuts_off_who_is_connected(exposition: Exposition, health: Health) -> None:
    """A client that hangs does not keep the service from stopping, and the port is free afterwards."""
    service = HttpService(OPTIONS, exposition, health)
    await service.start()
    url = service.url
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(b"GET /")
    async with asyncio.timeout(PATIENCE):
        await service.stop()
        with suppress(ConnectionResetError):  # what it had sent was not read: either end is one
            assert await reader.read() == b""
    writer.close()
    with pytest.raises(urllib.error.URLError):
        await asyncio.to_thread(urllib.request.urlopen, f"{url}/healthz", timeout=PATIENCE)


async def test_the_port_is_known_only_after_the_start(exposition: Exposition, health: Health) -> None:
    """Nothing is opened before the start, and asking for the port then is an error."""
    service = HttpService(OPTIONS, exposition, health)
    with pytest.raises(RuntimeError, match="not started"):
        _ = service.port
    async with running(service):
        assert service.port > 0


async def test_a_port_that_is_taken_fails_the_start(
    service: HttpService, exposition: Exposition, health: Health
) -> None:
    """A service that cannot be watched does not run as if it could."""
    taken = HttpOptions("127.0.0.1", service.port, 30, 2048, 3)
    with pytest.raises(OSError, match="in use"):
        await HttpService(taken, exposition, health).start()
