"""Events that keep flowing while a test breaks things. Imported as `event_flow`."""

import threading
from collections import Counter
from itertools import count
from typing import Final, Self

from fault316_streams.settings import WorkerSettings
from other_client import OtherProducer, fault

PAUSE_S: Final = 0.05
PER_TURN: Final = 10
"""200 events a second, plus a storm's: enough for every chunk, flush and checkpoint to be under way when it hurts."""
STORM_PER_TURN: Final = 10
CALM: Final = ("316-CONN-ERR", "316-TIMEOUT-ERR", "316-OP-FAIL", "316-MEM-HIGH", "316-DB-DEADLOCK")


class EventFlow:
    """Another client that writes without pause, from a thread; it knows to the last event what it wrote.

    The calm codes flow from the beginning, `storm` adds one for as long as the test says.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        """It flows inside of `with`."""
        self.produced: Counter[str] = Counter()
        self.storm: str | None = None
        """A code to add."""
        self._producer = OtherProducer(settings)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._partitions = settings.events_partitions

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Returns once all is acknowledged."""
        self._stopping.set()
        self._thread.join()
        self._producer.flush()

    def _run(self) -> None:
        numbers = count()
        while not self._stopping.wait(PAUSE_S):
            storm = self.storm
            for code in [CALM[n % len(CALM)] for n in range(PER_TURN)] + [storm] * STORM_PER_TURN * bool(
                storm
            ):
                number = next(numbers)
                weight = 1 + number % 3
                assert code is not None
                self._producer.send(fault(code, id=f"e{number}", count=weight), number % self._partitions)
                self.produced[code] += weight
