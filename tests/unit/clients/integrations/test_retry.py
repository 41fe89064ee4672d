"""`retry` on a real stamina: what is reported when it gives up, and that calls behave as with stamina alone."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from fault316.integrations.retry import retry
from fault316.testing import MemoryReporter


@pytest.fixture
def reporter() -> MemoryReporter:
    return MemoryReporter()


@pytest.fixture
def at_once(reporter: MemoryReporter) -> Callable[..., retry]:
    """`retry` with three attempts on a ConnectionError, without waiting between them."""

    def make(**options: Any) -> retry:
        given: dict[str, Any] = {
            "on": ConnectionError,
            "attempts": 3,
            "wait_initial": 0,
            "wait_jitter": 0,
            "wait_max": 0,
        }
        return retry(**(given | {"reporter": reporter} | options))

    return make


class Payments:
    """Fails as it is told."""

    def __init__(self, *errors: BaseException) -> None:
        self._errors = list(errors)
        self.calls: list[str] = []

    def pay(self, order: str) -> str:
        self.calls.append(order)
        if self._errors:
            raise self._errors.pop(0)
        return f"paid {order}"

    async def pay_async(self, order: str) -> str:
        await asyncio.sleep(0)
        return self.pay(order)


def test_a_call_that_succeeds_in_time_is_no_fault(
    at_once: Callable[..., retry], reporter: MemoryReporter
) -> None:
    payments = Payments(ConnectionError("one"), ConnectionError("two"))
    assert at_once()(payments.pay)("7") == "paid 7"
    assert payments.calls == ["7", "7", "7"]
    reporter.assert_nothing_reported()


def test_giving_up_is_reported_with_the_attempts_and_the_last_error_which_goes_on(
    at_once: Callable[..., retry], reporter: MemoryReporter
) -> None:
    errors = [ConnectionError("one"), ConnectionError("two"), ConnectionError("three")]
    with pytest.raises(ConnectionError) as raised:
        at_once(endpoint="/pay", attributes={"bank": "north"})(Payments(*errors).pay)("7")
    assert raised.value is errors[-1]
    event = reporter.assert_reported("316-RETRY-EXHAUSTED", times=1, endpoint="/pay")
    assert event.attributes == {"function": "Payments.pay", "attempts": 3, "bank": "north"}
    assert event.message == "Payments.pay failed in 3 attempts: three"
    assert event.exception is not None
    assert (event.exception.type, event.exception.message) == ("ConnectionError", "three")


async def test_a_coroutine_that_gives_up_is_reported_as_well(
    at_once: Callable[..., retry], reporter: MemoryReporter
) -> None:
    payments = Payments(*(ConnectionError("away") for _ in range(4)))
    pay = at_once()(payments.pay_async)
    with pytest.raises(ConnectionError):
        await pay("7")
    reporter.assert_reported("316-RETRY-EXHAUSTED", times=1)
    assert await pay("8") == "paid 8"
    assert payments.calls == ["7", "7", "7", "8", "8"]
    assert len(reporter.events) == 1


def test_what_is_not_worth_another_try_is_not_reported_here(
    at_once: Callable[..., retry], reporter: MemoryReporter
) -> None:
    payments = Payments(ConnectionError("away"), ValueError("no such card"))
    with pytest.raises(ValueError, match="card"):
        at_once()(payments.pay)("7")
    assert len(payments.calls) == 2
    reporter.assert_nothing_reported()


@pytest.mark.parametrize(("answer", "reports"), [(True, 1), (0.0, 1), (False, 0)])
def test_a_function_may_say_what_is_worth_another_try(
    at_once: Callable[..., retry], reporter: MemoryReporter, answer: bool | float, reports: int
) -> None:
    payments = Payments(*(ConnectionError("away") for _ in range(3)))
    with pytest.raises(ConnectionError):
        at_once(on=lambda _error: answer)(payments.pay)("7")
    assert len(payments.calls) == (3 if reports else 1)
    assert len(reporter.events) == reports


def test_the_time_that_is_up_ends_it_too(at_once: Callable[..., retry], reporter: MemoryReporter) -> None:
    payments = Payments(ConnectionError("away"))
    with pytest.raises(ConnectionError):
        at_once(timeout=1e-9)(payments.pay)("7")
    event = reporter.assert_reported("316-RETRY-EXHAUSTED", times=1)
    assert event.message == "Payments.pay failed in 1 attempt: away"


async def test_cancellation_is_no_failure(at_once: Callable[..., retry], reporter: MemoryReporter) -> None:
    began = asyncio.Event()

    @at_once()
    async def pay() -> None:
        began.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(pay())
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    reporter.assert_nothing_reported()


def test_giving_up_is_one_fault_for_a_guard_around_it_and_another_than_a_failure_inside(
    at_once: Callable[..., retry], reporter: MemoryReporter
) -> None:
    payments = Payments(*(ConnectionError("away") for _ in range(3)))
    pay = at_once()(reporter.guard("316-CONN-ERR")(payments.pay))
    with pytest.raises(ConnectionError), reporter.guard("316-OP-FAIL"):
        pay("7")
    assert [event.code for event in reporter.events] == ["316-CONN-ERR"] * 3 + ["316-RETRY-EXHAUSTED"]


def test_a_method_keeps_its_name_and_object(at_once: Callable[..., retry]) -> None:
    class Till:
        bank = "north"

        @at_once()
        def pay(self, order: str) -> str:
            """Pay."""
            return f"{order} by {self.bank}"

    assert Till().pay("7") == "7 by north"
    assert Till.pay.__doc__ == "Pay."


def test_generators_are_refused(at_once: Callable[..., retry]) -> None:
    def lines() -> Any:
        yield 1

    async def more_lines() -> Any:
        yield 1

    for function in (lines, more_lines):
        with pytest.raises(TypeError, match="generator"):
            at_once()(function)
