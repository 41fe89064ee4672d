"""`retry`: tries again with exponential backoff and jitter, by stamina, and reports when it gives up."""

import functools
import inspect
import time
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, Unpack, cast

import stamina

from fault316._build import Details
from fault316.integrations._reports import Reports, or_process

P = ParamSpec("P")
R = TypeVar("R")

On = type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], Any]
"""What is worth another try; as of `stamina.retry`."""


class retry:  # noqa: N801 - read as a verb: `@retry(on=…)`
    """Try a function or a coroutine function again; when it gives up, report that and let the last exception go on.

        @retry(on=httpx.HTTPError, attempts=5)
        async def pay(order): ...

    Reported are the attempts and the last exception. What `on` does not name is not tried again, and is not reported
    here; cancellation is no failure.

    Args:
        on: an exception type, several, or a function of the exception that says whether to try again.
        attempts: at most so many, the first one included; None: no limit.
        timeout: s, after which there is no further attempt; None: no limit.
        wait_initial, wait_max, wait_jitter, wait_exp_base: the backoff: before attempt n + 1 it waits
            min(wait_max, wait_initial * wait_exp_base ** (n - 1) + random(0, wait_jitter)) s.
        code: what giving up is reported as.
        reporter: by default what `fault316.init` has made.
        details: for the report, such as `endpoint="/pay"`.
    """

    def __init__(
        self,
        *,
        on: On,
        attempts: int | None = 10,
        timeout: float | None = 45.0,
        wait_initial: float = 0.1,
        wait_max: float = 5.0,
        wait_jitter: float = 1.0,
        wait_exp_base: float = 2,
        code: str = "316-RETRY-EXHAUSTED",
        reporter: Reports | None = None,
        **details: Unpack[Details],
    ) -> None:
        self._on = on
        self._retried = stamina.retry(
            on=on,
            attempts=attempts,
            timeout=timeout,
            wait_initial=wait_initial,
            wait_max=wait_max,
            wait_jitter=wait_jitter,
            wait_exp_base=wait_exp_base,
        )
        self._code = code
        self._reporter = or_process(reporter)
        self._details = details

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Retry each call.

        Raises:
            TypeError: a generator function, which would begin anew after what it has already yielded.
        """
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError("retry cannot wrap a generator function")
        if inspect.iscoroutinefunction(function):
            return cast(Callable[P, R], self._around_coroutine(function))

        @functools.wraps(function)
        def retrying(*args: P.args, **kwargs: P.kwargs) -> R:
            call = _Call(function)

            @functools.wraps(function)
            def attempt(*args: P.args, **kwargs: P.kwargs) -> R:
                call.attempts += 1
                return function(*args, **kwargs)

            try:
                return self._retried(attempt)(*args, **kwargs)
            except Exception as error:
                self._report(error, call)
                raise

        return retrying

    def _around_coroutine(self, function: Any) -> Any:
        @functools.wraps(function)
        async def retrying(*args: Any, **kwargs: Any) -> Any:
            call = _Call(function)

            @functools.wraps(function)
            async def attempt(*args: Any, **kwargs: Any) -> Any:
                call.attempts += 1
                return await function(*args, **kwargs)

            try:
                return await self._retried(attempt)(*args, **kwargs)
            except Exception as error:
                self._report(error, call)
                raise

        return retrying

    def _report(self, error: Exception, call: "_Call") -> None:
        if not self._is_retried(error):
            return
        given: Any = self._details
        times = "1 attempt" if call.attempts == 1 else f"{call.attempts} attempts"
        told = {
            "message": f"{call.name} failed in {times}: {error}",
            "duration_ms": (time.perf_counter() - call.began_s) * 1_000,
            **given,
            "attributes": {
                "function": call.name,
                "attempts": call.attempts,
                **(given.get("attributes") or {}),
            },
        }
        self._reporter.report_exception(error, self._code, **told)

    def _is_retried(self, error: Exception) -> bool:
        """Else the first attempt with it was the last."""
        if isinstance(self._on, type | tuple):
            return isinstance(error, self._on)
        try:
            answer = self._on(error)
        except Exception:  # it is what failed: then `error` comes from there
            return False
        return answer is not False and answer is not None  # a backoff of 0 s is a yes, too


class _Call:
    """One call with all its attempts."""

    __slots__ = ("attempts", "began_s", "name")

    def __init__(self, function: Callable[..., Any]) -> None:
        self.name: str = getattr(function, "__qualname__", type(function).__name__)
        self.attempts = 0
        self.began_s = time.perf_counter()
