"""`MemoryWatch`: says that memory runs out while there is still some to say it with."""

import logging
import tracemalloc
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import psutil

from fault316.integrations._crossing import Crossing
from fault316.integrations._reports import Reports, or_process
from fault316.integrations._startable import Watching

MEM_HIGH: Final = "316-MEM-HIGH"

LIMIT_PERCENT: Final = 90.0
INTERVAL_S: Final = 5.0
TOP: Final = 5
TOP_MAX: Final = 20
"""An event has at most 32 attributes."""
REARM_AT: Final = 0.9
"""Of the limit: 81 % with the default."""
SNAPSHOT_FACTOR: Final = 4
"""A snapshot of tracemalloc takes so many times the memory that tracemalloc itself holds: 170 MiB for a million
objects."""
MIB: Final = 1_048_576

logger = logging.getLogger("fault316")


@dataclass(frozen=True, slots=True)
class Reading:
    """Memory at one moment, in bytes."""

    process: int
    """Resident, of this process."""
    used: int
    """Of the whole, by all processes, without what the system can take back at once."""
    whole: int
    where: str
    """What the whole is: `container` or `machine`."""

    @property
    def room(self) -> int:
        """What may still be taken."""
        return self.whole - self.used


class MemoryWatch(Watching):
    """Looks every `interval_s` from a daemon thread, or whenever you call `look`.

        MemoryWatch(limit_percent=90).start()

    Reports `316-MEM-HIGH` when the container's memory (cgroup v2), or the machine's where no limit is set on this
    process's own cgroup, is in use above `limit_percent`, or this process has more than `limit_bytes`; and again after
    it was a tenth below that. Where tracemalloc is on, the largest consumers are told by file and line, if there is
    still room for that: for a million objects it takes 170 MiB, 2 s of CPU in the watching thread, and 0.3 s in which
    no other thread runs; once per crossing.

    It watches the process that it is started in: after a fork, start another.

    Args:
        limit_percent: above 0, at most 100; None: no matter how much.
        limit_bytes: of this process, resident; None: no matter how much.
        interval_s: between two looks of the thread.
        top: largest consumers that are told, at most 20.
        reporter: by default what `fault316.init` has made.

    Raises:
        ValueError: a limit, `interval_s` or `top` is out of range, or there is no limit.
    """

    def __init__(
        self,
        *,
        limit_percent: float | None = LIMIT_PERCENT,
        limit_bytes: int | None = None,
        interval_s: float = INTERVAL_S,
        top: int = TOP,
        reporter: Reports | None = None,
    ) -> None:
        if limit_percent is None and limit_bytes is None:
            raise ValueError("limit_percent or limit_bytes should be given")
        if limit_percent is not None and limit_percent > 100:
            raise ValueError("limit_percent should be at most 100")
        if not interval_s > 0 or not 0 <= top <= TOP_MAX:
            raise ValueError(f"interval_s should be above 0, top between 0 and {TOP_MAX}")
        super().__init__()
        self._share = _crossing(None if limit_percent is None else limit_percent / 100)
        self._own = _crossing(limit_bytes)
        self._interval_s = interval_s
        self._top = top
        self._reporter = or_process(reporter)

    def start(self) -> None:
        """See `Startable`."""
        if self._thread is None:
            self._begin("fault316-memory", self._watch)

    def look(self) -> bool:
        """Measure now; whether it was reported. A measurement that fails is logged, and says nothing."""
        try:
            reading = read_memory()
        except (psutil.Error, OSError) as error:
            logger.warning("memory cannot be read: %s", error)
            return False
        share_high = self._share is not None and self._share.look(reading.used / reading.whole)
        own_high = self._own is not None and self._own.look(reading.process)
        if share_high or own_high:
            self._report(reading)
        return share_high or own_high

    def _watch(self) -> None:
        while not self._stopping.wait(self._interval_s):
            self.look()

    def _report(self, reading: Reading) -> None:
        percent = round(100 * reading.used / reading.whole, 1)
        whole = f"{percent} % of the {reading.where}'s {reading.whole // MIB:,} MiB"
        attributes: dict[str, str | int | float] = {
            "process_bytes": reading.process,
            "used_percent": percent,
            "used_of": reading.where,
        }
        attributes |= {
            f"largest_{place}": one for place, one in enumerate(largest(self._top, reading.room), 1)
        }
        self._reporter.report(
            MEM_HIGH,
            message=f"{whole} are in use, {reading.process // MIB:,} MiB by this process",
            attributes=attributes,
        )


def largest(top: int, room_bytes: int) -> list[str]:
    """The lines of code whose objects take most, by tracemalloc; nothing where that is off, or there is no room."""
    if not top or not tracemalloc.is_tracing():
        return []
    if SNAPSHOT_FACTOR * tracemalloc.get_tracemalloc_memory() > room_bytes:  # it would be the last straw
        return []
    try:
        lines = tracemalloc.take_snapshot().statistics("lineno")
    except MemoryError:
        return []
    # Only now: the snapshot's own filter looks at each object, which takes twice as long as all the rest.
    found = (line for line in lines if line.traceback[0].filename != tracemalloc.__file__)
    return [
        f"{line.traceback[0]}: {line.size / MIB:.1f} MiB in {line.count:,} objects"
        for line in islice(found, top)
    ]


def read_memory() -> Reading:
    """Raises `psutil.Error` or OSError where the system does not say."""
    process = psutil.Process().memory_info().rss
    if (container := container_memory()) is not None:
        used, whole = container
        return Reading(process, used, whole, "container")
    machine = psutil.virtual_memory()
    return Reading(process, machine.total - machine.available, machine.total, "machine")


def container_memory(
    groups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")
) -> tuple[int, int] | None:
    """Bytes in use and the limit of this process's cgroup (v2); None where it has no limit.

    As Kubernetes reckons: files that are only cached, and were not used lately, are not in use.
    """
    try:
        path = next(line for line in own.read_text().splitlines() if line.startswith("0::"))
        group = groups / path.removeprefix("0::").strip("/")
        limit = int((group / "memory.max").read_text())
        used = int((group / "memory.current").read_text())
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        return max(0, used - int(stat.get("inactive_file", 0))), limit
    except (OSError, ValueError, StopIteration):  # another system, "max", or cgroup v1
        return None


def _crossing(limit: float | None) -> Crossing | None:
    return None if limit is None else Crossing(limit, REARM_AT * limit)
