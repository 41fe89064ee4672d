"""The slow path: the contract's own judgement on an event that the hot decode did not take.

Slow (tens of microseconds) and exact: it reads with the contract's parser and validates with the contract's
model, restricted to the counted fields, so that there is one definition of what is right.
"""

from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails, from_json

from fault316_schemas import FaultEvent
from fault316_schemas.dead_letter import ERROR_CHARS_MAX
from fault316_schemas.event import EVENT_BYTES_MAX
from fault316_streams.intake.reject import Reason, Rejected, one_line

DEPTH_MAX: Final = 200
"""Nesting that the contract's parser takes."""

COUNTED: Final = (
    "id", "code", "service", "occurred_at", "severity", "count", "host", "endpoint", "user_id", "exception",
)  # fmt: skip
"""The fields that counting needs; of `exception` only its type."""

_REASON_OF_FIELD = {
    "code": Reason.WRONG_CODE,
    "count": Reason.INVALID_COUNT,
    "occurred_at": Reason.INVALID_TIMESTAMP,
}
_REASON_OF_TYPE = {"missing": Reason.MISSING_FIELD, "naive_timestamp": Reason.NAIVE_TIMESTAMP}


def explain(value: bytes | None) -> FaultEvent | Rejected:
    """The event with only its counted fields, or the reason why it is none."""
    if value is None:
        return Rejected(Reason.NULL, "the record has no value (a tombstone)")
    if len(value) > EVENT_BYTES_MAX:
        return Rejected(Reason.TOO_LARGE, f"{len(value)} bytes, at most {EVENT_BYTES_MAX} are read")
    if not value.strip():
        return Rejected(Reason.EMPTY, "the record's value is empty")
    try:
        value.decode()
    except UnicodeDecodeError as error:
        return Rejected(Reason.NOT_UTF8, f"not UTF-8: {error.reason} at byte {error.start}")
    try:
        parsed = from_json(value, allow_inf_nan=False)
    except ValueError as error:
        return _not_json(value, str(error))
    return _validated(parsed)


def _not_json(value: bytes, error: str) -> Rejected:
    """Tell apart the ways of not being JSON."""
    if "recursion limit" in error:
        return Rejected(Reason.TOO_DEEP, f"nested deeper than {DEPTH_MAX} levels")
    try:
        from_json(value, allow_inf_nan=True)
    except ValueError:
        return Rejected(Reason.INVALID_JSON, one_line(f"not JSON: {error}", ERROR_CHARS_MAX))
    return Rejected(Reason.NOT_FINITE, one_line(f"NaN or Infinity is not JSON: {error}", ERROR_CHARS_MAX))


def _validated(parsed: Any) -> FaultEvent | Rejected:
    if parsed is None:
        return Rejected(Reason.NULL, "the record's value is JSON null")
    if not isinstance(parsed, dict):
        return Rejected(Reason.NOT_AN_OBJECT, f"a JSON object is expected, not a {type(parsed).__name__}")
    counted = {name: parsed[name] for name in COUNTED if name in parsed}
    if isinstance(exception := counted.get("exception"), dict):
        counted["exception"] = {name: exception[name] for name in ("type",) if name in exception}
    try:
        return FaultEvent.model_validate(counted)
    except ValidationError as error:
        return _rejected(error.errors(include_url=False, include_input=False)[0])


def _rejected(first: ErrorDetails) -> Rejected:
    field = str(first["loc"][0])
    reason = _REASON_OF_TYPE.get(first["type"]) or _REASON_OF_FIELD.get(field, Reason.INVALID_FIELD)
    where = ".".join(map(str, first["loc"]))
    return Rejected(reason, one_line(f"{where}: {first['msg']}", ERROR_CHARS_MAX))
