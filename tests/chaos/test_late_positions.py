"""A worker hangs when its tables are recovered, just before it asks where to go on; meanwhile another goes on."""

from collections.abc import Callable
from typing import Final

import psutil

from crashing_worker import CrashingWorker
from fault316_streams.settings import WorkerSettings
from support import until
from trial import Trial
from worker_process import Workers

CHECKPOINT_S: Final = 5.0
"""Of the one that goes on, so that the hanging one's first, when it wakes, has heard of more."""


def test_tables_and_positions_fit_however_long_a_recovery_hangs(
    impatient: WorkerSettings, workers: Workers, calm: str, rounds: range, trial: Callable[..., Trial]
) -> None:
    """What the other heard is not in the hanging one's tables, so it must not go on where the other is."""
    seldom = impatient.model_copy(update={"checkpoint_s": CHECKPOINT_S})
    other = workers.start(seldom, "--policy", calm, "--stages", "detect").ready()
    workers.start(impatient, "--stages", "intake").ready()
    with trial(impatient, "SIGSTOP between a recovery and its end") as run:
        run.counting()
        for _ in rounds:
            options = ("tables are recovered", "1", "--policy", calm, "--stages", "detect")
            sleeper = workers.start(impatient, *options, kind=CrashingWorker)
            until(lambda: psutil.Process(sleeper.pid).status() == psutil.STATUS_STOPPED)  # noqa: B023
            with run.storm(), run.injected():
                until(lambda: other.readyz()["components"]["detect"].get("partitions") == 4)
                run.counting(2_000)
                sleeper.wake()
                sleeper.ready()
            assert sleeper.stop() == 0
