"""What a supervisor, a balancer and Prometheus get from a worker's HTTP port."""

import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from fault316_streams.embedded import process
from fault316_streams.errors import Failure, Misuse
from fault316_streams.health import Status
from fault316_streams.http import HttpServer, is_loopback
from fault316_streams.metrics import Metrics
from fault316_streams.metrics_wiring import follow_waits
from fault316_streams.settings import WorkerSettings
from fault316_streams.sinks.redis_view import RedisView
from fault316_streams.sinks.writer import Batch, ViewWriter


class Part:
    """A component whose state is set by hand."""

    def __init__(self, name: str, status: Status) -> None:
        self.name = name
        self.state = status

    def status(self) -> Status:
        return self.state


class Worker:
    """Parts and metrics of a worker, and the server over them."""

    def __init__(self, **changes: Any) -> None:
        self.alive = Part("watchdog", Status(True, "ok"))
        self.parts = [Part("intake", Status(True, "ok", facts={"lag": 3})), Part("redis", Status(True, "ok"))]
        self.metrics = Metrics("1.2.3")
        settings = WorkerSettings(_env_file=None, **{"http_port": 0, **changes})
        self.server = HttpServer(settings, self.metrics, self.alive, self.parts)


@asynccontextmanager
async def served(worker: Worker, token: str | None = None) -> AsyncIterator[aiohttp.ClientSession]:
    """The worker's server, and a client of it."""
    await worker.server.start()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{worker.server.port}", headers=headers) as client:
            yield client
    finally:
        await worker.server.stop()


async def test_a_worker_that_is_well_says_so() -> None:
    async with served(Worker()) as client:
        health, ready = await client.get("/healthz"), await client.get("/readyz")
        assert (health.status, ready.status) == (200, 200)
        assert await ready.json() == {
            "ready": True,
            "components": {
                "intake": {"ready": True, "detail": "ok", "lag": 3},
                "redis": {"ready": True, "detail": "ok"},
            },
        }


async def test_one_component_that_waits_makes_it_not_ready_and_says_for_what() -> None:
    worker = Worker()
    worker.parts[1].state = Status(False, "waiting: ConnectionError: refused", since_s=0.0)
    async with served(worker) as client:
        ready = await client.get("/readyz")
        assert ready.status == 503
        body = await ready.json()
        assert body["ready"] is False
        assert body["components"]["redis"] == {
            "ready": False,
            "detail": "waiting: ConnectionError: refused",
            "since": "1970-01-01T00:00:00+00:00",
        }
        assert (await client.get("/healthz")).status == 200  # waiting is no reason to be restarted


async def test_what_a_server_said_is_shown_on_one_line_without_secrets() -> None:
    worker = Worker()
    worker.parts[1].state = Status(
        False, "waiting: no\x1b[2J\npassword=hunter2 redis://u:hunter2@h:1", since_s=0
    )
    async with served(worker) as client:
        detail = (await (await client.get("/readyz")).json())["components"]["redis"]["detail"]
    assert detail == "waiting: no\\x1b[2J\\npassword=[scrubbed] redis://u:[scrubbed]@h:1"


async def test_a_metric_shows_for_how_long_each_part_waits() -> None:
    """As /readyz says, for alerts: 0 while it is ready."""
    worker = Worker()
    follow_waits(worker.metrics, [*worker.parts, worker.alive])
    worker.parts[1].state = Status(False, "waiting: ConnectionError: refused", since_s=time.time() - 100)
    async with served(worker) as client:
        families = text_string_to_metric_families(await (await client.get("/metrics")).text())
        [waiting] = [family for family in families if family.name == "fault316_waiting_seconds"]
    seconds = {sample.labels["component"]: sample.value for sample in waiting.samples}
    assert seconds.pop("redis") >= 100
    assert seconds == {"intake": 0, "watchdog": 0}


async def test_a_stuck_worker_is_not_healthy() -> None:
    worker = Worker()
    worker.alive.state = Status(False, "intake is stuck; stopping")
    async with served(worker) as client:
        health = await client.get("/healthz")
        assert health.status == 503
        assert (await health.json())["detail"] == "intake is stuck; stopping"


async def test_metrics_are_what_prometheus_reads() -> None:
    worker = Worker()
    worker.metrics.events.follow(lambda: 7)
    async with served(worker) as client:
        response = await client.get("/metrics")
        assert response.headers["Content-Type"].startswith("text/plain")
        families = {f.name: f for f in text_string_to_metric_families(await response.text())}
    assert families["fault316_events"].samples[0].value == 7


async def test_it_listens_on_loopback_by_default() -> None:
    worker = Worker()
    async with served(worker):
        listening = {
            connection.laddr.ip
            for connection in psutil.Process().net_connections("tcp")
            if connection.laddr.port == worker.server.port and connection.status == psutil.CONN_LISTEN
        }
    assert listening == {"127.0.0.1"}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "workers.example", "127.0.0.1.example"])
def test_beyond_this_machine_only_with_a_token(host: str) -> None:
    with pytest.raises(Misuse, match=r"^FAULT316_HTTP_HOST .*FAULT316_HTTP_TOKEN[^\n]*$"):
        Worker(http_host=host)
    with pytest.raises(Misuse):
        Worker(http_host=host, http_token=SecretStr(""))
    Worker(http_host=host, http_token=SecretStr("s3cret"))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_needs_no_token(host: str) -> None:
    assert is_loopback(host)


async def test_with_a_token_only_health_is_open() -> None:
    async with served(Worker(http_token=SecretStr("s3cret"))) as client:
        assert (await client.get("/healthz")).status == 200
        for path in ("/readyz", "/metrics", "/nowhere"):
            response = await client.get(path)
            assert (response.status, response.headers["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize(
    ("token", "status"), [("s3cret", 200), ("S3cret", 401), ("s3cret ", 200), ("é", 401)]
)
async def test_the_token_must_be_the_very_one(token: str, status: int) -> None:
    async with served(Worker(http_token=SecretStr("s3cret")), token) as client:
        assert (await client.get("/metrics")).status == status


async def test_a_taken_port_is_one_line_that_says_what_to_do() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(
            Failure, match=r"^cannot listen on 127.0.0.1 port \d+ .*FAULT316_HTTP_PORT[^\n]*$"
        ):
            await Worker(http_port=other.getsockname()[1]).server.start()


async def test_the_second_worker_of_a_machine_takes_another_port() -> None:
    """The default port is a wish; only one that was asked for is insisted on."""
    first, second = (
        HttpServer(WorkerSettings(_env_file=None), Metrics(), Part("watchdog", Status(True, "ok")), [])
        for _ in range(2)
    )
    try:
        await first.start()
        await second.start()
        assert first.port != second.port
    finally:
        await first.stop()
        await second.stop()


class Nothing:
    """A detect stage in which nothing changes."""

    def take(self, codes_max: int) -> Batch:
        assert codes_max > 0
        return Batch(partitions=frozenset({0}))

    def give_back(self, batch: Batch) -> None: ...

    def rebuild(self, partitions: object) -> None: ...


@pytest.mark.parametrize("there", [True, False])
async def test_readiness_follows_the_real_redis(settings: WorkerSettings, there: bool) -> None:
    if not there:
        nobody = SecretStr(f"redis://127.0.0.1:{process.free_port()}/0")
        settings = settings.model_copy(update={"redis_url": nobody})
    metrics = Metrics("1.2.3")
    view = RedisView.connect(settings)
    writer = ViewWriter(view, Nothing(), 0.1, metrics)
    worker = Worker()
    worker.server = HttpServer(settings, metrics, worker.alive, [writer])
    await writer.turn()
    async with served(worker) as client:
        ready = await client.get("/readyz")
        detail = (await ready.json())["components"]["redis"]["detail"]
    await view.close()
    assert ready.status == (200 if there else 503)
    assert detail.startswith("ok" if there else "waiting: ConnectionError")
