"""A storm's alert, from the event that crosses the threshold to another program's consumer."""

import time
from collections.abc import Callable
from typing import Final

from fault316_streams.settings import WorkerSettings
from other_client import OtherConsumer, OtherProducer, OtherView, fault
from support import until
from worker_process import Workers

CODE: Final = "316-DB-POOL-EXHAUSTED"
FLOOR: Final = 20
"""Events within 10 s that make a storm of a code without a history, by the default policy."""


def test_the_event_that_crosses_the_threshold_raises_the_alert(
    settings: WorkerSettings, workers: Workers, record_property: Callable[[str, object], None]
) -> None:
    """And the one before does not. How long it takes is recorded, not judged."""
    workers.start(settings).ready()
    producer, view = OtherProducer(settings), OtherView(settings)
    alerts = OtherConsumer(settings, settings.topics.alerts)
    producer.send_all([fault(CODE, exception={"type": "PoolTimeout"})] * (FLOOR - 1))
    until(lambda: view.totals()[CODE] == FLOOR - 1 and view.rate(CODE)["state"] == "quiet")
    assert alerts.read() == []

    producer.send(fault(CODE, id="last", message="no connection", request_id="r20", user_id="u20"))
    sent_s = time.monotonic()
    producer.flush()
    until(lambda: alerts.read(wait_s=0.01), every_s=0)
    latency_s = time.monotonic() - sent_s
    record_property("event_to_alert_s", round(latency_s, 3))
    print(f"event to alert: {latency_s * 1_000:.0f} ms")

    [alert] = alerts.alerts()
    assert (alert["transition"], alert["reason"], alert["code"]) == ("opened", "above_baseline", CODE)
    assert (alert["severity"], alert["layer"], alert["events"]) == ("P0", "data", FLOOR)
    assert alert["storm_id"].startswith(CODE)
    assert alert["factor"] > 3
    assert alert["facets"]["exception_types"] == [{"value": "PoolTimeout", "events": FLOOR - 1, "share": 1.0}]
    assert "pool" in alert["summary"].lower()
    assert alert["runbook"]
    until(lambda: view.rate(CODE)["state"] == "storm")
    view.close()


def test_a_storm_of_weighted_events_is_one_too(settings: WorkerSettings, workers: Workers) -> None:
    """A client that rolls up sends one event for twenty faults."""
    workers.start(settings).ready()
    OtherProducer(settings).send_all([fault(CODE, count=FLOOR)])
    alerts = OtherConsumer(settings, settings.topics.alerts)
    until(alerts.read)
    assert alerts.alerts()[0]["events"] == FLOOR
