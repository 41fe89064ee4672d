"""`kill -9` of one of two workers, at any moment, with a storm on."""

import time
from collections.abc import Callable
from random import Random

from fault316_streams.settings import WorkerSettings
from trial import Trial
from worker_process import Workers


def test_the_other_worker_takes_over_from_a_killed_one(
    impatient: WorkerSettings, workers: Workers, calm: str, rounds: range, trial: Callable[..., Trial]
) -> None:
    """Its own moment for each, from a seed."""
    rng = Random(316)
    pair = [workers.start(impatient, "--policy", calm) for _ in range(2)]
    for worker in pair:
        worker.ready()
    with trial(impatient, "kill -9 of one of two workers") as run:
        run.counting()
        for _ in rounds:
            with run.storm():
                victim = rng.randrange(2)
                time.sleep(rng.uniform(0, 2))
                with run.injected():
                    pair[victim].kill()
            pair[victim] = workers.start(impatient, "--policy", calm).ready()
