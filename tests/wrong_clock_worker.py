"""A worker on a machine whose clock is wrong. Imported as `wrong_clock_worker`, and run as a program.

CLOCK_AHEAD_FILE names a file with the seconds by which the wall clock is ahead; the monotonic clock is right, as it is on
such a machine. The file may be written anew: then the clock steps.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any, ClassVar

from worker_process import WorkerProcess

FILE = "CLOCK_AHEAD_FILE"


class WrongClockWorker(WorkerProcess):
    """See the module."""

    command: ClassVar[list[str]] = [sys.executable, __file__, "worker"]

    def __init__(self, settings: Any, log: Path, *options: str, ahead_s: float, **more: object) -> None:
        """`ahead_s`: behind is negative."""
        self._file = log.with_suffix(".clock")
        self.step_to(ahead_s)
        os.environ[FILE] = str(self._file)  # for the child, which begins with ours
        try:
            super().__init__(settings, log, *options, **more)
        finally:
            del os.environ[FILE]

    def step_to(self, ahead_s: float) -> None:
        """From now on it is so far ahead."""
        self._file.write_text(str(ahead_s))


def set_wrong(file: Path) -> None:
    """Of this process."""
    right = time.time_ns

    def time_ns() -> int:
        return right() + int(float(file.read_text() or 0) * 1e9)

    time.time_ns = time_ns
    time.time = lambda: time_ns() / 1e9


if __name__ == "__main__":
    set_wrong(Path(os.environ[FILE]))
    from fault316_streams.cli import main

    main()
