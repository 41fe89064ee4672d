"""The background reporter without Kafka: what it takes down, what it refuses, and that nobody notices."""

import asyncio
import contextlib
import inspect
import logging
import random
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import ValidationError

import fault316
from fault316 import BackgroundReporter, Connection
from fault316._loop import SenderLoop
from fault316._process import Options
from fault316._record import KEPT_CHARS_MAX, record
from fault316._resources import ResourceProbe
from fault316._sender import TICK_S
from fault316_schemas.event import COUNT_MAX

NOWHERE = Connection(_env_file=None, bootstrap_servers="127.0.0.1:1")


@pytest.fixture
def reporter() -> Iterator[BackgroundReporter]:
    made = BackgroundReporter("shop", connection=NOWHERE, resources=False)
    yield made
    made.close(0)


def test_a_wrong_reporter_is_an_error_when_it_is_made() -> None:
    with pytest.raises(ValidationError, match="service"):
        BackgroundReporter("", connection=NOWHERE)
    for wrong in ({"sample_rate": 0}, {"free_per_s": -1}, {"queue_max": 0}, {"close_timeout_s": -1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            BackgroundReporter("shop", connection=NOWHERE, **wrong)  # type: ignore[arg-type]


def test_no_argument_raises_and_each_is_counted(
    reporter: BackgroundReporter, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def __str__(self) -> str:
            raise ZeroDivisionError("password=hunter2")

    with caplog.at_level(logging.WARNING, logger="fault316"):
        reporter.report("316-A", user_id=Broken())  # type: ignore[arg-type]
        reporter.report("316-A", count=0)
        reporter.report("316-A", count=True)
        reporter.report("316-A", exception="no exception")  # type: ignore[arg-type]
    assert reporter.dropped == 4
    assert len(caplog.records) == 1
    assert "hunter2" not in caplog.text


def test_a_closed_reporter_takes_nothing_and_says_so_once(
    reporter: BackgroundReporter, caplog: pytest.LogCaptureFixture
) -> None:
    assert reporter.close()
    with caplog.at_level(logging.WARNING, logger="fault316"):
        for _ in range(3):
            reporter.report("316-A")
    assert reporter.dropped == 3
    assert len(caplog.records) == 1
    assert reporter.close()


def test_what_is_not_delivered_when_closed_is_counted(reporter: BackgroundReporter) -> None:
    for _ in range(100):
        reporter.report("316-A")
    assert not reporter.close(0)
    assert (reporter.sent, reporter.dropped) == (0, 100)


def test_closing_that_takes_its_time_is_not_cut_off(
    reporter: BackgroundReporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault that is rolled up wakes the thread every now and then, also while it lets go of Kafka."""
    let_go = reporter._sender.outbox.close

    async def takes_its_time(timeout_s: float) -> None:
        await asyncio.sleep(3 * TICK_S)
        await let_go(timeout_s)

    monkeypatch.setattr(reporter._sender.outbox, "close", takes_its_time)
    reporter.report("316-A")
    assert not reporter.close(0)
    assert reporter.dropped == 1


def test_a_flush_that_waits_while_another_thread_closes_comes_back(reporter: BackgroundReporter) -> None:
    reporter.report("316-A")
    with ThreadPoolExecutor(8) as threads:
        flushes = [threads.submit(reporter.flush, 60) for _ in range(6)]
        closes = [threads.submit(reporter.close, 0) for _ in range(2)]
        assert all(isinstance(done.result(), bool) for done in flushes + closes)
    assert reporter.dropped == 1


def test_a_flush_that_came_just_too_late_for_the_thread_comes_back(
    reporter: BackgroundReporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its loop still took the call, and ended without having looked at it."""
    reporter.report("316-A")
    reporter.close(0)
    assert reporter._sender._thread is not None
    reporter._sender._thread.join()
    with contextlib.closing(SenderLoop()) as loop:
        monkeypatch.setattr(reporter._sender, "_loop", loop)
        assert reporter.flush(60)


def test_init_has_the_options_of_the_reporter_and_replaces_the_one_before() -> None:
    named = inspect.signature(BackgroundReporter).parameters.keys() - {"service"}
    assert Options.__annotations__.keys() == named
    first = fault316.init("shop", connection=NOWHERE, resources=False)
    second = fault316.init("shop", connection=NOWHERE, resources=False)
    first.report("316-A")
    assert (first.dropped, second.dropped) == (1, 0)
    assert fault316.close()
    second.report("316-A")
    assert second.dropped == 1


def test_a_full_queue_drops_and_counts_what_a_report_stands_for(
    reporter: BackgroundReporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporter._sender, "_queue_max", 0)
    reporter.report("316-A", count=5)
    reporter.report("316-A", count="many")  # type: ignore[arg-type]
    assert reporter._sender.tally.counts() == {"queue_full": 6}


def test_what_the_caller_changes_later_is_not_seen() -> None:
    attributes: dict[str, object] = {"a": 1, "b": ["x"], "c": "y" * 2 * KEPT_CHARS_MAX}
    taken = record("316-A", {"attributes": attributes}, {}, 0.0)
    attributes["a"] = 2
    assert taken.details["attributes"] == {"a": 1, "b": "['x']", "c": "y" * KEPT_CHARS_MAX}


def test_a_reports_own_fields_come_before_the_context() -> None:
    taken = record("316-A", {"endpoint": "/own", "user_id": None}, {"endpoint": "/c", "user_id": 5}, 0.0)
    assert taken.details == {"endpoint": "/own", "user_id": 5}


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.7])
def test_sampling_keeps_the_mean_of_counts(rate: float) -> None:
    """The mean of a report is rate · E[weight] = 1, within 5 sigma; the seed is fixed."""
    reporter = BackgroundReporter("shop", connection=NOWHERE, sample_rate=rate, resources=False)
    chance = reporter._random = random.Random(1)
    n = 100_000
    total = sum(reporter._weight(1) for _ in range(n) if chance.random() < rate)
    sigma = ((1 / rate + 1) / n) ** 0.5
    assert total / n == pytest.approx(1, abs=5 * sigma)
    assert reporter._weight(COUNT_MAX) == COUNT_MAX
    reporter.close()


def test_resources_are_read_once_for_several_faults() -> None:
    pytest.importorskip("psutil")
    probe = ResourceProbe()
    first = probe.read()
    assert first is not None
    assert (first.threads or 0) >= 1
    assert first.memory_percent is not None
    assert probe.read() is first


def test_resources_without_psutil_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psutil", None)
    assert ResourceProbe().read() is None
