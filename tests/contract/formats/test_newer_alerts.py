"""Alerts of a newer release, in the topic, in Redis or in a table entry: what is new in them is no error."""

import orjson
import pytest
from pydantic import ValidationError

from fault316_schemas import Reason, StormAlert

ALERT = {
    "alert_id": "316-A@20260921T133320Z/1-opened",
    "storm_id": "316-A@20260921T133320Z",
    "transition": "opened",
    "reason": "above_baseline",
    "code": "316-A",
    "title": "Fault",
    "severity": "P1",
    "layer": "data",
    "started_at": "2026-09-21T13:33:20Z",
    "at": "2026-09-21T13:33:24Z",
    "window_s": 10,
    "observed_per_s": 42.0,
    "baseline_per_s": 0.5,
    "factor": 84.0,
    "score": 300.0,
    "events": 210,
    "peak_per_s": 42.0,
    "users": 3,
    "runbook": "Look.",
    "summary": "It storms.",
}


def test_a_reason_that_came_later_is_kept_as_it_is() -> None:
    """By contract it is information. Refused, the alert would be missed by a client and would end a worker that finds
    it in a table entry."""
    alert = StormAlert.from_json(orjson.dumps(ALERT | {"reason": "seasonal_peak"}))
    assert alert.reason == alert.reason.value == "seasonal_peak"
    assert orjson.loads(alert.to_json())["reason"] == "seasonal_peak"
    assert alert == StormAlert.from_json(alert.to_json())
    assert "seasonal_peak" not in list(Reason)


def test_a_field_that_came_later_is_passed_over() -> None:
    newer = StormAlert.from_json(orjson.dumps(ALERT | {"forecast": {"per_s": 3}}))
    assert newer == StormAlert.from_json(orjson.dumps(ALERT))


@pytest.mark.parametrize("reason", [None, 3, "", "two words", "a\nline", "x" * 65])
def test_what_cannot_be_a_reason_is_refused(reason: object) -> None:
    """It becomes a metric's label and a field of the log."""
    with pytest.raises(ValidationError, match="reason"):
        StormAlert.from_json(orjson.dumps(ALERT | {"reason": reason}))
