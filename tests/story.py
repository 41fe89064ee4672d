"""Stories for the judge: so many events a second for so long, told to the real pipeline."""

import math
import random
from typing import Self

from fault316_schemas import StormAlert
from fault316_streams.detect import Baseline, PolicyBook
from fault316_streams.partial import Contribution, Partial, Progress, Spoken, Tick
from fault316_streams.pipeline import Pipeline
from fault316_streams.state import STATE_VERSION, CodeState

T = 1_790_000_000
CODE = "316-ORDER-SUBMIT-ERR"


class Story:
    """One code, one source partition. `behind`: read as a backlog, hours later; `normal_per_s`: a code
    that has been known for half an hour."""

    def __init__(
        self,
        book: PolicyBook | None = None,
        severity: int = 1,
        behind: bool = False,
        normal_per_s: float | None = None,
        seed: int = 0,
    ) -> None:
        self.pipeline = Pipeline(0, book or PolicyBook())
        self.severity = severity
        self.alerts: list[StormAlert] = []
        self.now_s = T
        self.upto = 0
        self.offset = 0
        self.events: dict[int, int] = {}
        self._behind = behind
        self._rng = random.Random(seed)
        if normal_per_s is not None:
            self._knows(normal_per_s)

    @property
    def state(self) -> CodeState:
        return self.pipeline.codes[CODE]

    def at(self, per_s: int, for_s: int) -> Self:
        """Exactly `per_s` events in each of `for_s` seconds."""
        for _ in range(for_s):
            self._second(per_s)
        return self

    def noise(self, per_s: float, for_s: int) -> Self:
        """Poisson counts (Knuth's multiplication method)."""
        for _ in range(for_s):
            count, product, limit = 0, self._rng.random(), math.exp(-per_s)
            while product > limit:
                count += 1
                product *= self._rng.random()
            self._second(count)
        return self

    def burst(self, events: int) -> Self:
        """All at once, in one second."""
        return self.at(events, 1)

    def between(self, begin_s: int, alert: StormAlert) -> int:
        """Events from `begin_s` (after T) to the moment of an alert."""
        end = round(alert.at.timestamp())
        return sum(n for second, n in self.events.items() if T + begin_s <= second <= end)

    def _knows(self, per_s: float) -> None:
        """As after half an hour at this rate, Poisson distributed."""
        state = CodeState(STATE_VERSION, CODE)
        buckets, mean = 180, per_s * 10
        state.judge.baseline = Baseline(T, buckets * 10, buckets * mean, buckets * (mean + mean * mean))
        self.pipeline.restore([state])

    def _second(self, events: int) -> None:
        if events:
            severity = [0, 0, 0, 0]
            severity[self.severity] = events
            ms = self.now_s * 1_000
            said = Contribution(seconds={self.now_s: events}, severity=severity, first_ms=ms, last_ms=ms)
            start, self.upto = self.upto, self.upto + events
            self.events[self.now_s] = events
            wall_ms = ms + (7_200_000 if self._behind else 0)
            self._feed(Partial(1, 0, start, self.upto, ms, wall_ms, not self._behind, {CODE: said}))
        self.now_s += 1
        self._feed(self._tick())

    def _tick(self) -> Tick:
        ms = self.now_s * 1_000
        wall_ms = ms + (7_200_000 if self._behind else 0)
        return Tick(1, wall_ms, 1, {0: Progress(self.upto, ms, not self._behind)})

    def _feed(self, message: Spoken) -> None:
        self.offset += 1
        self.alerts += self.pipeline.feed(message, self.offset).alerts
