"""A real Kafka and a real Redis for every test that asks; each test has names of its own on them."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from testcontainers.community.kafka import KafkaContainer
from testcontainers.community.redis import RedisContainer

from chaos_report import pytest_addoption, pytest_terminal_summary
from fault316_streams.embedded import Embedded, Endpoints
from fault316_streams.settings import WorkerSettings
from redis_cluster import RedisCluster
from redis_sentinel import RedisSentinel
from support import own_settings
from topologies import TOPOLOGIES, settings_on
from worker_process import Workers

__all__ = ["pytest_addoption", "pytest_terminal_summary"]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background of a shell, we ignore Ctrl-C, and every program under test would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoints]:
    """Yours by environment variables, else containers where a docker engine answers, else embedded."""
    kafka, redis = os.environ.get("FAULT316_BOOTSTRAP_SERVERS"), os.environ.get("FAULT316_REDIS_URL")
    if kafka and redis:
        yield Endpoints(kafka, redis)
    elif _docker_answers():
        yield from _containers()
    else:
        embedded = Embedded(tmp_path_factory.mktemp("servers"), kafka_port=0, redis_port=0)
        try:
            yield embedded.up()
        finally:
            embedded.down(wipe=True)


@pytest.fixture
def settings(servers: Endpoints) -> WorkerSettings:
    """Settings with topic and key prefixes that no other test has, so that all can share the servers."""
    return own_settings(servers)


@pytest.fixture(scope="session")
def redis_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    """A Redis Cluster, which stays whole."""
    with RedisCluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def redis_sentinel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisSentinel]:
    """A Redis master that Sentinels watch, and that stays the master."""
    with RedisSentinel(tmp_path_factory.mktemp("sentinel")) as sentinel:
        yield sentinel


@pytest.fixture(params=TOPOLOGIES)
def every_redis(request: pytest.FixtureRequest) -> WorkerSettings:
    """Settings on one server, on a cluster, on a master behind Sentinels."""
    return settings_on(request.param, request)


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    """Starts worker processes, and sees to it that none is left."""
    with Workers(tmp_path) as started:
        yield started


def _docker_answers() -> bool:
    try:
        return (
            subprocess.run(["docker", "info"], capture_output=True, timeout=10, check=False).returncode == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False


def _containers() -> Iterator[Endpoints]:
    kafka = KafkaContainer().with_kraft().with_env("KAFKA_AUTO_CREATE_TOPICS_ENABLE", "false")
    with kafka, RedisContainer("redis:7.4.2-alpine") as redis:
        url = f"redis://{redis.get_container_host_ip()}:{redis.get_exposed_port(6379)}/0"
        yield Endpoints(kafka.get_bootstrap_server(), url)
