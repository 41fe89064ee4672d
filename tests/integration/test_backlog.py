"""A worker that starts after an hour away: it tells of every storm that it missed, at the storm's own time."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import pytest

from backlog import PastStorm, write_backlog
from fault316_streams.settings import WorkerSettings
from memory import PeakMemory
from other_client import OtherConsumer, OtherView
from support import until
from worker_process import Workers

EVENTS: Final = 300_000
EVENTS_FULL: Final = 2_000_000
"""With `--rounds` of more than one."""
WORK_OFF_LIMIT_S: Final = 900.0
CLOSE_S: Final = 3
"""A storm's beginning and end are found to within so many seconds."""


@pytest.mark.timeout(1_800)
async def test_the_storms_of_a_backlog_are_told_at_their_own_times(
    settings: WorkerSettings,
    workers: Workers,
    record_property: Callable[[str, object], None],
    request: pytest.FixtureRequest,
) -> None:
    """Three of them, none merged, none missed, no other; and every event is counted once."""
    full = request.config.getoption("rounds") > 1
    now_s = int(time.time())
    storms = [
        PastStorm("316-DB-POOL-EXHAUSTED", now_s - 40 * 60, lasts_s=120, per_s=60),
        PastStorm("316-AUTH-EXPIRED", now_s - 25 * 60, lasts_s=75, per_s=25),
        PastStorm("316-UPSTREAM-TIMEOUT", now_s - 10 * 60, lasts_s=180, per_s=40),
    ]
    began = time.monotonic()
    backlog = write_backlog(settings, EVENTS_FULL if full else EVENTS, storms, upto_s=now_s)
    written = time.monotonic()
    view, alerts = OtherView(settings), OtherConsumer(settings, settings.topics.alerts)
    worker = workers.start(settings)
    with PeakMemory(worker) as memory:
        until(lambda: view.totals() == backlog.events, deadline_s=WORK_OFF_LIMIT_S, every_s=0.5)
        counted = time.monotonic()
        until(lambda: len(alerts.alerts()) >= 2 * len(storms), deadline_s=WORK_OFF_LIMIT_S)
        until(lambda: view.redis.zcard(f"{view.prefix}storms") == 0)
    total = backlog.events.total()
    print(
        f"{total} events written in {written - began:.0f} s, worked off in {counted - written:.0f} s with the "
        f"start: {total / (counted - written):.0f}/s, memory at most {memory.peak_mib} MiB"
    )
    record_property("backlog_events_per_s", round(total / (counted - written)))

    ends = [alert for alert in alerts.alerts() if alert["transition"] != "escalated"]
    told = {(alert["code"], alert["transition"]): alert for alert in ends}
    assert len(told) == len(ends)
    for storm in storms:
        opened, resolved = told.pop((storm.code, "opened")), told.pop((storm.code, "resolved"))
        assert resolved["storm_id"] == opened["storm_id"]
        assert abs(at_s(opened["started_at"]) - storm.began_s) <= CLOSE_S, opened
        # Source partitions are read by turns: what one of them tells may have to grow for a while to be enough.
        assert 0 <= at_s(opened["at"]) - storm.began_s <= storm.lasts_s, opened
        assert abs(at_s(resolved["resolved_at"]) - storm.began_s - storm.lasts_s) <= CLOSE_S, resolved
        true = backlog.between(storm.code, at_s(resolved["started_at"]), at_s(resolved["at"]))
        assert resolved["events"] == true, resolved
    assert told == {}
    for storm in storms:
        assert view.series(storm.code) == backlog.minutes(storm.code)
        counter = view.counter(storm.code)
        assert (counter["late"], counter["skewed"]) == ("0", "0"), "it was a true backlog"
    view.close()


def at_s(instant: Any) -> float:
    """Epoch s of an alert's instant."""
    return datetime.fromisoformat(instant).timestamp()
