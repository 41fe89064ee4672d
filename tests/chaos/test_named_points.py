"""`kill -9` at named points: whatever a crash separates, nothing of it is lost, doubled or said twice."""

import signal
from collections.abc import Callable, Iterator
from itertools import cycle
from random import Random
from typing import Final

import pytest

from crashing_worker import DETECT, INTAKE, CrashingWorker, Point
from fault316_streams.settings import WorkerSettings
from other_client import OtherConsumer, OtherProducer
from support import until
from trial import Trial
from worker_process import WorkerProcess, Workers

PER_TURN: Final = 100
"""2,000 events a second, so that chunks of 4,096 are complete, and committed, within seconds."""


class Lives:
    """A stage's only worker, life after life: each ends at its own point, but for the last."""

    def __init__(
        self, stages: str, points: dict[str, Point], rounds: range, start: Callable[..., WorkerProcess]
    ) -> None:
        self.crashes = 0
        self._stages = stages
        self._ahead = self._ends(points, rounds)
        self._start = start
        self._begin()

    def look(self) -> None:
        """Begin the next life where one has ended."""
        if self._worker.exit_code is not None:
            assert self._worker.exit_code == -signal.SIGKILL, self._worker.last_words()
            self.crashes += 1
            self._begin()

    @property
    def last(self) -> bool:
        """Whether this life is the last one."""
        return self._end is None

    def _ends(self, points: dict[str, Point], rounds: range) -> Iterator[tuple[str, int]]:
        rng = Random(316)
        for _ in rounds:
            yield from ((name, rng.randint(1, point.calls)) for name, point in points.items())

    def _begin(self) -> None:
        self._end = next(self._ahead, None)
        options = ("--stages", self._stages)
        if self._end is None:
            self._worker = self._start(*options)
        else:
            self._worker = self._start(*map(str, self._end), *options, kind=CrashingWorker)


class BadEvents:
    """What no intake can decode."""

    def __init__(self, settings: WorkerSettings) -> None:
        self.sent = 0
        self._producer = OtherProducer(settings)
        self._partitions = cycle(range(settings.events_partitions))

    def send(self) -> None:
        """One more."""
        self._producer.send(b"not an event", next(self._partitions))
        self.sent += 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_at_any_point_costs_nothing(
    impatient: WorkerSettings,
    workers: Workers,
    calm: str,
    rounds: range,
    trial: Callable[..., Trial],
    when: str,
) -> None:
    """An intake and a detect, each killed at one point after the other, while storms come and go."""

    def start(*options: str, kind: Callable[..., WorkerProcess] = WorkerProcess) -> WorkerProcess:
        return workers.start(impatient, *options, "--policy", calm, kind=kind)

    def lives(stages: str, points: dict[str, Point]) -> Lives:
        return Lives(stages, {name: p for name, p in points.items() if p.when == when}, rounds, start)

    intake, detect, bad = lives("intake", INTAKE), lives("detect", DETECT), BadEvents(impatient)
    letters = OtherConsumer(impatient, impatient.topics.dead_letters)

    def look() -> None:
        intake.look()
        detect.look()
        bad.send()

    with trial(impatient, f"kill -9 {when} a named point", watch=look, per_turn=PER_TURN) as run:
        while not (intake.last and detect.last):
            with run.storm():
                run.counting()
        run.verdict.injected = intake.crashes + detect.crashes
    until(lambda: len({letter.key() for letter in letters.read()}) == bad.sent)
    letters.close()
