"""Context by context variables, and guards: what they see, what they let pass."""

import asyncio
import logging
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

import fault316
from fault316 import context
from fault316._context import current, fields_of
from fault316._guard import Guard
from fault316._record import record
from fault316.testing import MemoryReporter


class Reports:
    """Takes down what a guard reports."""

    def __init__(self) -> None:
        self.seen: list[tuple[BaseException, str, dict[str, Any]]] = []

    def __call__(self, error: BaseException, code: str, **details: Any) -> None:
        self.seen.append((error, code, details))


@pytest.fixture
def reports() -> Reports:
    return Reports()


def test_contexts_nest_and_end() -> None:
    with context(request_id="r", user_id=1):
        with context(user_id=2, endpoint="/a", request_id=None):
            assert current() == {"request_id": "r", "user_id": 2, "endpoint": "/a"}
        assert current() == {"request_id": "r", "user_id": 1}
    assert current() == {}


async def test_each_task_has_its_own() -> None:
    async def handle(number: int) -> object:
        with context(request_id=str(number)):
            await asyncio.sleep(0)
            return (await asyncio.to_thread(current))["request_id"]

    assert await asyncio.gather(*map(handle, range(20))) == [str(number) for number in range(20)]


def test_a_thread_of_its_own_begins_without() -> None:
    seen: list[Any] = []
    with context(request_id="r"):
        thread = threading.Thread(target=lambda: seen.append(current()))
        thread.start()
        thread.join()
    assert seen == [{}]


async def test_a_generator_ended_in_another_context_raises_nothing() -> None:
    async def dependency() -> AsyncIterator[None]:
        with context(request_id="r"):
            yield

    opened = dependency()
    await asyncio.create_task(anext(opened))  # type: ignore[arg-type]
    await asyncio.create_task(opened.aclose())  # type: ignore[attr-defined]


def test_the_span_of_opentelemetry_where_it_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    span = SimpleNamespace(is_valid=True, trace_id=0xABC, span_id=0xD)
    telemetry = SimpleNamespace(get_current_span=lambda: SimpleNamespace(get_span_context=lambda: span))
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", telemetry)
    assert current() == {"trace_id": f"{0xABC:032x}", "span_id": f"{0xD:016x}"}
    with context(trace_id="own"):
        assert current()["trace_id"] == "own"
    span.is_valid = False
    assert current() == {}
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", SimpleNamespace())
    assert current() == {}


def test_an_exception_takes_the_innermost_fields_to_where_it_is_reported() -> None:
    with pytest.raises(KeyError) as raised, context(request_id="r"), context(user_id=1):
        raise KeyError
    with context(request_id="other", endpoint="/a"):
        taken = record("316-A", {"exception": raised.value, "user_id": 2}, current(), 0.0)
    assert taken.details == {"request_id": "r", "user_id": 2, "endpoint": "/a"}


def test_an_endpoint_that_is_known_later_is_read_when_a_fault_is_reported() -> None:
    route = ["not yet"]

    class Endpoint:
        def __str__(self) -> str:
            return route[0]

    with context(endpoint=Endpoint()):
        route[0] = "/orders/{id}"
        taken = record("316-A", {}, current(), 0.0)
        route[0] = "changed since"
    assert taken.details == {"endpoint": "/orders/{id}"}


def test_a_guarded_function_raises_what_it_raised(reports: Reports) -> None:
    @Guard(reports, "316-A", {"component": "c"})
    def divide(by: int) -> float:
        """Docs stay."""
        return 1 / by

    assert divide(2) == 0.5
    assert reports.seen == []
    with pytest.raises(ZeroDivisionError) as raised:
        divide(0)
    assert reports.seen == [(raised.value, "316-A", {"component": "c"})]
    assert (divide.__name__, divide.__doc__) == ("divide", "Docs stay.")


async def test_a_guarded_coroutine_is_one(reports: Reports) -> None:
    @Guard(reports, "316-A", {})
    async def fail() -> None:
        await asyncio.sleep(0)
        raise KeyError

    assert asyncio.iscoroutinefunction(fail)
    with pytest.raises(KeyError):
        await fail()
    assert len(reports.seen) == 1


def test_a_guarded_generator_is_one(reports: Reports) -> None:
    @Guard(reports, "316-A", {})
    def numbers() -> Iterator[int]:
        yield 1
        raise KeyError

    running = numbers()
    assert next(running) == 1
    with pytest.raises(KeyError):
        next(running)
    assert len(reports.seen) == 1


def test_an_async_generator_is_refused_where_it_is_written(reports: Reports) -> None:
    with pytest.raises(TypeError, match="inside of it"):

        @Guard(reports, "316-A", {})
        async def numbers() -> AsyncIterator[int]:
            yield 1


def test_one_fault_through_several_guards_is_one(reports: Reports) -> None:
    with pytest.raises(KeyError), Guard(reports, "316-OUTER", {}), Guard(reports, "316-INNER", {}):
        raise KeyError
    assert [code for _, code, _ in reports.seen] == ["316-INNER"]


def test_what_was_reported_inside_of_a_guard_is_not_reported_again() -> None:
    reporter = MemoryReporter()

    @reporter.guard("316-OUTER")
    def fail() -> None:
        try:
            raise KeyError
        except KeyError as error:
            reporter.report_exception(error, "316-INNER")
            raise

    with pytest.raises(KeyError):
        fail()
    assert [event.code for event in reporter.events] == ["316-INNER"]


def test_an_exception_that_takes_no_attributes_is_one_fault_with_its_context(reports: Reports) -> None:
    @dataclass(frozen=True)
    class Frozen(Exception):  # noqa: N818
        order: int

    outer, inner = Guard(reports, "316-OUTER", {}), Guard(reports, "316-INNER", {})
    with pytest.raises(Frozen) as raised, outer, inner, context(request_id="r"):
        raise Frozen(7)
    assert [code for _, code, _ in reports.seen] == ["316-INNER"]
    assert fields_of(raised.value) == {"request_id": "r"}


async def test_a_group_whose_members_were_all_reported_is_not_reported_again(reports: Reports) -> None:
    async def fail(guard: Guard | None) -> None:
        with guard or nullcontext():
            raise KeyError

    @Guard(reports, "316-OUTER", {})
    async def fail_together(*guards: Guard | None) -> None:
        async with asyncio.TaskGroup() as tasks:
            for guard in guards:
                tasks.create_task(fail(guard))

    inner = Guard(reports, "316-INNER", {})
    with pytest.raises(ExceptionGroup):
        await fail_together(inner)
    with pytest.raises(ExceptionGroup):
        await fail_together(inner, None)
    assert [code for _, code, _ in reports.seen] == ["316-INNER", "316-INNER", "316-OUTER"]


@pytest.mark.parametrize("end", [asyncio.CancelledError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_ends_a_task_or_a_program_is_no_fault(end: type[BaseException], reports: Reports) -> None:
    with pytest.raises(end), Guard(reports, "316-A", {}):
        raise end
    assert reports.seen == []


def test_without_init_a_report_does_nothing_and_says_so_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fault316._process._said", False)
    with caplog.at_level(logging.WARNING, logger="fault316"):
        fault316.report("316-A")
        fault316.report_exception(ValueError())
        with pytest.raises(KeyError), fault316.guard("316-A"):
            raise KeyError
        assert fault316.flush()
        assert fault316.close()
    assert [record.getMessage().count("fault316.init") for record in caplog.records] == [1]
