"""`faust -A fault316_streams.app worker`, for those who deploy Faust applications already."""

import sys
from pathlib import Path
from typing import ClassVar

from fault316_streams.settings import WorkerSettings
from other_client import OtherConsumer, OtherProducer, OtherView, fault
from support import until
from worker_process import WorkerProcess, Workers

CODE = "316-OP-FAIL"


class FaustWorker(WorkerProcess):
    """The same worker, run by Faust's own command."""

    command: ClassVar[list[str]] = [
        str(Path(sys.executable).with_name("faust")), "-A", "fault316_streams.app", "worker", "-l", "info",
    ]  # fmt: skip


def test_fausts_own_command_counts_alerts_and_stops(settings: WorkerSettings, workers: Workers) -> None:
    """On a Kafka that has no topics yet; twice, so that the second one goes on where the first one stopped."""
    producer, view = OtherProducer(settings), OtherView(settings)
    for run in (1, 2):
        worker = workers.start(settings, kind=FaustWorker).ready()
        producer.send_all([fault(CODE)] * 100)
        until(lambda run=run: view.totals() == {CODE: 100 * run})  # type: ignore[misc]
        assert worker.stop() == 0, worker.last_words()
    alerts = OtherConsumer(settings, settings.topics.alerts)
    until(lambda: [alert["transition"] for alert in alerts.alerts()][:1] == ["opened"])
    alerts.close()
    view.close()
