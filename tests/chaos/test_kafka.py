"""Kafka is killed under load, and is away when a worker starts."""

from event_flow import EventFlow
from fault316_streams.embedded import Embedded
from fault316_streams.settings import WorkerSettings
from other_client import OtherView
from support import until
from worker_process import WorkerProcess, Workers

BACK_LIMIT_S = 90.0
"""Both clients' backoffs, the session's and the worker's, and where needed a new worker's start."""


class Supervisor:
    """Starts a worker again when it has ended with an error, as any supervisor does."""

    def __init__(self, workers: Workers, settings: WorkerSettings) -> None:
        self._workers = workers
        self._settings = settings
        self.worker = workers.start(settings)
        self.exits: list[int] = []

    def look(self) -> WorkerProcess:
        """The worker, a new one where it had ended."""
        if (code := self.worker.exit_code) is not None:
            assert code != 0, "a worker that gives up says so"
            self.exits.append(code)
            self.worker = self._workers.start(self._settings)
        return self.worker


def test_everything_is_counted_when_kafka_was_killed_under_load(
    pair: Embedded, fragile: WorkerSettings, workers: Workers
) -> None:
    """And /readyz says meanwhile that it is Kafka which is waited for."""
    supervisor = Supervisor(workers, fragile)
    supervisor.worker.ready()
    view = OtherView(fragile)
    with EventFlow(fragile) as flow:
        until(lambda: view.totals().total() > 500)
        pair.stop_kafka(kill=True)
        said = until(lambda: supervisor.look().waits_for("intake"))
        assert "kafka" in said
        pair.start_kafka()
        so_far = flow.produced.total()
        until(lambda: supervisor.look() and flow.produced.total() > so_far + 500)
    until(lambda: supervisor.look() and view.totals() == flow.produced, deadline_s=BACK_LIMIT_S)
    supervisor.worker.ready()
    print(f"exit codes meanwhile: {supervisor.exits}")
    assert supervisor.worker.stop() == 0
    view.close()


def test_a_worker_waits_for_kafka_at_its_start_and_stops_without_it(
    pair: Embedded, fragile: WorkerSettings, workers: Workers
) -> None:
    """It needs no order of starting, nor of stopping."""
    pair.stop_kafka()
    worker = workers.start(fragile)
    try:
        until(lambda: fragile.bootstrap_servers in worker.waits_for("kafka"))
        pair.start_kafka()
        worker.ready()
        pair.stop_kafka(kill=True)
        until(lambda: worker.waits_for("intake"))
        assert worker.stop() == 0
    finally:
        pair.start_kafka()
