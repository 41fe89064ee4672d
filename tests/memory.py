"""How much memory a worker takes at the most. Imported as `memory`."""

import threading
from typing import Final, Self

import psutil

from worker_process import WorkerProcess

SAMPLE_S: Final = 0.1
MIB: Final = 1024 * 1024


class PeakMemory:
    """Samples a worker's resident memory inside of `with`."""

    def __init__(self, worker: WorkerProcess) -> None:
        self.peak_mib = 0.0
        self._process = psutil.Process(worker.pid)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def now_mib(self) -> float:
        """What it takes now."""
        rss: int = self._process.memory_info().rss
        self.peak_mib = max(self.peak_mib, round(rss / MIB, 1))
        return round(rss / MIB, 1)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(SAMPLE_S):
            try:
                self.now_mib()
            except psutil.NoSuchProcess:
                return  # the test sees to that
