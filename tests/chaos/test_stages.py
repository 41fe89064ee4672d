"""Workers of one stage each, killed at random: either kind's crash is no business of the other's."""

import time
from collections.abc import Callable
from random import Random

from fault316_streams.settings import WorkerSettings
from trial import Trial
from worker_process import WorkerProcess, Workers


def test_another_worker_of_the_same_stage_takes_over(
    impatient: WorkerSettings, workers: Workers, calm: str, rounds: range, trial: Callable[..., Trial]
) -> None:
    """Two of each stage, and `kill -9` of one of either, at its own moment in a storm."""
    rng = Random(316)

    def start(stages: str) -> WorkerProcess:
        return workers.start(impatient, "--stages", stages, "--policy", calm)

    pairs = {stages: [start(stages), start(stages)] for stages in ("intake", "detect")}
    with trial(impatient, "kill -9 of one of two workers, by stages") as run:
        for _ in rounds:
            for stages, pair in pairs.items():
                for worker in pair:
                    worker.ready()
                victim = rng.randrange(2)
                with run.storm():
                    time.sleep(rng.uniform(0, 2))
                    with run.injected():
                        pair[victim].kill()
                pair[victim] = start(stages)
