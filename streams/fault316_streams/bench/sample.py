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
    memory_mb: float
    """Resident, MiB."""
    peak_mb: float
    """The largest so far; of several processes the sum."""

    @classmethod
    def of(cls, pid: int) -> Self:
        """Now.

        Raises:
            psutil.NoSuchProcess: it has ended.
        """
        root = psutil.Process(pid)
        processes = [root, *root.children(recursive=True)]
        cpu = [process.cpu_times() for process in processes]
        memory_kb, peak_kb = (
            sum(column) for column in zip(*(_memory_kb(each.pid) for each in processes), strict=True)
        )
        return cls(
            time.monotonic(), sum(each.user + each.system for each in cpu), memory_kb / 1_024, peak_kb / 1_024
        )


def _memory_kb(pid: int) -> tuple[int, int]:
    with open(f"/proc/{pid}/status") as status:
        found = {line.split(":")[0]: line.split()[1] for line in status if line.startswith("Vm")}
    return int(found.get("VmRSS", 0)), int(found.get("VmHWM", 0))
