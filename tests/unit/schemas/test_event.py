"""FaultEvent: which spellings of time it reads, how strict it is, and that its limits hold together."""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from fault316_schemas import FaultEvent, FaultException
from fault316_schemas import event as limits
from fault316_schemas.export import json_schema

REQUIRED: dict[str, Any] = {
    "id": "e-1",
    "code": "316-TIMEOUT-ERR",
    "service": "checkout",
    "occurred_at": "2026-03-16T03:16:00Z",
}
NOON = datetime(2026, 3, 16, 12, 0, 0, tzinfo=UTC)
NOON_MICROS = NOON.replace(microsecond=123456)


def event(**fields: Any) -> FaultEvent:
    return FaultEvent.model_validate(REQUIRED | fields)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-16T12:00:00Z", NOON),
        ("2026-03-16t12:00:00z", NOON),
        ("2026-03-16 12:00:00Z", NOON),
        ("2026-03-16T20:00:00+08:00", NOON),
        ("2026-03-16T20:00:00+0800", NOON),
        ("2026-03-16T12:00:00-00:00", NOON),
        ("2026-03-16T12:00:00.123456Z", NOON_MICROS),
        ("2026-03-16T12:00:00.123456499Z", NOON_MICROS),
        ("2026-03-16T12:00:00.1234555Z", NOON_MICROS),
        ("2026-03-16T11:59:59.999999500Z", NOON),
        ("2024-02-29T00:00:00Z", datetime(2024, 2, 29, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_a_timestamp_is_read_in_every_spelling_that_docs_promise(text: str, moment: datetime) -> None:
    """Digits beyond microseconds are rounded half up: Java and Go write nine."""
    assert event(occurred_at=text).occurred_at == moment


@pytest.mark.parametrize("text", ["2026-03-16T12:00:00", "2026-03-16 12:00:00.5"])
def test_a_time_without_an_offset_is_named_as_that(text: str) -> None:
    with pytest.raises(ValidationError) as refused:
        event(occurred_at=text)
    assert refused.value.errors()[0]["type"] == "naive_timestamp"


@pytest.mark.parametrize(
    "value",
    ["2016-12-31T23:59:60Z", "2026-02-30T00:00:00Z", "9999-12-31T23:59:59.9999999Z", 1773662400, True],
)
def test_a_time_that_does_not_exist_is_named_as_that(value: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        event(occurred_at=value)
    assert refused.value.errors()[0]["type"] == "invalid_timestamp"


def test_a_naive_datetime_is_refused() -> None:
    with pytest.raises(ValidationError, match="timezone"):
        event(occurred_at=datetime(2026, 3, 16))  # noqa: DTZ001 - the point of the test


@given(
    st.datetimes(timezones=st.timedeltas(timedelta(hours=-14), timedelta(hours=14)).map(timezone)).filter(
        lambda moment: 1 < moment.year < 9999
    )
)
def test_any_aware_moment_comes_back_as_the_same_moment(moment: datetime) -> None:
    """Also with an offset of seconds, as old local mean times have, which RFC 3339 cannot write."""
    assert FaultEvent.from_json(event(occurred_at=moment).to_json()).occurred_at == moment


@pytest.mark.parametrize("count", [0, -1, limits.COUNT_MAX + 1, 3.0, True, "3", None])
def test_count_is_an_integer_and_nothing_that_looks_like_one(count: Any) -> None:
    with pytest.raises(ValidationError):
        event(count=count)


@pytest.mark.parametrize(
    "fields",
    [
        {"pid": True},
        {"pid": "316"},
        {"duration_ms": True},
        {"duration_ms": "5"},
        {"duration_ms": float("inf")},
        {"duration_ms": -1},
        {"service": 316},
        {"message": "\ud800"},
        {"attributes": {"a": float("nan")}},
        {"attributes": {"a": ["no", "scalar"]}},
        {"attributes": {"a": "x" * (limits.ATTRIBUTE_CHARS_MAX + 1)}},
        {"attributes": {str(i): i for i in range(limits.ATTRIBUTES_MAX + 1)}},
        {"resources": {"cache_hit_ratio": 1.01}},
    ],
    ids=str,
)
def test_a_field_of_another_type_is_refused_not_converted(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        event(**fields)


def test_limits_count_characters_not_bytes() -> None:
    event(service="🔥" * limits.NAME_CHARS_MAX)
    with pytest.raises(ValidationError):
        event(service="e" * (limits.NAME_CHARS_MAX + 1))


def test_the_largest_event_that_can_be_made_fits_a_record() -> None:
    """Whatever the model accepts, a client can send: no event is lost for its size."""
    name, text = "\x00" * limits.NAME_CHARS_MAX, "\x00" * limits.TEXT_CHARS_MAX
    names = ["service", "component", "host", "version", "environment"]
    names += ["request_id", "user_id", "endpoint", "trace_id", "span_id"]
    largest = event(
        id="\x00" * limits.ID_CHARS_MAX,
        message=text,
        exception={
            "type": name,
            "message": text,
            "stacktrace": "\x00" * limits.STACKTRACE_CHARS_MAX,
            "fingerprint": name,
        },
        attributes={
            name[:-2] + f"{i:02}": "\x00" * limits.ATTRIBUTE_CHARS_MAX for i in range(limits.ATTRIBUTES_MAX)
        },
        **dict.fromkeys(names, name),
    )
    assert len(largest.to_json()) < limits.EVENT_BYTES_MAX


def test_a_repeated_name_counts_with_its_last_value() -> None:
    """JSON leaves it open; this says what we do, so that a change of decoder is noticed."""
    doubled = b'{"service":"first",' + event(service="last").to_json()[1:]
    assert FaultEvent.from_json(doubled).service == "last"


@pytest.mark.parametrize("code", ["316-A\n", "316-", "316", "316-a", "x316-A", "316-Ä"])
def test_python_must_match_the_code_pattern_with_its_strict_end(code: str) -> None:
    """`$` lets a final newline pass in `re`; what stands in CODE_PATTERN's place there is `\\Z`."""
    strict = limits.CODE_PATTERN.removesuffix("$") + r"\Z"
    assert re.search(strict, code) is None
    with pytest.raises(ValidationError):
        event(code=code)


names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=limits.NAME_CHARS_MAX)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), names
)
events = st.builds(
    FaultEvent,
    id=names.map(lambda text: text[: limits.ID_CHARS_MAX]),
    code=st.from_regex(r"\A316(-[A-Z0-9]{1,8}){1,6}\Z"),
    service=names,
    occurred_at=st.datetimes(min_value=datetime(2000, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis
    count=st.integers(1, limits.COUNT_MAX),
    user_id=st.none() | names,
    duration_ms=st.none() | st.floats(0, 1e12),
    exception=st.none() | st.builds(FaultException, type=names),
    attributes=st.none() | st.dictionaries(names, scalars, max_size=4),
)
SCHEMA = Draft202012Validator(json_schema("fault-event"))


@settings(max_examples=50, deadline=None)
@given(events)
def test_any_event_comes_back_as_it_was_and_agrees_with_the_schema(reported: FaultEvent) -> None:
    written = reported.to_json()
    assert FaultEvent.from_json(written) == reported
    SCHEMA.validate(reported.model_dump(mode="json", exclude_none=True))
