"""`kill -9` of an alert consumer at any moment: it handles every alert, and with marks of its own each once.

`--rounds 50` kills 50 times.
"""

import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from fault316.testing import storm_alert
from fault316_streams.settings import WorkerSettings
from handled_once import marks_of
from other_client import OtherProducer, OtherView
from support import until
from worker_process import environment

TESTS: Final = Path(__file__).parents[1]
PROGRAMS: Final = {"kafka": TESTS / "feed_process.py", "redis": TESTS / "redis_feed_process.py"}
GROUPS: Final = 5
"""Consumers at a time, each in a group of its own: what is waited for is that Kafka gives up a killed one's session."""
KILLS_MIN: Final = 5
ALERTS_A_KILL: Final = 20
ALERT_S: Final = 0.01
LIMIT_S: Final = 90.0
"""For a session to end, and a program to start, beside others."""


@dataclass
class Consumer:
    """A program that is started again when it was killed."""

    program: Path
    settings: WorkerSettings
    group: str
    file: Path

    def handled(self) -> list[str]:
        """The alerts' ids, as often as they were handled."""
        return self.file.read_text().split()

    def killed(self, times: int, names: set[str]) -> int:
        """Start it and kill it, so often, then let it handle the rest; how often it was killed in the midst."""
        self.file.touch()
        in_the_midst = 0
        for _ in range(times):
            before = len(self.handled())

            def goes_on(before: int = before) -> bool:
                handled = self.handled()
                return len(handled) > before or set(handled) == names

            self._run_until(goes_on, random.uniform(0, 0.1))
            in_the_midst += set(self.handled()) != names
        self._run_until(lambda: set(self.handled()) == names)
        return in_the_midst

    def _run_until(self, condition: Callable[[], bool], more_s: float = 0.0) -> None:
        with self.file.with_suffix(".log").open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, str(self.program), self.group, str(self.file), str(ALERT_S)],
                env=environment(self.settings),
                stderr=log,
            )
        try:
            until(condition, deadline_s=LIMIT_S)
            time.sleep(more_s)
        finally:
            child.kill()
            child.wait()


def publish(settings: WorkerSettings, source: str, names: list[str]) -> None:
    """As a worker does, by another team's client."""
    values = [storm_alert(alert_id=name).to_json() for name in names]
    if source == "kafka":
        OtherProducer(settings, settings.topics.alerts).send_all(values)
    else:
        view = OtherView(settings)
        for value in values:
            view.redis.xadd(settings.keys.alerts, {"alert": value})
        view.close()


@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("source", ["kafka", "redis"])
def test_a_consumer_killed_at_random_handles_every_alert(
    source: str, topics: WorkerSettings, tmp_path: Path, request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> None:  # fmt: skip
    """At least once each; what it was at when it was killed, and nothing else, may come twice."""
    kills = max(KILLS_MIN, request.config.getoption("--rounds")) // GROUPS
    names = [f"a{number}" for number in range(ALERTS_A_KILL * (kills + 1))]
    publish(topics, source, names)
    consumers = [
        Consumer(PROGRAMS[source], topics, f"{topics.topic_prefix}{number}", tmp_path / f"{number}.txt")
        for number in range(GROUPS)
    ]
    with ThreadPoolExecutor(GROUPS) as threads:
        in_the_midst = sum(threads.map(lambda one: one.killed(kills, set(names)), consumers))
    repeats = 0
    for consumer in consumers:
        times = Counter(consumer.handled())
        assert times.keys() == set(names)
        assert times.total() - len(times) <= kills
        repeats += times.total() - len(times)
        assert sorted(marks_of(consumer.file).read_text().split()) == sorted(names), "each once"
    figures = {
        "kills": kills * GROUPS, "in_the_midst": in_the_midst, "alerts": len(names) * GROUPS, "repeats": repeats,
    }  # fmt: skip
    record_property(source, figures)
    print(source, figures)
