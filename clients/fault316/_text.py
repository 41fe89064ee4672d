"""Making any text fit the contract: without secrets, and no fault lost because its message is long or garbled."""

from collections.abc import Mapping
from typing import Any

from fault316_schemas.event import ATTRIBUTE_CHARS_MAX, NAME_CHARS_MAX, STACKTRACE_CHARS_MAX, TEXT_CHARS_MAX
from fault316_schemas.scrub import scrub_fields, scrub_text

CUT = "…"
SLACK_CHARS = 4_096
"""Looked at for secrets beyond what is kept: one that lies across the cut is still known as a whole. What a service
gives may be of any size; the scrubber's work is bounded by this."""


def clean(value: str) -> str:
    """Text that UTF-8 can carry: lone surrogates, as in file names that do not decode, become `?`."""
    return value.encode("utf-8", "replace").decode()


def name(value: Any) -> str | None:
    """A short field, such as a user id; None where it is empty."""
    return _head(str(value), NAME_CHARS_MAX) or None


def text(value: Any) -> str | None:
    """A message."""
    return None if value is None else _head(str(value), TEXT_CHARS_MAX)


def attributes(given: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes; here names tell secrets, too. Values that are not texts stay as they are."""
    bounded = {str(key): _bounded(value, ATTRIBUTE_CHARS_MAX) for key, value in given.items()}
    return {key: _cut(value, ATTRIBUTE_CHARS_MAX) for key, value in scrub_fields(bounded).items()}


def stacktrace(value: str) -> str:
    """A traceback; the innermost frames, which are last, are the ones kept."""
    value = scrub_text(clean(value[-(STACKTRACE_CHARS_MAX + SLACK_CHARS) :]))
    if len(value) > STACKTRACE_CHARS_MAX:
        value = CUT + value[-(STACKTRACE_CHARS_MAX - len(CUT)) :]
    return value


def _head(value: str, chars_max: int) -> str:
    return str(_cut(scrub_text(_bounded(value, chars_max)), chars_max))


def _bounded(value: Any, chars_max: int) -> Any:
    return clean(value[: chars_max + SLACK_CHARS]) if isinstance(value, str) else value


def _cut(value: Any, chars_max: int) -> Any:
    too_long = isinstance(value, str) and len(value) > chars_max
    return value[: chars_max - len(CUT)] + CUT if too_long else value
