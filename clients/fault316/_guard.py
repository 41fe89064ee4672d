"""`guard`: an exception that passes is reported, and goes on."""

import functools
import inspect
from collections.abc import Callable
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar, cast

from fault316._reported import is_reported, mark_reported

P = ParamSpec("P")
R = TypeVar("R")

ReportException = Callable[..., None]
"""A reporter's `report_exception`."""


class Guard:
    """A context manager and a decorator, of functions, generators and coroutine functions.

    An `Exception` that leaves it is reported, unless it was before (by a guard inside, by `report_exception`), and
    raised on as it is. What ends a task or a program (`CancelledError`, `KeyboardInterrupt`, `SystemExit`) is no
    fault. Holds no state: one guard may be entered by many at a time.
    """

    __slots__ = ("_code", "_details", "_report")

    def __init__(self, report: ReportException, code: str, details: dict[str, Any]) -> None:
        self._report = report
        self._code = code
        self._details = details

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception) and not is_reported(error):
            mark_reported(error)
            self._report(error, code=self._code, **self._details)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Guard each call.

        Raises:
            TypeError: an async generator function; write `with guard(…)` inside of it.
        """
        if inspect.isasyncgenfunction(function):
            raise TypeError(
                "guard cannot wrap an async generator function: write `with guard(…)` inside of it"
            )
        if inspect.iscoroutinefunction(function):
            return cast(Callable[P, R], self._around_coroutine(function))
        if inspect.isgeneratorfunction(function):
            return cast(Callable[P, R], self._around_generator(function))

        @functools.wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            with self:
                return function(*args, **kwargs)

        return guarded

    def _around_coroutine(self, function: Any) -> Any:
        @functools.wraps(function)
        async def guarded(*args: Any, **kwargs: Any) -> Any:
            with self:
                return await function(*args, **kwargs)

        return guarded

    def _around_generator(self, function: Any) -> Any:
        @functools.wraps(function)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            with self:
                return (yield from function(*args, **kwargs))

        return guarded
