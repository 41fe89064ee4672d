"""`fault316.testing` and the pytest plugin, as users' own tests use them."""

import asyncio
import subprocess
import sys

import pytest

import fault316
from fault316 import StormAlert
from fault316.sync_alerts import SyncAlertFeed
from fault316.testing import MemoryFeed, MemoryReporter, storm_alert

pytest_plugins = ["pytester"]


def test_a_report_is_kept_as_it_would_be_sent() -> None:
    reporter = MemoryReporter("shop")
    reporter.report("316-TIMEOUT-ERR", endpoint="/pay", message="password=hunter2", user_id=7)
    event = reporter.assert_reported("316-TIMEOUT-ERR", times=1, endpoint="/pay", user_id="7")
    assert event.service == "shop"
    assert "hunter2" not in (event.message or "")


def test_exceptions_and_guards_are_kept() -> None:
    reporter = MemoryReporter()
    with pytest.raises(ZeroDivisionError), reporter.guard("316-ORDER-ERR"):
        _ = 1 / 0
    event = reporter.assert_reported("316-ORDER-ERR")
    assert event.exception is not None
    assert event.exception.type == "ZeroDivisionError"


def test_a_wrong_report_is_found_by_the_test() -> None:
    with pytest.raises(ValueError, match="code"):
        MemoryReporter().report("timeout")


def test_what_is_not_as_asserted_is_said_with_what_there_is() -> None:
    reporter = MemoryReporter()
    reporter.assert_nothing_reported()
    reporter.report("316-A", endpoint="/pay", count=3)
    for claim in (
        lambda: reporter.assert_reported("316-B"),
        lambda: reporter.assert_reported("316-A", times=2),
        lambda: reporter.assert_reported("316-A", endpoint="/buy"),
        reporter.assert_nothing_reported,
    ):
        with pytest.raises(AssertionError, match=r'"endpoint":"/pay"'):
            claim()
    assert reporter.sent == 3
    reporter.clear()
    reporter.assert_nothing_reported()


def test_before_send_changes_and_holds_back() -> None:
    reporter = MemoryReporter(before_send=lambda event: event if event.endpoint else None)
    reporter.report("316-A")
    reporter.report("316-A", endpoint="/pay")
    assert (len(reporter.events), reporter.filtered) == (1, 1)


async def test_a_loop_over_a_memory_feed_ends() -> None:
    feed = MemoryFeed(code="316-DB-*")
    feed.push(storm_alert(code="316-DB-SLOW"), storm_alert(code="316-NET-DOWN"))
    feed.end()
    async with feed:
        assert [alert.code async for alert in feed] == ["316-DB-SLOW"]
    assert len(feed.committed) == 2


async def test_run_over_a_memory_feed_ends_and_shows_what_was_given_up() -> None:
    feed = MemoryFeed()
    feed.push(storm_alert(alert_id="bad"), storm_alert(alert_id="good"))
    feed.end()
    handled: list[str] = []

    def handler(alert: StormAlert) -> None:
        if alert.alert_id == "bad":
            raise ValueError("no")
        handled.append(alert.alert_id)

    async with feed:
        await feed.run(handler, attempts=2, backoff_s=0)
    assert handled == ["good"]
    [letter] = feed.dead_letters
    assert (letter.alert.alert_id, str(letter.error), letter.attempts) == ("bad", "no", 2)


async def test_alerts_may_be_pushed_from_another_thread_while_it_waits() -> None:
    feed = MemoryFeed()
    async with feed, asyncio.timeout(20):
        waiting = asyncio.create_task(anext(feed))
        await asyncio.sleep(0)
        await asyncio.to_thread(feed.push, storm_alert(alert_id="a1"))
        assert (await waiting).alert_id == "a1"


def test_a_feed_without_a_loop() -> None:
    memory = MemoryFeed()
    memory.push(storm_alert(alert_id="a1"), storm_alert(alert_id="a2"))
    memory.end()
    with SyncAlertFeed(feed=memory) as feed:
        assert [alert.alert_id for alert in feed] == ["a1", "a2"]
    assert [alert.alert_id for alert in memory.committed] == ["a1", "a2"]
    assert list(feed) == []


def test_a_sync_feed_commits_what_was_handled_before_it_was_left() -> None:
    memory = MemoryFeed()
    memory.push(storm_alert(alert_id="a1"), storm_alert(alert_id="a2"))
    with SyncAlertFeed(feed=memory) as feed:
        for _ in feed:
            break
    assert [alert.alert_id for alert in memory.committed] == ["a1"]

    def fail() -> None:
        with SyncAlertFeed(feed=memory) as feed:
            for _ in feed:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [alert.alert_id for alert in memory.committed] == ["a1"]


def test_a_sync_feed_can_be_asked_for_a_while_and_closed_by_another_thread() -> None:
    import threading

    memory = MemoryFeed()
    feed = SyncAlertFeed(feed=memory)
    with pytest.raises(RuntimeError, match="not started"):
        feed.get()
    feed.start()
    assert feed.get(timeout=0.01) is None
    memory.push(storm_alert(alert_id="a1"))
    assert next(feed).alert_id == "a1"
    closing = threading.Timer(0.05, feed.close)
    closing.start()
    assert list(feed) == []
    closing.join()
    assert "fault316-alerts" not in {thread.name for thread in threading.enumerate()}


def test_a_sync_feeds_run_ends_when_it_is_closed() -> None:
    import threading

    memory = MemoryFeed()
    memory.push(storm_alert(alert_id="a1"))
    handled = threading.Event()
    feed = SyncAlertFeed(feed=memory)
    feed.start()
    running = threading.Thread(target=feed.run, args=(lambda _alert: handled.set(),))
    running.start()
    assert handled.wait(20)
    feed.close()
    running.join(20)
    assert not running.is_alive()


TEST = """
import fault316
from fault316.testing import storm_alert

def test_reports_by_the_module(fault316_reporter):
    fault316.report("316-A")
    fault316_reporter.assert_reported("316-A", times=1)

def test_reports_behind_the_services_own_init(fault316_reporter):
    fault316.init("shop", sample_rate=0.5, version="2")
    with fault316.guard("316-B"):
        fault316.report("316-A")
    event = fault316_reporter.assert_reported("316-A", times=1)
    assert (event.service, event.version) == ("shop", "2")
    assert fault316.flush() and fault316.close()

def test_nothing_is_left_of_the_test_before(fault316_reporter):
    fault316_reporter.assert_nothing_reported()

async def page(feed, paged):
    async with feed:
        async for alert in feed:
            paged.append(alert.summary)

def test_a_consumer(fault316_feed):
    import asyncio
    fault316_feed.push(storm_alert(summary="Fire."))
    fault316_feed.end()
    paged = []
    asyncio.run(page(fault316_feed, paged))
    assert paged == ["Fire."]
"""


def test_the_plugins_fixtures(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TEST)
    installed = "fault316.pytest_plugin" in {
        entry.value for entry in __import__("importlib.metadata").metadata.entry_points(group="pytest11")
    }
    plugin = [] if installed else ["-p", "fault316.pytest_plugin"]
    result = pytester.runpytest_subprocess(*plugin, "-p", "no:cacheprovider")
    result.assert_outcomes(passed=4)


def test_the_plugin_costs_a_test_run_nothing() -> None:
    code = (
        "import fault316.pytest_plugin, sys; assert not {'aiokafka', 'redis', 'pydantic'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_public_names() -> None:
    assert fault316.SyncAlertFeed is SyncAlertFeed
