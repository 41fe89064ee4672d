"""An event loop whose time is virtual: where all tasks wait, it goes on to the next timer at once."""

import asyncio
from collections.abc import Coroutine
from contextvars import Context
from typing import Any, Final, TypeVar

T = TypeVar("T")

STEPS_MAX: Final = 200_000
"""Turns of the loop in one run; a usual scenario takes some 5,000."""

ASKED_MAX: Final = 100_000
"""Looks at the clock in one turn of the loop; a usual turn takes some hundred."""


class Deadlock(Exception):  # noqa: N818 - named for what happened
    """Every task waits, and no timer will wake any; or the tasks keep each other busy for ever."""


class _Numbered(asyncio.Task[Any]):
    """Hashed by its number, so that a set of tasks is cancelled in the same order every time."""

    number = 0

    def __hash__(self) -> int:
        return self.number


class VirtualLoop(asyncio.BaseEventLoop):
    """Starts at second 0. Deterministic: it has no other source of events than its own timers."""

    def __init__(self) -> None:
        super().__init__()
        self._now_s = 0.0
        self._steps = 0
        self._asked = 0
        self._tasks = 0
        self.set_task_factory(self._new_task)
        # BaseEventLoop asks its selector to wait; ours lets time pass instead.
        self._selector = self

    def time(self) -> float:
        """Virtual seconds since the beginning. Raises Deadlock: a task asks and asks, and lets nobody else run."""
        self._asked += 1
        if self._asked > ASKED_MAX:
            self._asked = 0
            raise Deadlock(f"a task does not let others run, at {self._now_s:.3f} s")
        return self._now_s

    def select(self, timeout: float | None) -> list[Any]:
        """Let time pass. Raises Deadlock."""
        if timeout is None:
            raise Deadlock("every task waits for another")
        self._asked = 0
        self._steps += 1
        if self._steps > STEPS_MAX:
            self._steps = 0  # the cleanup has its own
            raise Deadlock(f"no end after {STEPS_MAX:,} steps, at {self._now_s:.3f} s")
        self._now_s += timeout
        return []

    def _new_task(
        self, _loop: asyncio.AbstractEventLoop, work: Any, context: Context | None = None
    ) -> "asyncio.Task[Any]":
        task = _Numbered(work, loop=self, context=context)
        self._tasks += 1
        task.number = self._tasks
        return task

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """There is nobody to wake."""


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end, cancel what is left."""
    loop = VirtualLoop()
    loop.set_exception_handler(_raise_later)
    try:
        return loop.run_until_complete(main)
    finally:
        for _ in range(3):  # a task's cleanup may start others
            if left := asyncio.all_tasks(loop):
                for task in left:
                    task.cancel()
                loop.run_until_complete(asyncio.wait(left))
        loop.close()


def _raise_later(_loop: asyncio.AbstractEventLoop, _context: dict[str, Any]) -> None:
    """Errors of dead hosts' tasks concern nobody; those of living ones are noted by who runs them."""
