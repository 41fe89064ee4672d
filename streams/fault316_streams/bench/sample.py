"""What a process is and has done at one moment, from /proc; sums over its threads and children."""

import time
from contextlib import suppress
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
        parts = [_of_one(root)]
        for child in root.children(recursive=True):
            with suppress(psutil.NoSuchProcess, OSError):  # it has ended meanwhile
                parts.append(_of_one(child))
        cpu_s, memory_kb, peak_kb = (sum(column) for column in zip(*parts, strict=True))
        return cls(time.monotonic(), cpu_s, memory_kb / 1_024, peak_kb / 1_024)


def _of_one(process: psutil.Process) -> tuple[float, int, int]:
    """CPU seconds; resident memory and its peak, KiB."""
    cpu = process.cpu_times()
    with open(f"/proc/{process.pid}/status") as status:
        found = {line.split(":")[0]: line.split()[1] for line in status if line.startswith("Vm")}
    return cpu.user + cpu.system, int(found.get("VmRSS", 0)), int(found.get("VmHWM", 0))
