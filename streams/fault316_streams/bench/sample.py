"""What a process is and has done at one moment, from /proc; sums over its threads and children."""

import time
from dataclasses import dataclass
from typing import Self

import psutil


@dataclass(frozen=True, slots=True)
class Sample:
    """Of one process and its children."""

    at_s: float
    """Monotonic."""
    cpu_s: float
    """User and system, since its start."""
    peak_mb: float
    """Largest resident memory so far, MiB; of several processes the sum."""

    @classmethod
    def of(cls, pid: int) -> Self:
        """Now.

        Raises:
            psutil.NoSuchProcess: it has ended.
        """
        root = psutil.Process(pid)
        processes = [root, *root.children(recursive=True)]
        cpu = [process.cpu_times() for process in processes]
        peak_kb = sum(_peak_kb(process.pid) for process in processes)
        return cls(time.monotonic(), sum(each.user + each.system for each in cpu), peak_kb / 1_024)


def _peak_kb(pid: int) -> int:
    with open(f"/proc/{pid}/status") as status:
        return next((int(line.split()[1]) for line in status if line.startswith("VmHWM")), 0)
