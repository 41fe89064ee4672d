"""The proxy does what the other tests rely on: else they prove nothing."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from fault316_streams.settings import WorkerSettings
from proxy import Line, Proxy
from support import until


@pytest.fixture
def target(settings: WorkerSettings) -> int:
    port = urlsplit(settings.redis_url.get_secret_value()).port
    assert port
    return port


@pytest.fixture
def proxy(target: int) -> Iterator[Proxy]:
    with Proxy(target) as started:
        yield started


@pytest.fixture
def connect() -> Iterator[Callable[..., Any]]:
    """Redis clients of one connection each, which never try again."""
    with ExitStack() as clients:

        def client(port: int, timeout_s: float = 10.0) -> Any:
            never = Retry(NoBackoff(), 0)
            made = redis.Redis(
                port=port, socket_timeout=timeout_s, retry=never, single_connection_client=True
            )
            clients.callback(made.close)
            return made

        yield client


def test_delay_and_bandwidth_take_their_time(
    proxy: Proxy, settings: WorkerSettings, connect: Callable[..., Any]
) -> None:
    key = f"{settings.redis_prefix}large"
    through = connect(proxy.port)
    through.set(key, b"x" * 50_000, ex=60)
    with proxy.being(Line(delay_s=0.2)):
        began = time.monotonic()
        assert through.ping()
        assert time.monotonic() - began >= 0.4
    with proxy.being(Line(bytes_per_s=(1e9, 50_000.0))):
        began = time.monotonic()
        assert len(through.get(key)) == 50_000
        assert time.monotonic() - began >= 1.0
    assert proxy.passed[1] > 50_000
    assert proxy.accepted == 1


def test_lost_replies_are_of_requests_that_were_done_and_never_answer_others(
    proxy: Proxy, target: int, settings: WorkerSettings, connect: Callable[..., Any]
) -> None:
    key, direct, through = f"{settings.redis_prefix}n", connect(target), connect(proxy.port)
    through.ping()
    waiting = through.connection
    with proxy.being(Line(drops_replies=True)):
        waiting.send_command("INCR", key)
        until(lambda: proxy.dropped)
    assert direct.get(key) == b"1"
    with pytest.raises(redis.ConnectionError):
        waiting.read_response()
    assert through.incr(key) == 2


def test_what_is_stuck_comes_late(
    proxy: Proxy, target: int, settings: WorkerSettings, connect: Callable[..., Any]
) -> None:
    key, direct, through = f"{settings.redis_prefix}n", connect(target), connect(proxy.port, 0.5)
    through.ping()
    with proxy.being(Line(stuck=True)):
        with pytest.raises(redis.TimeoutError):
            through.incr(key)
        assert direct.get(key) is None
    until(lambda: direct.get(key) == b"1")


def test_cut_and_refused_connections_fail_at_once(proxy: Proxy, connect: Callable[..., Any]) -> None:
    through = connect(proxy.port)
    assert through.ping()
    proxy.cut()
    with pytest.raises(redis.ConnectionError):
        through.ping()
    assert through.ping(), "a new connection is welcome"
    with proxy.being(Line(refused=True)):
        for _ in range(2):  # the connection that there was, then a new one
            with pytest.raises(redis.ConnectionError):
                through.ping()
    assert through.ping()
