"""What is started and stopped, also by `with`."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Startable(ABC):
    """Watches from `start` to `stop`; each may be called again and then does nothing."""

    @abstractmethod
    def start(self) -> None:
        """Begin to watch."""

    @abstractmethod
    def stop(self) -> None:
        """Watch no more; leaves what was watched as it was found."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Watching(Startable):
    """One that watches from a daemon thread of its own; once `_stopping` is set, the thread should end."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def stop(self) -> None:
        """See `Startable`."""
        if self._thread is not None:
            self._stopping.set()
            self._thread.join()
            self._thread = None

    def _begin(self, name: str, watch: Callable[[], None]) -> None:
        self._stopping.clear()
        self._thread = threading.Thread(target=watch, name=name, daemon=True)
        self._thread.start()
