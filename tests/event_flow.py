"""Events that keep flowing while a test breaks things. Imported as `event_flow`."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import count
from typing import Final, Self

import orjson

from fault316_streams.partial import SEVERITIES
from fault316_streams.settings import WorkerSettings
from other_client import OtherProducer, fault
from support import until

PAUSE_S: Final = 0.05
PER_TURN: Final = 10
"""200 events a second, plus a storm's: enough for every chunk, flush and checkpoint to be under way when it hurts."""
STORM_PER_TURN: Final = 10
CALM: Final = tuple(f"316-CALM-{letter}" for letter in "ABCDE")


class EventFlow:
    """Another client that writes without pause, from a thread; it knows to the last event what it wrote.

    The calm codes flow from the beginning, `storm` adds one for as long as the test says.
    """

    def __init__(self, settings: WorkerSettings, per_turn: int = PER_TURN) -> None:
        """It flows inside of `with`; `per_turn` events 20 times a second."""
        self.produced: Counter[str] = Counter()
        """Code → events."""
        self.severities: Counter[tuple[str, str]] = Counter()
        """Code and severity → events."""
        self.minutes: Counter[tuple[str, int]] = Counter()
        """Code and epoch minute → events, by their own time."""
        self.storm: str | None = None
        """A code to add."""
        self._per_turn = per_turn
        self._producer = OtherProducer(settings)
        self._stopping = threading.Event()
        self._turn = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._partitions = settings.events_partitions
        """Written to in turn."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Returns once all is acknowledged."""
        self._stopping.set()
        self._thread.join()
        self._producer.flush()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Inside of the block nothing is written, and what was is acknowledged."""
        with self._turn:
            self._producer.flush()
            yield

    def spread(self, partitions: int) -> None:
        """Write to so many from now on; returns when the producer knows of them."""
        until(lambda: self._producer.partitions() == partitions)
        self._partitions = partitions

    def forget(self, value: bytes) -> None:
        """Nobody can count this event, because it was deleted before it was read. Call it where the flow is held."""
        event = orjson.loads(value)
        code, weight, severity = event["code"], event["count"], event["severity"]
        minute = int(datetime.fromisoformat(event["occurred_at"]).timestamp()) // 60
        self.produced -= Counter({code: weight})
        self.severities -= Counter({(code, severity): weight})
        self.minutes -= Counter({(code, minute): weight})

    def _run(self) -> None:
        numbers = count()
        while not self._stopping.wait(PAUSE_S):
            with self._turn:
                self._write(numbers)

    def _write(self, numbers: Iterator[int]) -> None:
        codes = [CALM[n % len(CALM)] for n in range(self._per_turn)]
        if storm := self.storm:
            codes += [storm] * STORM_PER_TURN
        for code in codes:
            self._send(next(numbers), code)

    def _send(self, number: int, code: str) -> None:
        weight, severity, at_s = 1 + number % 3, SEVERITIES[number % 4], time.time()
        event = fault(code, at_s=at_s, id=f"e{number}", count=weight, severity=severity)
        self._producer.send(event, number % self._partitions)
        self.produced[code] += weight
        self.severities[code, severity] += weight
        self.minutes[code, int(at_s) // 60] += weight
