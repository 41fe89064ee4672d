"""What a real worker says while it waits: on /readyz in words, in a metric for how long."""

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fault316_streams.embedded import Embedded
from fault316_streams.settings import WorkerSettings
from support import own_settings, until
from worker_process import WorkerProcess, Workers

COMPONENTS = {"kafka", "intake", "detect", "redis", "alerts", "watchdog"}


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Embedded]:
    """Servers that this module may stop."""
    embedded = Embedded(tmp_path / "pair", kafka_port=0, redis_port=0)
    try:
        yield embedded
    finally:
        embedded.down(wipe=True)


def waits(worker: WorkerProcess) -> dict[str, float]:
    """Component → seconds, of those that the metric says wait."""
    with urllib.request.urlopen(f"http://127.0.0.1:{worker.http_port}/metrics", timeout=5) as answer:
        families = text_string_to_metric_families(answer.read().decode())
    [waiting] = [family for family in families if family.name == "fault316_waiting_seconds"]
    seconds = {sample.labels["component"]: sample.value for sample in waiting.samples}
    assert set(seconds) == COMPONENTS
    return {component: waited_s for component, waited_s in seconds.items() if waited_s > 0}


def test_what_is_waited_for_is_named_and_timed(pair: Embedded, workers: Workers) -> None:
    """Redis goes and comes, then Kafka: the part that waits is the one that says so, in words and in the metric."""
    settings: WorkerSettings = own_settings(pair.up())
    worker = workers.start(settings).ready()
    until(lambda: waits(worker) == {})
    pair.stop_redis(kill=True)
    until(lambda: set(waits(worker)) == {"redis"})
    assert "FAULT316_REDIS_URL" in worker.waits_for("redis")
    pair.start_redis()
    until(lambda: waits(worker) == {})
    pair.stop_kafka(kill=True)
    until(lambda: "intake" in waits(worker))
    assert settings.bootstrap_servers in worker.waits_for("intake")
    longer = waits(worker)["intake"] + 2
    until(lambda: waits(worker)["intake"] > longer)
    pair.start_kafka()
    until(lambda: waits(worker) == {})
    assert worker.stop() == 0
