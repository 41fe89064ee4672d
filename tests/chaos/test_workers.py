"""Workers that stop, crash and come back, while events flow: nothing is lost, doubled, missed or repeated."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from event_flow import EventFlow
from fault316_streams.settings import WorkerSettings
from other_client import OtherConsumer, OtherView
from support import until
from worker_process import WorkerProcess, Workers

MOVED_LIMIT_S: Final = 60.0
"""A session timeout of 6 s, a rebalance, the recovery of the tables: some 10 s on an idle machine."""
STORMS: Final = ("316-STORM-ONE", "316-STORM-TWO", "316-STORM-THREE")


def partitions(worker: WorkerProcess) -> int:
    """Source partitions that a worker reads."""
    return int(worker.readyz()["components"]["intake"].get("partitions", 0))


def transitions(alerts: OtherConsumer, code: str) -> list[str]:
    """A code's transitions, in the order of the topic, repeats under the same id left out."""
    bodies: dict[str, dict[str, Any]] = {}
    for alert in alerts.alerts(code):
        assert bodies.setdefault(alert["alert_id"], alert) == alert, "an id stands for one alert"
    assert len({alert["storm_id"] for alert in bodies.values()}) <= 1, list(bodies)
    return [alert["transition"] for alert in bodies.values() if alert["transition"] != "escalated"]


def storms(flow: EventFlow, alerts: OtherConsumer, code: str) -> None:
    """Let a code storm, until its alert is there."""
    flow.storm = code
    until(lambda: transitions(alerts, code) == ["opened"], deadline_s=MOVED_LIMIT_S)


def test_partitions_move_from_a_stopped_and_from_a_killed_worker(
    impatient: WorkerSettings, workers: Workers, quick_storms: str
) -> None:
    """Two share; one is stopped, a third joins, one is killed. A storm is on at each of these moments."""

    def start() -> WorkerProcess:
        return workers.start(impatient, "--policy", quick_storms)

    first, second = start(), start()
    first.ready(), second.ready()
    until(lambda: partitions(first) == partitions(second) == 2)
    alerts = OtherConsumer(impatient, impatient.topics.alerts)
    view = OtherView(impatient)
    with EventFlow(impatient) as flow:
        storms(flow, alerts, STORMS[0])
        assert first.stop() == 0
        storms(flow, alerts, STORMS[1])
        until(lambda: partitions(second) == 4)
        third = start().ready()
        until(lambda: partitions(second) == partitions(third) == 2)
        second.kill()
        storms(flow, alerts, STORMS[2])
        until(lambda: partitions(third) == 4, deadline_s=MOVED_LIMIT_S)
    until(lambda: view.totals() == flow.produced, deadline_s=MOVED_LIMIT_S)
    for code in flow.produced:
        until(lambda code=code: transitions(alerts, code) == ["opened", "resolved"])  # type: ignore[misc]
    until(lambda: view.redis.zcard(f"{view.prefix}storms") == 0)
    assert view.totals() == flow.produced
    assert third.stop() == 0
    alerts.close()
    view.close()


@pytest.mark.parametrize("end", [WorkerProcess.stop, WorkerProcess.kill])
def test_a_restarted_worker_counts_on_and_ends_the_storm_that_it_finds(
    impatient: WorkerSettings, workers: Workers, quick_storms: str, end: Callable[[WorkerProcess], object]
) -> None:
    """Stopped or killed in the middle of a storm: the same storm goes on, and is resolved under its id."""
    worker = workers.start(impatient, "--policy", quick_storms).ready()
    alerts = OtherConsumer(impatient, impatient.topics.alerts)
    view = OtherView(impatient)
    with EventFlow(impatient) as flow:
        storms(flow, alerts, STORMS[0])
        end(worker)
        before = view.totals()
        worker = workers.start(impatient, "--policy", quick_storms).ready()
        until(lambda: view.totals()[STORMS[0]] > before[STORMS[0]])
        assert transitions(alerts, STORMS[0]) == ["opened"]
    until(lambda: view.totals() == flow.produced)
    for code in flow.produced:
        until(lambda code=code: transitions(alerts, code) == ["opened", "resolved"])  # type: ignore[misc]
    assert worker.stop() == 0
    alerts.close()
    view.close()


def test_a_worker_that_wakes_too_late_disturbs_nothing(impatient: WorkerSettings, workers: Workers) -> None:
    """It hung until another had its partitions; what it still says and writes then is known already."""
    sleeper, other = workers.start(impatient), workers.start(impatient)
    sleeper.ready(), other.ready()
    until(lambda: partitions(sleeper) == partitions(other) == 2)
    alerts = OtherConsumer(impatient, impatient.topics.alerts)
    view = OtherView(impatient)
    with EventFlow(impatient) as flow:
        until(lambda: view.totals().total() > 500)
        sleeper.pause()
        until(lambda: partitions(other) == 4, deadline_s=MOVED_LIMIT_S)
        storms(flow, alerts, STORMS[0])
        sleeper.wake()
        until(lambda: partitions(sleeper) == partitions(other) == 2, deadline_s=MOVED_LIMIT_S)
        storms(flow, alerts, STORMS[1])
    until(lambda: view.totals() == flow.produced)
    assert (sleeper.stop(), other.stop()) == (0, 0)
    assert view.totals() == flow.produced
    for code in flow.produced:
        assert transitions(alerts, code)[:1] == ["opened"]
    alerts.close()
    view.close()
