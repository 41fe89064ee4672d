"""Why an event is refused, and how what others wrote is shown. Bad input is a value with a reason, never an exception."""

from enum import StrEnum
from typing import Final, NamedTuple

from fault316_schemas.scrub import scrub_text

SLACK_CHARS: Final = 4_096
"""Looked at for secrets beyond what is shown, so that the cut hides none."""


class Reason(StrEnum):
    """The same word is the dead letter's header, the log field and the metric label; the contract has them too."""

    EMPTY = "empty"
    NULL = "null"  # a tombstone, or JSON null
    TOO_LARGE = "too_large"
    NOT_UTF8 = "not_utf8"
    INVALID_JSON = "invalid_json"
    NOT_FINITE = "not_finite"  # NaN or Infinity, which JSON does not have
    TOO_DEEP = "too_deep"
    NOT_AN_OBJECT = "not_an_object"
    MISSING_FIELD = "missing_field"
    WRONG_CODE = "wrong_code"
    NAIVE_TIMESTAMP = "naive_timestamp"
    INVALID_TIMESTAMP = "invalid_timestamp"
    INVALID_COUNT = "invalid_count"
    INVALID_FIELD = "invalid_field"


class Rejected(NamedTuple):
    """A refused event: the reason for programs, the error (one bounded, printable line) for people."""

    reason: Reason
    error: str


def shown(text: str, chars_max: int) -> str:
    """What others wrote, for people's eyes: without secrets, cut, on one line."""
    return one_line(scrub_text(text[: chars_max + SLACK_CHARS]), chars_max)


def one_line(text: str, chars_max: int) -> str:
    """`text` cut to `chars_max`, `escaped`."""
    return escaped(text[:chars_max])[:chars_max]


def escaped(text: str) -> str:
    """All of `text`, with everything that could move a terminal's cursor or break a line escaped."""
    if text.isprintable():
        return text
    return "".join(ch if ch.isprintable() else ch.encode("unicode_escape").decode() for ch in text)
