"""Every example of a FaultEvent is what its folder and name say, by the model and by the JSON Schema alike."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from contract.schemas.big_events import REFUSED, nested, sized
from fault316_schemas import FaultEvent
from fault316_schemas.dead_letter import REASONS
from fault316_schemas.event import EVENT_BYTES_MAX
from fault316_schemas.export import SOURCE, json_schema

EXAMPLES = SOURCE / "examples" / "fault-event"
VALID = sorted((EXAMPLES / "valid").iterdir())
INVALID = sorted((EXAMPLES / "invalid").iterdir())
SCHEMA = Draft202012Validator(json_schema("fault-event"))

LOOSER_SCHEMA = {
    "invalid_count-float": "3.0 is an integer in JSON Schema, and none for most decoders",
    "invalid_count-exponent": "the same for 1e3",
    "invalid_json-lone-surrogate": "Python's json module reads it; it is no Unicode text, so other decoders refuse it",
    "wrong_code-newline": "Python's `$` matches before a final newline, ECMA-262's does not",
    "invalid_timestamp-newline": "the same",
    "invalid_timestamp-february-30": "a pattern knows no calendar",
    "invalid_timestamp-hour-24": "the same",
    "invalid_timestamp-leap-second": "the same",
    "invalid_timestamp-offset-24": "the same",
    "invalid_timestamp-year-0": "the same",
    "invalid_timestamp-rounds-out-of-range": "the same",
}
"""Where the JSON Schema cannot say what the model does, and why. A producer who follows docs is not concerned."""


def reason_of(name: str) -> str:
    return name.partition("-")[0].partition(".")[0]


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_a_valid_example_is_accepted_by_model_and_schema(path: Path) -> None:
    """What we show people to write is what we read."""
    FaultEvent.from_json(path.read_bytes())
    SCHEMA.validate(json.loads(path.read_bytes()))


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_a_valid_example_comes_back_as_it_was(path: Path) -> None:
    """Reading and writing loses nothing that the contract knows, and what we write is itself valid."""
    event = FaultEvent.from_json(path.read_bytes())
    written = event.to_json()
    assert FaultEvent.from_json(written) == event
    SCHEMA.validate(json.loads(written))
    said = {name for name, value in json.loads(path.read_bytes()).items() if value is not None}
    assert said & FaultEvent.model_fields.keys() <= json.loads(written).keys()


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_an_invalid_example_is_refused_by_the_model(path: Path) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the words are the decoder's, the reason is intake's to name
        FaultEvent.from_json(path.read_bytes())


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_the_schema_refuses_what_the_model_refuses(path: Path) -> None:
    """Whoever checks against the JSON Schema is not surprised later, but for the listed cases."""

    def no_constant(name: str) -> None:
        raise ValueError(f"{name} is not JSON")

    try:
        text = path.read_bytes().decode()
        refused = not SCHEMA.is_valid(json.loads(text, parse_constant=no_constant))
    except ValueError:
        refused = True
    assert refused is (path.stem not in LOOSER_SCHEMA)


def test_each_listed_difference_has_its_example() -> None:
    assert LOOSER_SCHEMA.keys() <= {path.stem for path in INVALID}


@pytest.mark.parametrize("name", REFUSED)
def test_an_event_too_large_or_too_deep_is_refused(name: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        FaultEvent.from_json(REFUSED[name])


def test_the_largest_event_and_ordinary_nesting_are_accepted() -> None:
    """The limits refuse bombs, not work."""
    assert len(sized(EVENT_BYTES_MAX)) == EVENT_BYTES_MAX
    FaultEvent.from_json(sized(EVENT_BYTES_MAX))
    FaultEvent.from_json(nested(100))


def test_every_reason_has_an_example_and_every_example_a_reason() -> None:
    assert {reason_of(name) for name in [path.name for path in INVALID] + list(REFUSED)} == REASONS.keys()
