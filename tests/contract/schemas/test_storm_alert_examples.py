"""Every example of a StormAlert is read by the model and by the JSON Schema alike."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from fault316_schemas import StormAlert, Transition
from fault316_schemas.export import SOURCE, json_schema

VALID = sorted((SOURCE / "examples" / "storm-alert" / "valid").iterdir())
SCHEMA = Draft202012Validator(json_schema("storm-alert"))


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_an_alert_example_is_accepted_and_comes_back_as_it_was(path: Path) -> None:
    alert = StormAlert.from_json(path.read_bytes())
    SCHEMA.validate(json.loads(path.read_bytes()))
    SCHEMA.validate(json.loads(alert.to_json()))
    assert StormAlert.from_json(alert.to_json()) == alert


def test_there_is_an_example_of_each_transition() -> None:
    assert {StormAlert.from_json(path.read_bytes()).transition for path in VALID} == set(Transition)


def test_the_examples_tell_one_storm() -> None:
    """One storm id throughout, one alert id per transition: what consumers group and drop repeats by."""
    alerts = [StormAlert.from_json(path.read_bytes()) for path in VALID]
    assert len({alert.storm_id for alert in alerts}) == 1
    assert len({alert.alert_id for alert in alerts}) == len(alerts)


@pytest.mark.parametrize("field", ["observed_per_s", "baseline_per_s", "factor", "score", "peak_per_s"])
@pytest.mark.parametrize("value", [float("inf"), float("nan"), -1.0])
def test_an_alert_cannot_carry_a_number_that_json_has_not(field: str, value: float) -> None:
    """JSON would say null there, and the consumer could not read the alert."""
    alert = StormAlert.from_json(VALID[0].read_bytes())
    with pytest.raises(ValidationError, match=field):
        StormAlert.model_validate(alert.model_dump() | {field: value})


def test_an_alert_of_a_newer_worker_is_still_read() -> None:
    newer = json.loads(VALID[0].read_bytes()) | {"added_later": {"x": 1}}
    assert StormAlert.from_json(json.dumps(newer)).code == newer["code"]
