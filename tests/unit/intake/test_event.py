"""The hot decode against the contract: the same answer on every byte string, as far as the counted fields go."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fault316_schemas import FaultEvent
from fault316_schemas.event import EVENT_BYTES_MAX
from fault316_streams.intake.event import HotEvent, decode, sample
from fault316_streams.intake.explain import COUNTED, DEPTH_MAX
from fault316_streams.intake.reject import Reason, Rejected
from fault316_streams.partial import Sample

PIECES = [
    b'"',
    b"\\",
    b"\\ud800",
    b"\\u0000",
    b"NaN",
    b"1e999",
    b"{",
    b"}",
    b"[",
    b"null",
    b"\xff",
    b"\xc3\xa9",
    b"0",
    b"-",
    b".",
    b"T",
    b" ",
]
"""What breaks decoders more often than random bytes do."""

VALID: dict[str, Any] = {
    "id": "e-1",
    "code": "316-DB-DEADLOCK",
    "service": "orders",
    "occurred_at": "2026-01-02T03:04:05.678Z",
    "severity": "P1",
    "count": 3,
    "host": "node-1",
    "endpoint": "/api/orders",
    "user_id": "u-1",
    "exception": {"type": "DeadlockDetected", "message": "…"},
    "message": "deadlock",
    "request_id": "r-1",
    "trace_id": "t-1",
    "duration_ms": 12.5,
}

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300)
segments = st.text("ABCZ0189", min_size=1, max_size=8)
codes = st.lists(segments, min_size=1, max_size=10).map(lambda parts: "-".join(["316", *parts]))
offsets = st.sampled_from(
    ["Z", "z", "+00:00", "-00:00", "+05:30", "-11:45", "+0530", "+23:59", "+24:00", "", "+05"]
)
fractions = st.one_of(
    st.just(""), st.from_regex(r"\.[0-9]{1,12}", fullmatch=True), st.sampled_from([".", ",5"])
)
timestamps = st.builds(
    lambda moment, separator, fraction, offset: moment.isoformat(separator, "seconds") + fraction + offset,
    st.datetimes(),
    st.sampled_from("Tt _"),
    fractions,
    offsets,
)
junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=5,
)
fields = {
    "id": names,
    "code": codes,
    "service": names,
    "occurred_at": timestamps,
    "severity": st.sampled_from(["P0", "P1", "P2", "P3", "P4", "p0", None]),
    "count": st.integers(-2, 2**31),
    "host": st.none() | names,
    "endpoint": st.none() | names,
    "user_id": st.none() | names,
    "exception": st.none() | st.fixed_dictionaries({"type": names}) | st.fixed_dictionaries({}),
}
events = st.fixed_dictionaries({}, optional=fields).map(lambda some: VALID | some)
broken = st.builds(
    lambda event, name, value, drop: {k: v for k, v in (event | {name: value}).items() if k != drop},
    events,
    st.sampled_from(COUNTED),
    junk,
    st.none() | st.sampled_from(COUNTED),
)


def contract(value: bytes) -> FaultEvent | None:
    """What the contract makes of it."""
    try:
        return FaultEvent.from_json(value)
    except ValueError:
        return None


def same(hot: HotEvent, event: FaultEvent) -> bool:
    counted = [name for name in COUNTED if name != "exception"]
    return [getattr(hot, name) for name in counted] == [getattr(event, name) for name in counted] and (
        hot.exception and hot.exception.type
    ) == (event.exception and event.exception.type)


def agree(value: bytes) -> bool:
    hot, event = decode(value), contract(value)
    return isinstance(hot, Rejected) if event is None else isinstance(hot, HotEvent) and same(hot, event)


@given(events | broken)
@settings(max_examples=500, deadline=None)
@example(VALID | {"occurred_at": "2026-01-01T00:00:00.9999999Z"})
@example(VALID | {"occurred_at": "9999-12-31T23:59:59.9999999Z"})
@example(VALID | {"occurred_at": "0001-01-01T00:00:00+10:00"})
@example(VALID | {"code": "316-A\n"})
@example(VALID | {"code": "316-Ａ"})
@example(VALID | {"count": True})
def test_the_hot_decode_answers_as_the_contract_does(event: dict[str, Any]) -> None:
    """Any event whose fields beyond the counted ones are right."""
    assert agree(json.dumps(event).encode())
    assert agree(json.dumps(event, ensure_ascii=False).encode())


@given(st.data())
@settings(max_examples=500, deadline=None)
def test_mutated_bytes_get_the_contracts_answer(data: st.DataObject) -> None:
    """Cut, overwritten and repeated bytes: whatever is still JSON for the one is so for the other."""
    value = bytearray(json.dumps(data.draw(events), ensure_ascii=False).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(value)))
        upto = data.draw(st.integers(at, min(len(value), at + 4)))
        value[at:upto] = data.draw(st.binary(max_size=3) | st.sampled_from(PIECES))
    hot, event = decode(bytes(value)), contract(bytes(value))
    if event is not None:
        assert isinstance(hot, HotEvent)
        assert same(hot, event)
    elif isinstance(hot, HotEvent):
        # Then what the contract refuses is in a field that is not looked at: without these it takes it.
        # (Python's own parser, because msgspec's knows no number like 1e999, which may well stand in such a field.)
        counted = {name: field for name, field in json.loads(bytes(value)).items() if name in COUNTED}
        if counted.get("exception"):
            counted["exception"] = {"type": counted["exception"]["type"]}
        assert same(hot, FaultEvent.model_validate(counted))


@pytest.mark.parametrize("depth", [150, 2_000, 100_000])
@pytest.mark.parametrize("field", [*COUNTED, "unknown"])
@pytest.mark.parametrize("bomb", ["[", '{"a":'])
@pytest.mark.parametrize("closed", [True, False])
def test_a_nested_bomb_is_refused_and_nothing_else_happens(
    depth: int, field: str, bomb: str, closed: bool
) -> None:
    """In fields that are read and in fields that are skipped."""
    end = "1" + ("]" if bomb == "[" else "}") * depth if closed else ""
    valid = json.dumps({name: value for name, value in VALID.items() if name != field})
    value = f'{valid[:-1]}, "{field}": {bomb * depth}{end}{"}" if closed else ""}'.encode()
    answer = decode(value)
    if field == "unknown" and closed and depth <= DEPTH_MAX:
        assert isinstance(answer, HotEvent)
    else:
        assert isinstance(answer, Rejected)
        if depth >= 2_000:
            assert answer.reason is Reason.TOO_DEEP


def test_the_answer_does_not_depend_on_the_callers_stack() -> None:
    """Two intakes must say the same of a log, whatever calls them."""
    values = [
        json.dumps(VALID | {"unknown": "?"}).replace('"?"', "[" * depth + "]" * depth).encode()
        for depth in range(100, 1_000, 25)
    ]

    def below(frames: int) -> list[type]:
        return below(frames - 1) if frames else [type(decode(value)) for value in values]

    assert below(0) == below(300)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, Reason.NULL),
        (b"null", Reason.NULL),
        (b"", Reason.EMPTY),
        (b" \n", Reason.EMPTY),
        (b" " * (EVENT_BYTES_MAX + 1), Reason.TOO_LARGE),
        (b'{"id": "\xff"}', Reason.NOT_UTF8),
        (b"\xff\xfe{\x00}\x00", Reason.NOT_UTF8),
        (b"{'id': 1}", Reason.INVALID_JSON),
        (b"{}{}", Reason.INVALID_JSON),
        (b'{"duration_ms": NaN}', Reason.NOT_FINITE),
        (b'{"duration_ms": -Infinity}', Reason.NOT_FINITE),
        (b"[]", Reason.NOT_AN_OBJECT),
        (b"1", Reason.NOT_AN_OBJECT),
        (b"{}", Reason.MISSING_FIELD),
    ],
)
def test_what_is_no_event_has_its_own_reason(value: bytes | None, reason: Reason) -> None:
    answer = decode(value)
    assert isinstance(answer, Rejected)
    assert answer.reason is reason


def test_bytes_that_are_not_utf8_are_found_in_skipped_fields_too() -> None:
    answer = decode(json.dumps(VALID | {"unknown": "?"}).encode().replace(b'"?"', b'"\xff"'))
    assert isinstance(answer, Rejected)
    assert answer.reason is Reason.NOT_UTF8


@given(st.binary(max_size=200) | junk.map(lambda value: json.dumps(value).encode()))
@settings(deadline=None)
def test_an_error_is_one_short_printable_line(value: bytes) -> None:
    answer = decode(value)
    assert isinstance(answer, Rejected)
    assert 0 < len(answer.error) <= 300
    assert answer.error.isprintable()


def test_a_sample_shows_what_people_start_from() -> None:
    value = json.dumps(VALID).encode()
    event = decode(value)
    assert isinstance(event, HotEvent)
    assert sample(event, value) == Sample("e-1", "r-1", "t-1", "deadlock")


@pytest.mark.parametrize("message", [1, None, ["x"], {"a": 1}, "", "[" * 50, 10**30, 1e308])
def test_a_field_that_is_only_shown_never_refuses_an_event(message: object) -> None:
    value = json.dumps(VALID | {"message": message}).encode()
    event = decode(value)
    assert isinstance(event, HotEvent)
    shown = sample(event, value)
    assert shown.request_id == "r-1"
    assert shown.message == (message if isinstance(message, str) and message else None)


def test_a_sample_cannot_move_the_terminals_cursor() -> None:
    value = json.dumps(VALID | {"message": "\x1b[2J\r\n" + "x" * 1_000, "trace_id": "a\u202eb"}).encode()
    event = decode(value)
    assert isinstance(event, HotEvent)
    shown = sample(event, value)
    assert shown.message is not None
    assert shown.message.startswith("\\x1b[2J\\r\\nxxx")
    assert len(shown.message) == 300
    assert shown.trace_id == "a\\u202eb"
