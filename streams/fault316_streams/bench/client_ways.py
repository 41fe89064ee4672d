"""The ways to report that `fault316 bench client` compares: ours, and sentry-sdk's with a transport that sends nothing."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

import sentry_sdk
from sentry_sdk.transport import Transport

from fault316 import BackgroundReporter

CODE: Final = "316-TIMEOUT-ERR"
MESSAGE: Final = "no connection within 30 s: QueuePool limit of size 20 reached"
FRAMES: Final = 10
"""Of each exception's traceback."""
SETTLE_S: Final = {"up": 60.0, "down": 1.0, "mute": 1.0}
"""What the sending thread gets to end its work; where Kafka is away, to write the events down."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to report."""

    client: str
    call: str
    kafka: str
    once: Callable[[int], int]
    """Does it, with this number in it; returns the thread's CPU, ns."""
    settle: Callable[[], object] = lambda: None
    """Returns when other threads have done what the calls left to them."""
    dropped: Callable[[], int] = lambda: 0
    """Faults that its client gave up so far, in all."""


def thrown(number: int, depth: int = FRAMES) -> TimeoutError:
    """An exception with a traceback of `depth` frames."""

    def fail(left: int) -> None:
        if left > 2:  # this function's frame is one, the innermost another
            return fail(left - 1)
        raise TimeoutError(f"{MESSAGE}, request {number}")

    try:
        fail(depth)
    except TimeoutError as error:
        return error
    raise AssertionError("it always fails")


def nothing() -> Way:
    """What it costs to look at the clock, which is in all the others."""

    def once(_number: int) -> int:
        began = time.thread_time_ns()
        return time.thread_time_ns() - began

    return Way("-", "nothing", "-", once)


def ours(kafka: str, reporter: BackgroundReporter) -> Iterator[Way]:
    def report(number: int) -> int:
        began = time.thread_time_ns()
        reporter.report(
            CODE, message=MESSAGE, user_id=number, endpoint="/orders", attributes={"region": "eu-1"}
        )
        return time.thread_time_ns() - began

    def report_exception(number: int) -> int:
        error = thrown(number)
        began = time.thread_time_ns()
        reporter.report_exception(error, CODE, user_id=number, endpoint="/orders")
        return time.thread_time_ns() - began

    def guard_passed(_number: int) -> int:
        began = time.thread_time_ns()
        with reporter.guard(CODE, endpoint="/orders"):
            pass
        return time.thread_time_ns() - began

    def guard_raised(number: int) -> int:
        error = thrown(number)
        began = time.thread_time_ns()
        reporter.guard(CODE, endpoint="/orders").__exit__(type(error), error, error.__traceback__)
        return time.thread_time_ns() - began

    calls = {
        "report": report,
        "report_exception": report_exception,
        "guard, passed": guard_passed,
        "guard, raised": guard_raised,
    }
    for call, once in calls.items():
        yield Way(
            "fault316",
            call,
            kafka,
            once,
            settle=lambda: reporter.flush(SETTLE_S[kafka]),
            dropped=lambda: reporter.dropped,
        )


def theirs(stack: ExitStack) -> Iterator[Way]:
    class Off(Transport):
        def capture_envelope(self, envelope: Any) -> None:
            """Sends nothing."""

    sentry_sdk.init("http://key@127.0.0.1:1/1", transport=Off, auto_enabling_integrations=False)
    stack.callback(sentry_sdk.get_client().close)

    def capture_event(number: int) -> int:
        began = time.thread_time_ns()
        sentry_sdk.capture_event(
            {
                "message": MESSAGE,
                "level": "error",
                "user": {"id": str(number)},
                "tags": {"code": CODE, "endpoint": "/orders", "region": "eu-1"},
            }
        )
        return time.thread_time_ns() - began

    def capture_exception(number: int) -> int:
        error = thrown(number)
        began = time.thread_time_ns()
        sentry_sdk.capture_exception(
            error, user={"id": str(number)}, tags={"code": CODE, "endpoint": "/orders"}
        )
        return time.thread_time_ns() - began

    yield Way("sentry-sdk", "capture_event", "-", capture_event)
    yield Way("sentry-sdk", "capture_exception", "-", capture_exception)
