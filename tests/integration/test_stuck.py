"""A worker that has work and makes no progress ends, so that another can take over; which is told in its log."""

import sys
from typing import ClassVar

import pytest

from fault316_streams.settings import WorkerSettings
from other_client import OtherProducer, OtherView, fault
from support import until
from worker_process import WorkerProcess, Workers

STALL_LIMIT_S = 10
"""The shortest that the settings allow."""
CODE = "316-STUCK-ERR"


class StuckWorker(WorkerProcess):
    """One whose merger comes to a stop with the first message."""

    how: ClassVar[str]
    command: ClassVar[list[str]]

    def __init_subclass__(cls) -> None:
        source = (
            "import asyncio, time\n"
            "from fault316_streams.cli import main\n"
            "from fault316_streams.pipeline import Pipeline\n"
            "from fault316_streams.detector import Detector\n"
            f"{cls.how}\n"
            "main()\n"
        )
        cls.command = [sys.executable, "-c", source, "worker"]


class Waits(StuckWorker):
    """It waits for what never comes; all else goes on."""

    how = "Detector._restore = lambda self, partition, resume_at, table: asyncio.Event().wait()"


class Hangs(StuckWorker):
    """It keeps the event loop to itself."""

    how = "Pipeline.feed = lambda self, message, offset: time.sleep(3600)"


@pytest.mark.parametrize(
    ("kind", "says"), [(Waits, '"event": "stuck"'), (Hangs, "in _hear")], ids=["waits", "hangs"]
)
def test_a_stuck_merger_ends_its_worker_and_the_next_one_counts_all(
    topics: WorkerSettings, workers: Workers, kind: type[WorkerProcess], says: str
) -> None:
    stuck = workers.start(topics, kind=kind, stall_limit_s=STALL_LIMIT_S, session_timeout_s=6)
    until(lambda: stuck.exit_code is None and "assigned" in stuck.log.read_text())
    OtherProducer(topics).send_all([fault(CODE)] * 100)
    until(lambda: stuck.exit_code is not None, deadline_s=90)
    assert stuck.exit_code == 1
    assert says in stuck.log.read_text()
    workers.start(topics)
    view = OtherView(topics)
    until(lambda: view.totals() == {CODE: 100}, deadline_s=60)
    view.close()
