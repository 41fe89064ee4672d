"""Kafka is killed under load, and is away when a worker starts or stops."""

from collections.abc import Callable

from fault316_streams.embedded import Embedded
from fault316_streams.settings import WorkerSettings
from trial import Trial
from worker_process import Workers


def test_everything_is_counted_when_kafka_was_killed_under_load(
    pair: Embedded,
    fragile: WorkerSettings,
    workers: Workers,
    calm: str,
    rounds: range,
    trial: Callable[..., Trial],
) -> None:
    """And /readyz says meanwhile that it is Kafka which is waited for.

    Storms are over when Kafka dies: what producers could not send meanwhile comes late, and is judged so.
    """
    both = workers.start(fragile, "--processes", "2", "--policy", calm).ready()
    with trial(fragile, "kafka killed and restarted") as run:
        for _ in rounds:
            run.counting()
            with run.storm() as code:
                pass
            run.resolved(code)
            with run.injected():
                pair.stop_kafka(kill=True)
                both.until_waiting("intake", "kafka")
                pair.start_kafka()
            both.ready()
        with run.storm():
            pass
    assert both.stop() == 0


def test_a_worker_waits_for_kafka_at_its_start_and_stops_without_it(
    pair: Embedded,
    fragile: WorkerSettings,
    workers: Workers,
    calm: str,
    rounds: range,
    trial: Callable[..., Trial],
) -> None:
    """It needs no order of starting, nor of stopping."""
    worker = workers.start(fragile, "--policy", calm).ready()
    with trial(fragile, "worker starts and stops without kafka") as run:
        for _ in rounds:
            run.counting()
            with run.injected():
                pair.stop_kafka(kill=True)
                worker.until_waiting("intake", "kafka")
                assert worker.stop() == 0
                worker = workers.start(fragile, "--policy", calm)
                worker.until_waiting("kafka", fragile.bootstrap_servers)
                pair.start_kafka()
        with run.storm():
            pass
    assert worker.stop() == 0
