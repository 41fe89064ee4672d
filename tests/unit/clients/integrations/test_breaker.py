"""`CircuitMonitor` on real purgatory breakers: what is reported when a circuit opens."""

import asyncio
import time
from typing import Any

import pytest
from purgatory import AsyncCircuitBreakerFactory, SyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState

from fault316.integrations.breaker import CircuitMonitor
from fault316.testing import MemoryReporter
from support import until


@pytest.fixture
def reporter() -> MemoryReporter:
    return MemoryReporter()


def call(breakers: SyncCircuitBreakerFactory, circuit: str = "payments", *, fails: bool = True) -> None:
    """One call; what it fails with, and what turns it away, is swallowed."""
    try:
        with breakers.get_breaker(circuit):
            if fails:
                raise ConnectionError("the bank is away")
    except (ConnectionError, OpenedState):
        pass


def test_a_circuit_that_opens_is_reported_once_with_what_failed(reporter: MemoryReporter) -> None:
    breakers = SyncCircuitBreakerFactory(default_threshold=3, default_ttl=60)

    @breakers("payments")  # type: ignore[untyped-decorator]  # purgatory gives it no type
    def pay() -> None:
        raise ConnectionError("the bank is away")

    with CircuitMonitor(breakers, reporter=reporter):
        for _ in range(2):
            with pytest.raises(ConnectionError):
                pay()
        reporter.assert_nothing_reported()
        with pytest.raises(ConnectionError):
            pay()
        for _ in range(3):
            with pytest.raises(OpenedState):
                pay()
    event = reporter.assert_reported("316-CIRCUIT-OPEN", times=1)
    assert event.message == "circuit payments is open"
    assert event.attributes == {"circuit": "payments"}
    assert event.exception is not None
    assert (event.exception.type, event.exception.message) == ("ConnectionError", "the bank is away")
    assert "in pay" in str(event.exception.stacktrace)


async def test_a_breaker_of_coroutines_as_well(reporter: MemoryReporter) -> None:
    breakers = AsyncCircuitBreakerFactory(default_threshold=2, exclude=[asyncio.CancelledError])

    @breakers("payments")  # type: ignore[untyped-decorator]  # purgatory gives it no type
    async def pay(error: BaseException) -> None:
        await asyncio.sleep(0)
        raise error

    with CircuitMonitor(breakers, reporter=reporter):
        for _ in range(3):
            with pytest.raises(asyncio.CancelledError):
                await pay(asyncio.CancelledError())
        reporter.assert_nothing_reported()
        for _ in range(2):
            with pytest.raises(TimeoutError):
                await pay(TimeoutError("no answer"))
        with pytest.raises(OpenedState):
            await pay(TimeoutError())
    event = reporter.assert_reported("316-CIRCUIT-OPEN", times=1)
    assert event.exception is not None
    assert event.exception.message == "no answer"


def test_each_circuit_is_told_by_its_name(reporter: MemoryReporter) -> None:
    breakers = SyncCircuitBreakerFactory(default_threshold=1)
    with CircuitMonitor(breakers, reporter=reporter):
        call(breakers, "payments")
        call(breakers, "stock")
        call(breakers, "stock")
    assert [event.attributes for event in reporter.events] == [{"circuit": "payments"}, {"circuit": "stock"}]


def wait_for_trial(breakers: SyncCircuitBreakerFactory) -> Any:
    """Until the circuit would let a call through: its rest of 1 ms is over."""
    opened_at = breakers.get_breaker("payments").context.opened_at
    until(lambda: opened_at is not None and time.time() > opened_at + 0.001, every_s=0.001)


def test_a_trial_that_fails_is_the_same_opening_and_one_after_a_recovery_is_a_new_one(
    reporter: MemoryReporter,
) -> None:
    breakers = SyncCircuitBreakerFactory(default_threshold=1, default_ttl=0.001)
    with CircuitMonitor(breakers, reporter=reporter):
        call(breakers)
        for _ in range(2):
            wait_for_trial(breakers)
            call(breakers)
        assert breakers.get_breaker("payments").context.state == "opened"
        reporter.assert_reported("316-CIRCUIT-OPEN", times=1)
        wait_for_trial(breakers)
        call(breakers, fails=False)
        assert breakers.get_breaker("payments").context.state == "closed"
        call(breakers)
    reporter.assert_reported("316-CIRCUIT-OPEN", times=2)


def test_what_is_stopped_reports_nothing(reporter: MemoryReporter) -> None:
    breakers = SyncCircuitBreakerFactory(default_threshold=1)
    monitor = CircuitMonitor(breakers, reporter=reporter)
    monitor.start()
    monitor.start()
    monitor.stop()
    monitor.stop()
    call(breakers)
    reporter.assert_nothing_reported()
