"""`kill -9` of one of two workers, at any moment, with a storm on."""

import time
from collections.abc import Callable
from random import Random

from fault316_streams.settings import WorkerSettings
from support import until
from trial import Trial
from worker_process import Workers


def test_the_other_worker_takes_over_from_a_killed_one(
    impatient: WorkerSettings, workers: Workers, calm: str, rounds: range, trial: Callable[..., Trial]
) -> None:
    """Its own moment for each, from a seed."""
    rng = Random(316)
    pair = [workers.start(impatient, "--policy", calm) for _ in range(2)]
    with trial(impatient, "kill -9 of one of two workers") as run:
        for _ in rounds:
            for worker in pair:
                worker.ready()
            victim = rng.randrange(2)
            with run.storm():
                time.sleep(rng.uniform(0, 2))
                with run.injected():
                    pair[victim].kill()
            pair[victim] = workers.start(impatient, "--policy", calm)


def test_a_supervisor_starts_its_killed_worker_again(
    impatient: WorkerSettings, workers: Workers, calm: str, rounds: range, trial: Callable[..., Trial]
) -> None:
    """`fault316 worker --processes 2`: one is killed, then the other."""
    rng = Random(316)
    supervisor = workers.start(impatient, "--processes", "2", "--policy", calm, http_port=0)
    with trial(impatient, "kill -9 of each of --processes 2") as run:
        run.counting()
        for _ in rounds:
            for number in range(2):
                until(lambda: len(supervisor.children()) == 2)
                with run.storm():
                    time.sleep(rng.uniform(0, 2))
                    with run.injected():
                        supervisor.children()[number].kill()
    assert supervisor.stop() == 0
