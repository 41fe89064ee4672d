"""The network between the workers and both servers cuts, delays, narrows, loses replies, or is not there."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

import psutil
import pytest

from fault316_streams.settings import WorkerSettings
from proxied import Proxied
from proxy import Line, Proxy
from support import own_settings, until
from trial import RECOVER_LIMIT_S, Trial
from worker_process import WorkerProcess, Workers

SESSION_S: Final = 6
"""The shortest that Kafka allows."""
CUTS: Final = 6
CUT_EVERY_S: Final = 1.0
SLOW_S: Final = 8.0
"""How long a line stays slow or narrow: longer than a session, so that a missed heartbeat would show."""
MEASURE_S: Final = 3.0
AWAY_S: Final = 10.0
"""How long a server cannot be reached: some turns of the longest backoff, 5 s."""
CPU_SHARE_MAX: Final = 0.5
"""Of one processor, while a server is away. It is a few percent; a loop without a pause takes all of it."""
LOG_LINES_PER_S_MAX: Final = 10.0
"""The same; a loop without a pause writes thousands."""


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    with Proxied(tmp_path_factory.mktemp("proxied")) as servers:
        yield servers


@pytest.fixture
def near(proxied: Proxied) -> WorkerSettings:
    """For the producer and the oracle."""
    return own_settings(proxied.endpoints).model_copy(update={"session_timeout_s": SESSION_S})


def test_cuts(
    proxied: Proxied,
    near: WorkerSettings,
    workers: Workers,
    calm: str,
    rounds: range,
    trial: Callable[..., Trial],
) -> None:
    """All connections, again and again, with a storm on."""
    worker = workers.start(proxied.far(near), "--policy", calm).ready()
    with trial(near, "connections to both servers cut, every second") as run:
        run.counting()
        for _ in rounds:
            with run.storm(), run.injected():
                for _ in range(CUTS):
                    time.sleep(CUT_EVERY_S)
                    proxied.kafka.cut()
                    proxied.redis.cut()
        worker.ready()
    assert worker.stop() == 0


def test_delay(
    proxied: Proxied,
    near: WorkerSettings,
    workers: Workers,
    calm: str,
    rounds: range,
    trial: Callable[..., Trial],
) -> None:
    """Nothing ends, nothing is repeated for it: it only comes later."""
    worker = workers.start(proxied.far(near), "--policy", calm).ready()
    with trial(near, "200 ms each way to both servers") as run:
        run.counting()
        for _ in rounds:
            with run.storm(), run.injected(), both(proxied, Line(delay_s=0.2)):
                time.sleep(SLOW_S)
        worker.ready()
    assert worker.stop() == 0


def test_half_the_bandwidth(
    proxied: Proxied,
    near: WorkerSettings,
    workers: Workers,
    calm: str,
    rounds: range,
    trial: Callable[..., Trial],
) -> None:
    """Of what flows just before, so the worker falls behind, and catches up."""
    worker = workers.start(proxied.far(near), "--policy", calm).ready()
    with trial(near, "half the bandwidth to both servers") as run:
        run.counting()
        for _ in rounds:
            with run.storm(), run.injected(), ExitStack() as narrow:
                for proxy, flow in flows([proxied.kafka, proxied.redis]):
                    narrow.enter_context(proxy.being(Line(bytes_per_s=(flow[0] / 2, flow[1] / 2))))
                time.sleep(SLOW_S)
                behind = run.flow.produced.total() - run.view.totals().total()
                print(f"{behind} events behind after {SLOW_S:g} s")
        worker.ready()
    assert worker.stop() == 0


@pytest.mark.parametrize(("server", "component"), [("kafka", "intake"), ("redis", "redis")])
def test_lost_replies(
    proxied: Proxied,
    near: WorkerSettings,
    workers: Workers,
    calm: str,
    rounds: range,
    trial: Callable[..., Trial],
    server: str,
    component: str,
) -> None:
    """What is asked is done, and nobody says so; until the worker notices by itself, and connects anew."""
    worker = workers.start(proxied.far(near), "--policy", calm).ready()
    proxy: Proxy = getattr(proxied, server)
    with trial(near, f"replies of {server} lost, connections open") as run:
        run.counting()
        for _ in rounds:
            with run.storm(), run.injected(), proxy.being(Line(drops_replies=True)):
                before = proxy.accepted
                worker.until_waiting(component)
                until(lambda before=before: proxy.accepted > before, deadline_s=RECOVER_LIMIT_S)  # type: ignore[misc]
        worker.ready()
    assert worker.stop() == 0


def test_silence(
    proxied: Proxied,
    near: WorkerSettings,
    workers: Workers,
    calm: str,
    rounds: range,
    trial: Callable[..., Trial],
) -> None:
    """Nothing gets through, for longer than the worker's session; then all of it does, late."""
    worker = workers.start(proxied.far(near), "--policy", calm).ready()
    with trial(near, "nothing gets through to both servers, connections open") as run:
        run.counting()
        for _ in rounds:
            with run.storm(), run.injected(), both(proxied, Line(stuck=True)):
                for component in ("intake", "redis"):
                    worker.until_waiting(component)
                time.sleep(SLOW_S)
        worker.ready()
    assert worker.stop() == 0


def test_nobody_there(
    proxied: Proxied,
    near: WorkerSettings,
    workers: Workers,
    calm: str,
    rounds: range,
    trial: Callable[..., Trial],
) -> None:
    """It is said who is waited for, and waiting costs next to nothing."""
    worker = workers.start(proxied.far(near), "--policy", calm).ready()
    with trial(near, "connections to both servers refused") as run:
        run.counting()
        for _ in rounds:
            with run.storm(), run.injected(), both(proxied, Line(refused=True)):
                for component in ("intake", "redis"):
                    worker.until_waiting(component)
                cpu_share, lines_per_s = effort(worker)
                print(f"{cpu_share:.0%} of a processor and {lines_per_s:.1f} log lines a second meanwhile")
                assert cpu_share < CPU_SHARE_MAX
                assert lines_per_s < LOG_LINES_PER_S_MAX
        worker.ready()
    assert worker.stop() == 0


@contextmanager
def both(proxied: Proxied, line: Line) -> Iterator[None]:
    """To both servers alike."""
    with proxied.kafka.being(line), proxied.redis.being(line):
        yield


def flows(proxies: Iterable[Proxy]) -> list[tuple[Proxy, tuple[float, float]]]:
    """Bytes a second to the server and to the client."""
    began, before = time.monotonic(), [(proxy, tuple(proxy.passed)) for proxy in proxies]
    time.sleep(MEASURE_S)
    took_s = time.monotonic() - began
    return [
        (proxy, ((proxy.passed[0] - sent) / took_s, (proxy.passed[1] - received) / took_s))
        for proxy, (sent, received) in before
    ]


def effort(worker: WorkerProcess) -> tuple[float, float]:
    """The share of a processor that it takes, and the lines that it logs a second, for `AWAY_S`."""
    process = psutil.Process(worker.pid)

    def spent() -> tuple[float, float, int]:
        cpu = process.cpu_times()
        return time.monotonic(), cpu.user + cpu.system, len(worker.log.read_bytes().splitlines())

    before = spent()
    time.sleep(AWAY_S)
    took_s, cpu_s, lines = (after - one for after, one in zip(spent(), before, strict=True))
    return cpu_s / took_s, lines / took_s
