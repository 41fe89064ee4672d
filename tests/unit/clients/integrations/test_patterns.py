"""Why an input was refused: pydantic's own errors, by pattern."""

from datetime import datetime
from typing import Annotated, Any, Literal

import pytest
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PastDatetime,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)

from fault316.integrations._patterns import Pattern, pattern_of

Name = Annotated[str, StringConstraints(min_length=3, max_length=5, pattern=r"^[a-z ]+$")]
Count = Annotated[int, Field(gt=0)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")
    a: int


@pytest.mark.parametrize(
    ("wanted", "given", "pattern"),
    [
        (Strict, {}, "missing"),
        (Strict, {"a": 1, "b": 2}, "unexpected"),
        (Name, "", "empty"),
        (Count, "   ", "empty"),
        (Name, None, "empty"),
        (Count, "", "empty"),
        (Annotated[list[int], Field(min_length=1)], [], "empty"),
        (Name, "abcdefg", "oversize"),
        (Name, "<script>", "oversize"),
        (Annotated[list[int], Field(max_length=1)], [1, 2], "oversize"),
        (Count, "9" * 5_000, "oversize"),
        (Name, "ab", "too_short"),
        (Count, 0, "out_of_range"),
        (PastDatetime, datetime(2999, 1, 1), "out_of_range"),  # noqa: DTZ001 - compared with a naive now
        (Name, "<b>", "special_characters"),
        (Name, "a'b", "special_characters"),
        (Name, "a\x00b", "special_characters"),
        (Name, "caf🔥", "special_characters"),
        (Count, "1;--", "special_characters"),
        (Name, "ABC", "wrong_format"),
        (Literal["a", "b"], "c", "unknown_value"),
        (Count, "many", "wrong_type"),
        (Count, 1.5, "wrong_type"),
        (Name, 7, "wrong_type"),
        (datetime, "yesterday", "wrong_type"),
        (Strict, "text", "wrong_type"),
    ],
)
def test_the_pattern_of_a_refusal(wanted: Any, given: Any, pattern: str) -> None:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(wanted).validate_python(given)
    assert pattern_of(refused.value.errors()[0]) is Pattern(pattern)


def test_what_is_not_json_is_malformed() -> None:
    with pytest.raises(ValidationError) as refused:
        Strict.model_validate_json("{")
    assert pattern_of(refused.value.errors()[0]) is Pattern.MALFORMED


def test_an_error_of_another_release_has_a_pattern_too() -> None:
    assert pattern_of({"type": "new_rule", "input": object()}) is Pattern.WRONG_FORMAT
    assert pattern_of({}) is Pattern.EMPTY
