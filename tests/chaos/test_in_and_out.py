"""Workers that come and go, one after the other, beside one that stays."""

from collections.abc import Callable
from typing import Final

from fault316_streams.settings import WorkerSettings
from support import until
from trial import Trial
from worker_process import WorkerProcess, Workers

GUESTS: Final = 6
"""A round. Each stays until it is ready, and meanwhile the next one starts: one every 3 s on an idle machine."""


def rebalances(worker: WorkerProcess) -> int:
    """Assignments so far, of both consumer groups."""
    said = worker.log.read_text()
    return said.count('"event": "partitions assigned"') + said.count('"event": "assigned"')


def test_coming_and_going_is_no_rebalance_storm(
    impatient: WorkerSettings, workers: Workers, calm: str, rounds: range, trial: Callable[..., Trial]
) -> None:
    """Each coming and going moves partitions once; when it is over, none moves any more."""

    def start() -> WorkerProcess:
        return workers.start(impatient, "--policy", calm)

    steady = start().ready()
    with trial(impatient, "a worker in and out, beside another") as run:
        run.counting()
        began = rebalances(steady)
        for _ in rounds:
            with run.storm():
                guest = start()
                for _ in range(GUESTS):
                    next_guest = start()
                    guest.ready()
                    with run.injected():
                        assert guest.stop() == 0
                    guest = next_guest
                guest.ready()
                with run.injected():
                    assert guest.stop() == 0
        until(lambda: steady.readyz()["components"]["intake"].get("partitions") == 4)
        steady.ready()
        after = rebalances(steady)
        run.counting(5_000)
        assert rebalances(steady) == after
        print(f"{run.verdict.injected} guests, {after - began} rebalances of two groups")
    assert steady.stop() == 0
