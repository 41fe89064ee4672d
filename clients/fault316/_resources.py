"""Load, memory and threads at the moment of a fault, where psutil is installed."""

import importlib
import math
import os
import time
from typing import Any

from fault316_schemas import Resources

CACHED_S = 5.0
"""For that long a reading serves all faults: reading takes some 100 µs."""
CPU_SPAN_S = 0.1
"""CPU time over less than this says nothing."""


class ResourceProbe:
    """Reads the process and the machine. For one thread, and one process: after a fork make another."""

    def __init__(self) -> None:
        self._psutil = _psutil()
        self._process: Any = self._psutil.Process() if self._psutil else None
        self._cpu = self._cpu_s()
        self._read_at = -math.inf
        self._cpu_at = time.monotonic()
        self._last: Resources | None = None

    def read(self) -> Resources | None:
        """At most `CACHED_S` old; None without psutil, or where it fails."""
        now = time.monotonic()
        if self._psutil and now - self._read_at >= CACHED_S:
            self._read_at = now
            try:
                self._last = self._measure(now)
            except (
                Exception
            ):  # psutil's errors differ by system; a fault without its resources is still a fault
                self._last = None
        return self._last

    def _measure(self, now: float) -> Resources:
        cpu_percent = None
        if (span_s := now - self._cpu_at) >= CPU_SPAN_S:
            cpu_s = self._cpu_s()
            cpu_percent = round(max(0.0, 100 * (cpu_s - self._cpu) / span_s), 1)
            self._cpu, self._cpu_at = cpu_s, now
        return Resources(
            load_1m=round(os.getloadavg()[0], 2),
            cpu_percent=cpu_percent,
            memory_percent=float(self._psutil.virtual_memory().percent),
            disk_percent=float(self._psutil.disk_usage(".").percent),
            threads=self._process.num_threads(),
        )

    @staticmethod
    def _cpu_s() -> float:
        return time.process_time()


def _psutil() -> Any:
    """By name, so that the light install does not depend on it."""
    try:
        return importlib.import_module("psutil")
    except ImportError:
        return None
