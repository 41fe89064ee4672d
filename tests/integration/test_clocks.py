"""Storms of services whose clocks are wrong, and on a worker whose clock is: as with clocks that are right.

All rows of a table are written side by side to one worker, each with a code of its own.
"""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, NamedTuple

import pytest

from fault316_streams.settings import WorkerSettings
from other_client import OtherConsumer, OtherProducer, OtherView, fault
from support import until
from worker_process import Workers
from wrong_clock_worker import WrongClockWorker

PER_S: Final = 40
STORM_S: Final = 50
"""Longer than what a wrong clock made of it: resolved after 22 s, and opened again."""
HOLD_S: Final = 30
"""By the default policy, after the 10 s in which the window drains."""
WINDOW_S: Final = 10
OPEN_S_MAX: Final = 5
SLACK_S: Final = 3
"""Of a worker that shares two processors with everything else."""
HOUR_S: Final = 3_600
DAY_S: Final = 24 * HOUR_S

Clock = Callable[[float, float], float]
"""What a service's clock shows: at which epoch second, how far into the storm."""


class Row(NamedTuple):
    """A storm that is on now."""

    name: str
    clock: Clock
    """Of the service `shop`."""
    says: str = ""
    """In the summary."""
    offset_s: float | None = None
    """What the alert says of `shop`'s clock at the end, to within a second or a hundredth."""
    waits_s: float | None = None
    """It says when it sent, and had it for so long."""
    others: float = 0.0
    """The share of faults that are of `search`, whose clock is right."""
    lump_s: float = 0.0
    """It is delivered every so often."""


def off(by_s: float) -> Clock:
    return lambda now_s, _into_s: now_s + by_s


BEHIND, AHEAD = " (a wrong clock, or a backlog).", " (a wrong clock)."
ROWS: Final = [
    Row("RIGHT", off(0)),
    Row("BEHIND-20S", off(-20), f"20 s behind by shop{BEHIND}", -20),
    Row("BEHIND-50S", off(-50), f"50 s behind by shop{BEHIND}", -50),
    Row("BEHIND-10M", off(-600), f"10 min behind by shop{BEHIND}", -600),
    Row("BEHIND-20M", off(-1_200), f"20 min behind by shop{BEHIND}", -1_200),
    Row("BEHIND-8H", off(-8 * HOUR_S), f"8.0 h behind by shop{BEHIND}", -8 * HOUR_S),
    Row("BEHIND-27H", off(-27 * HOUR_S), f"27.0 h behind by shop{BEHIND}", -27 * HOUR_S),
    Row("BEHIND-9Y", off(-9 * 365 * DAY_S), f"3,285 days behind by shop{BEHIND}", -9 * 365 * DAY_S),
    Row("AHEAD-30S", off(30), f"30 s ahead by shop{AHEAD}", 30),
    Row("AHEAD-2M", off(120), f"2 min ahead by shop{AHEAD}", 120),
    Row("AHEAD-10M", off(600), f"10 min ahead by shop{AHEAD}", 600),
    Row("AHEAD-8H", off(8 * HOUR_S), f"8.0 h ahead by shop{AHEAD}", 8 * HOUR_S),
    Row("MINUTES", lambda now_s, _: now_s // 60 * 60, "", None),
    Row("DRIFTING", lambda now_s, into_s: now_s - 20 + into_s, "", None),
    Row("STEPPING", lambda now_s, into_s: now_s - 8 * HOUR_S * (into_s < 25), "", None),
    Row("ONE-OF-TWO", off(-8 * HOUR_S), f"8.0 h behind by shop{BEHIND}", -8 * HOUR_S, others=0.5),
    Row("STAMPED-8H", off(8 * HOUR_S), f"8.0 h ahead by shop{AHEAD}", 8 * HOUR_S, waits_s=0.0),
    Row("SLOW-SHIPPER", off(0), waits_s=30.0),
    Row("LINGERS", off(0), lump_s=5.0),
]


@pytest.mark.timeout(400)
def test_whatever_the_clocks_say_a_storm_is_one_storm(settings: WorkerSettings, workers: Workers) -> None:
    """Opened within 5 s of its first fault, held while it lasts, ended within its hold time; and who is off is named."""
    workers.start(settings).ready()
    alerts = OtherConsumer(settings, settings.topics.alerts)
    began_s = time.time()
    sent = write(settings, began_s)
    ended_s = time.time()
    until(lambda: resolved(alerts, len(ROWS)), deadline_s=HOLD_S + 2 * WINDOW_S + 30)
    view = OtherView(settings)
    until(lambda: view.totals() == sent)
    by_code = {row: alerts.alerts(f"316-{row.name}") for row in ROWS}
    wrong = [
        f"{row.name}: {fault}"
        for row, its in by_code.items()
        for fault in faults_of(row, its, began_s, ended_s)
    ]
    assert not wrong, "\n".join(wrong)
    view.close()


def test_a_backlog_that_says_so_is_one_storm_at_its_own_time(
    settings: WorkerSettings, workers: Workers
) -> None:
    """A client delivers what it held back for ten minutes, over some seconds, by a clock that is an hour ahead.

    A minute of faults and nine of calm: a storm of then, and none of now. What is older than the judge looks back is
    counted, and is no storm at all.
    """
    workers.start(settings).ready()
    producer, alerts = OtherProducer(settings), OtherConsumer(settings, settings.topics.alerts)
    began_s = time.time()
    storm_s = [began_s - 600 + n / PER_S for n in range(60 * PER_S)]
    calm_s = [began_s - 540 + 2 * n for n in range(270)]
    for at_s in [*storm_s, *calm_s]:
        older_s = at_s - HOUR_S
        sent_at = datetime.fromtimestamp(time.time() + HOUR_S).astimezone()
        for code, its_s in (("316-SPOOLED", at_s), ("316-OLDER", older_s)):
            producer.send(fault(code, at_s=its_s + HOUR_S, sent_at=sent_at))
        time.sleep(0.003)
    producer.flush()
    until(lambda: resolved(alerts, 1), deadline_s=90)
    view, events = OtherView(settings), len(storm_s) + len(calm_s)
    until(lambda: view.totals() == {"316-SPOOLED": events, "316-OLDER": events})
    opened, *_, end = alerts.alerts()
    assert (opened["transition"], end["transition"], end["code"]) == ("opened", "resolved", "316-SPOOLED")
    assert opened["storm_id"] == end["storm_id"]
    assert at_s_of(opened["started_at"]) == pytest.approx(began_s - 600, abs=SLACK_S)
    assert at_s_of(end["resolved_at"]) == pytest.approx(began_s - 540, abs=SLACK_S)
    assert float(view.rate("316-SPOOLED")["10s"]) <= 2, "nothing happens now"
    view.close()


def write(settings: WorkerSettings, began_s: float) -> dict[str, int]:
    """All storms; code → events."""
    producer, numbers = OtherProducer(settings), dict.fromkeys(ROWS, 0)
    due: dict[Row, float] = dict.fromkeys(ROWS, 0.0)
    while (into_s := time.time() - began_s) < STORM_S:
        for row in ROWS:
            if into_s < due[row]:
                continue
            due[row] = into_s + row.lump_s
            while numbers[row] < into_s * PER_S:
                send(producer, row, began_s, numbers[row] / PER_S, numbers[row])
                numbers[row] += 1
        time.sleep(0.05)
    producer.flush()
    return {f"316-{row.name}": n for row, n in numbers.items()}


def send(producer: OtherProducer, row: Row, began_s: float, into_s: float, number: int) -> None:
    now_s = began_s + into_s
    other = number * 37 % 100 < 100 * row.others
    at_s = now_s if other else row.clock(now_s, into_s)
    more: dict[str, object] = {"service": "search" if other else "shop"}
    if row.waits_s is not None:
        more["sent_at"] = datetime.fromtimestamp(row.clock(time.time(), into_s)).astimezone()
        at_s -= row.waits_s
    producer.send(fault(f"316-{row.name}", at_s=at_s, id=f"e{number}", **more), number % 4)


def resolved(alerts: OtherConsumer, storms: int) -> bool:
    ended = [alert for alert in alerts.alerts() if alert["transition"] == "resolved"]
    return len({alert["code"] for alert in ended}) == storms


def faults_of(row: Row, its: list[dict[str, Any]], began_s: float, ended_s: float) -> list[str]:
    """What is wrong with a storm's alerts."""
    kinds = [alert["transition"] for alert in its if alert["transition"] != "escalated"]
    if kinds != ["opened", "resolved"]:
        return [f"is {[(alert['transition'], alert['at']) for alert in its]}"]
    opened, *_, end = its
    waited_s = row.waits_s or 0.0
    wrong = []
    opened_s = at_s_of(opened["at"]) + waited_s - began_s
    if not -1 <= opened_s <= OPEN_S_MAX:
        wrong.append(f"opened after {opened_s:.1f} s")
    over_s = at_s_of(end["resolved_at"]) + waited_s - ended_s
    if abs(over_s) > SLACK_S + row.lump_s:
        wrong.append(f"over {over_s:.1f} s after its end")
    told_s = at_s_of(end["at"]) + waited_s - ended_s
    if not 0 < told_s <= WINDOW_S + HOLD_S + SLACK_S:
        wrong.append(f"told to be over {told_s:.1f} s after its end")
    if row.says not in opened["summary"]:
        wrong.append(f"says {opened['summary']!r}, not {row.says!r}")
    clocks = {clock["service"]: clock["offset_s"] for clock in end["clocks"]}
    if row.offset_s is not None and (
        clocks.keys() != {"shop"} or abs(clocks["shop"] - row.offset_s) > max(1.0, abs(row.offset_s) / 100)
    ):
        wrong.append(f"clocks are off by {clocks}")
    return wrong


def at_s_of(instant: str) -> float:
    """Epoch s of an alert's instant."""
    return datetime.fromisoformat(instant).timestamp()


@pytest.mark.timeout(200)
def test_a_workers_own_clock_judges_nothing(settings: WorkerSettings, workers: Workers) -> None:
    """An hour ahead, then two minutes behind in the middle of a storm; it says so, and alerts as any other."""
    worker = workers.start(settings, kind=WrongClockWorker, ahead_s=3_600.0)
    assert isinstance(worker, WrongClockWorker)
    worker.ready()
    until(lambda: "3,600 s ahead of kafka's" in worker.readyz()["components"]["intake"]["detail"])
    assert worker.metric("fault316_clock_offset_seconds") == pytest.approx(3_600, abs=1)
    producer, alerts = OtherProducer(settings), OtherConsumer(settings, settings.topics.alerts)
    began_s = time.time()
    for second in range(12):
        producer.send_all([fault("316-A")] * PER_S)
        if second == 6:
            worker.step_to(-120.0)
        time.sleep(max(0.0, began_s + second + 1 - time.time()))
    ended_s = time.time()
    until(lambda: resolved(alerts, 1), deadline_s=HOLD_S + WINDOW_S + 30)
    assert not faults_of(Row("A", off(0)), alerts.alerts(), began_s, ended_s)
    assert "120 s behind kafka's" in worker.readyz()["components"]["intake"]["detail"]
    said = worker.log.read_text()
    assert said.count("this machine's clock is wrong") == 2, "once, and once more when it changed"
