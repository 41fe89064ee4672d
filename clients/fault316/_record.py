"""What `report` leaves behind for the sending thread: small, and nothing in it that the caller still changes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import NoneType
from typing import Any

from fault316._capture import Captured, capture
from fault316._context import fields_of
from fault316._text import SLACK_CHARS
from fault316_schemas import Resources
from fault316_schemas.event import COUNT_MAX, TEXT_CHARS_MAX

KEPT_CHARS_MAX = TEXT_CHARS_MAX + SLACK_CHARS
"""Of any text: what the event may hold, and what the scrubber looks at beyond the cut."""

_LIGHT = (str, int, float, NoneType, datetime, Resources)


@dataclass(slots=True)
class Record:
    """One call of `report`, or several identical ones together."""

    code: str
    details: dict[str, Any]
    """As given, without `count` and `exception`; with the fields of the context around."""
    count: int
    at_s: float
    """When, epoch s."""
    captured: Captured | None


def record(code: str, details: dict[str, Any], context: Mapping[str, Any], at_s: float) -> Record:
    """Take down what was reported. Keeps `details`.

    Raises:
        ValueError: `count` is not as the contract says.
        Exception: an argument's `__str__` failed; it is no exception; and the like.
    """
    count = details.pop("count", 1)
    if type(count) is not int or not 1 <= count <= COUNT_MAX:
        raise ValueError(f"count should be an integer from 1 to {COUNT_MAX:,}")
    exception = details.pop("exception", None)
    captured = None
    if exception is not None:
        captured = capture(exception)
        context = {**context, **fields_of(exception)}
    for key, value in context.items():
        if details.get(key) is None:
            details[key] = value
    for key, value in details.items():
        if type(value) is not str or len(value) > KEPT_CHARS_MAX:
            details[key] = _kept(value)
    return Record(code, details, count, at_s, captured)


def _kept(value: Any) -> Any:
    """As `_light`; a mapping by its items."""
    # In this order, because each report waits for it: asking whether something is a Mapping is dear.
    if type(value) is dict or (not isinstance(value, _LIGHT) and isinstance(value, Mapping)):
        return {_light(key): _light(each) for key, each in value.items()}
    return _light(value)


def _light(value: Any) -> Any:
    """A value that does not change and is of bounded size; any other object is taken by its text."""
    if not isinstance(value, str):
        if isinstance(value, _LIGHT):
            return value
        value = str(value)
    return value[:KEPT_CHARS_MAX] if len(value) > KEPT_CHARS_MAX else value
