"""The disk under Kafka is full: it takes nothing more, gives its log up and halts; then there is room again."""

import resource
from collections.abc import Callable

import psutil

from fault316_streams.embedded import Embedded
from fault316_streams.settings import WorkerSettings
from support import until
from trial import Trial
from worker_process import Workers


def fill_disk(kafka_pid: int) -> None:
    """As if it were full, which needs no rights: no file of the broker may grow further from now on.

    The JVM ignores the signal that comes with this, and the write fails as it does for want of space.
    """
    psutil.Process(kafka_pid).rlimit(psutil.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))


def test_a_full_disk_under_kafka_costs_nothing_once_there_is_room(
    pair: Embedded,
    fragile: WorkerSettings,
    workers: Workers,
    calm: str,
    rounds: range,
    trial: Callable[..., Trial],
) -> None:
    """Kafka halts by itself; what it had not acknowledged by then is said again."""
    both = workers.start(fragile, "--processes", "2", "--policy", calm).ready()
    with trial(fragile, "full disk under kafka") as run:
        for _ in rounds:
            run.counting()
            with run.storm() as code:
                pass
            run.resolved(code)
            with run.injected():
                assert pair.kafka_pid is not None
                fill_disk(pair.kafka_pid)
                until(lambda: pair.kafka_pid is None, deadline_s=60)
                both.until_waiting("intake", "kafka")
                pair.start_kafka()
            both.ready()
        with run.storm():
            pass
    assert both.stop() == 0
