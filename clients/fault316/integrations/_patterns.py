"""Why an input was refused, in a few words that hold nothing of the input."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

LOOKED_AT_CHARS_MAX = 10_000
"""Of a refused text; what is odd about a longer one is its length."""


class Pattern(StrEnum):
    """What was wrong with one field."""

    MISSING = "missing"
    UNEXPECTED = "unexpected"
    MALFORMED = "malformed"
    """The body is not JSON, or not what a type's encoding should be."""
    EMPTY = "empty"
    """Null, blank, or a list or an object of nothing."""
    OVERSIZE = "oversize"
    TOO_SHORT = "too_short"
    OUT_OF_RANGE = "out_of_range"
    SPECIAL_CHARACTERS = "special_characters"
    """Markup, quotes, control characters, symbols: where a plain text or number was asked for."""
    UNKNOWN_VALUE = "unknown_value"
    """None of those that are allowed."""
    WRONG_TYPE = "wrong_type"
    WRONG_FORMAT = "wrong_format"
    """Any other rule that the service has."""


# Names of pydantic's errors (https://docs.pydantic.dev/latest/errors/validation_errors/), in the order of the test.
_BEFORE_THE_INPUT = (
    (Pattern.MISSING, re.compile(r"missing.*|union_tag_not_found")),
    (Pattern.UNEXPECTED, re.compile(r"extra_forbidden|unexpected_.*|multiple_argument_values")),
    (Pattern.MALFORMED, re.compile(r"json_.*|.*_unicode|.*_invalid_encoding")),
)
_BY_SIZE = (
    (Pattern.OVERSIZE, re.compile(r".*too_long|int_parsing_size")),
    (Pattern.TOO_SHORT, re.compile(r".*too_short")),
    (
        Pattern.OUT_OF_RANGE,
        re.compile(
            r"(greater|less)_than.*|multiple_of|finite_number|decimal_(max|whole)_.*|.*_(past|future)"
        ),
    ),
)
_BY_KIND = (
    (Pattern.UNKNOWN_VALUE, re.compile(r"enum|literal_error|union_tag_invalid")),
    (Pattern.WRONG_TYPE, re.compile(r".*_(type|parsing|from_float|inexact)|is_(instance|subclass)_of")),
)
_SPECIAL = re.compile(r"[^\w\s.,:+@/-]|[\x00-\x08\x0b-\x1f]")


def pattern_of(error: Mapping[str, Any]) -> Pattern:
    """The pattern of one of pydantic's errors, as its `errors()` gives them."""
    kind, given = str(error.get("type")), error.get("input")
    if found := _first(_BEFORE_THE_INPUT, kind):
        return found
    if _is_empty(given):
        return Pattern.EMPTY
    if found := _first(_BY_SIZE, kind):
        return found
    if isinstance(given, str) and _SPECIAL.search(given[:LOOKED_AT_CHARS_MAX]):
        return Pattern.SPECIAL_CHARACTERS
    return _first(_BY_KIND, kind) or Pattern.WRONG_FORMAT


def _first(table: tuple[tuple[Pattern, re.Pattern[str]], ...], kind: str) -> Pattern | None:
    return next((pattern for pattern, names in table if names.fullmatch(kind)), None)


def _is_empty(given: Any) -> bool:
    return given is None or (isinstance(given, str) and not given.strip()) or given in ([], {}, b"")
