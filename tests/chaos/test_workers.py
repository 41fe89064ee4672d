"""Workers that stop, crash, hang and come back, while partitions move: nothing is lost, doubled or said twice."""

from collections.abc import Callable
from typing import Final

import pytest

from fault316_streams.settings import WorkerSettings
from support import until
from trial import Trial
from worker_process import WorkerProcess, Workers

MOVED_LIMIT_S: Final = 60.0
"""A session timeout of 6 s, a rebalance, the recovery of the tables: some 10 s on an idle machine."""


def shared_by(*workers: WorkerProcess) -> None:
    """Wait until these read the 4 source partitions, each as many."""

    def is_shared() -> bool:
        intakes = [worker.readyz()["components"]["intake"] for worker in workers]
        return all(intake.get("partitions") == 4 / len(workers) for intake in intakes)

    until(is_shared, deadline_s=MOVED_LIMIT_S)


def test_partitions_move_from_a_stopped_and_from_a_killed_worker(
    impatient: WorkerSettings, workers: Workers, calm: str, rounds: range, trial: Callable[..., Trial]
) -> None:
    """Two share; one is stopped, another joins, one is killed. A storm is on at each of these moments."""

    def start() -> WorkerProcess:
        return workers.start(impatient, "--policy", calm)

    pair = [start()]
    with trial(impatient, "SIGTERM, a newcomer, kill -9: partitions move") as run:
        for _ in rounds:
            pair.append(start().ready())
            shared_by(*pair)
            with run.storm(), run.injected():
                assert pair.pop(0).stop() == 0
                shared_by(*pair)
            with run.storm(), run.injected():
                pair.append(start().ready())
                shared_by(*pair)
            with run.storm(), run.injected():
                pair.pop(0).kill()
                shared_by(*pair)
    assert pair[0].stop() == 0


@pytest.mark.parametrize("end", [WorkerProcess.stop, WorkerProcess.kill])
def test_a_restarted_worker_counts_on_and_ends_the_storm_that_it_finds(
    impatient: WorkerSettings,
    workers: Workers,
    calm: str,
    rounds: range,
    trial: Callable[..., Trial],
    end: Callable[[WorkerProcess], object],
) -> None:
    """Alone, stopped or killed in the middle of a storm: the same storm goes on, and is resolved under its id."""
    worker = workers.start(impatient, "--policy", calm).ready()
    with trial(impatient, f"the only worker, by {end.__name__}, started again") as run:
        for _ in rounds:
            with run.storm() as code:
                with run.injected():
                    end(worker)
                    worker = workers.start(impatient, "--policy", calm).ready()
                assert "resolved" not in run.transitions(code)
    assert worker.stop() == 0


def test_a_worker_that_wakes_too_late_disturbs_nothing(
    impatient: WorkerSettings, workers: Workers, calm: str, rounds: range, trial: Callable[..., Trial]
) -> None:
    """It hung until another had its partitions; what it still says and writes then is known already."""
    sleeper, other = (workers.start(impatient, "--policy", calm) for _ in range(2))
    with trial(impatient, "SIGSTOP past the session timeout, SIGCONT") as run:
        for _ in rounds:
            shared_by(sleeper, other)
            with run.storm(), run.injected():
                sleeper.pause()
                shared_by(other)
            with run.storm(), run.injected():
                sleeper.wake()
                shared_by(sleeper, other)
    assert (sleeper.stop(), other.stop()) == (0, 0)
