"""Bytes → event | rejected: the hot decode, of only the fields that counting needs.

The contract is `FaultEvent`; this is its fast reading. What msgspec accepts here the contract accepts too, as far
as the counted fields go; whatever msgspec refuses is judged by the contract itself (`explain`), which names the
reason or, in rare spellings that only it takes, still yields the event. Other fields are not looked at.
"""

import re
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Final, Literal, cast

import msgspec
from msgspec import Meta

from fault316_schemas.event import (
    CODE_CHARS_MAX,
    CODE_PATTERN,
    COUNT_MAX,
    EVENT_BYTES_MAX,
    ID_CHARS_MAX,
    NAME_CHARS_MAX,
)
from fault316_streams.intake.explain import DEPTH_MAX, explain
from fault316_streams.intake.reject import Rejected, shown
from fault316_streams.partial import Sample

FLAT_BYTES_MAX: Final = 1_024
"""A value this small cannot nest deeper than 512 levels (2 bytes each), which the decoder's own recursion limit
of about 1,000 frames allows; larger ones have their brackets counted first, because what is refused must depend
on the bytes alone and not on how deep the caller's stack is."""

MESSAGE_CHARS_MAX: Final = 300
"""Of a sample's message: enough to recognise a fault by, small beside the counts."""

Id = Annotated[str, Meta(min_length=1, max_length=ID_CHARS_MAX)]
Name = Annotated[str, Meta(min_length=1, max_length=NAME_CHARS_MAX)]


SeverityName = Literal["P0", "P1", "P2", "P3"]


class HotException(msgspec.Struct, gc=False):
    """The exception, as far as it is counted."""

    type: Name


class HotEvent(msgspec.Struct, gc=False):
    """The counted fields of a `FaultEvent`, under the same names."""

    id: Id
    code: str
    service: Name
    occurred_at: Annotated[datetime, Meta(tz=True)]
    severity: SeverityName | None = None
    count: Annotated[int, Meta(ge=1, le=COUNT_MAX)] = 1
    host: Name | None = None
    endpoint: Name | None = None
    user_id: Name | None = None
    exception: HotException | None = None


class _SampleFields(msgspec.Struct, gc=False):
    """Shown to people, not counted: whatever is not text is left out."""

    request_id: Any = None
    trace_id: Any = None
    message: Any = None


_decode_event = msgspec.json.Decoder(HotEvent).decode
_decode_sample = msgspec.json.Decoder(_SampleFields).decode
_code = re.compile(CODE_PATTERN.removeprefix("^").removesuffix("$"), re.ASCII)


@lru_cache(maxsize=4_096)
def is_code(code: str) -> bool:
    """Whether it is a 316 code."""
    return len(code) <= CODE_CHARS_MAX and _code.fullmatch(code) is not None


def decode(value: bytes | None) -> HotEvent | Rejected:
    """One record's value as an event, or why it is none. Depends on nothing but the bytes."""
    return judged(read(value), value)


def read(value: bytes | None) -> HotEvent | None:
    """The first half of `decode`, all of it for an event of a known code: None if the contract itself has to judge."""
    if value is not None and ((len(value) <= FLAT_BYTES_MAX and value.isascii()) or _is_decodable(value)):
        try:
            return _decode_event(value)
        except (msgspec.MsgspecError, RecursionError):
            return None
    return None


def judged(event: HotEvent | None, value: bytes | None) -> HotEvent | Rejected:
    """The second half: what was read of `value`, if its code is one; else what the contract says."""
    if event is not None and is_code(event.code):
        return event
    return _explained(value)


def sample(event: HotEvent, value: bytes) -> Sample:
    """The event as something to start looking from; scrubbed, cut and escaped for people's eyes."""
    try:
        fields = _decode_sample(value)
    except (msgspec.MsgspecError, RecursionError):
        fields = _SampleFields()
    return Sample(
        shown(event.id, ID_CHARS_MAX),
        _text(fields.request_id, NAME_CHARS_MAX),
        _text(fields.trace_id, NAME_CHARS_MAX),
        _text(fields.message, MESSAGE_CHARS_MAX),
    )


def _text(value: Any, chars_max: int) -> str | None:
    return shown(value, chars_max) if isinstance(value, str) and value else None


def _is_decodable(value: bytes) -> bool:
    """Whether msgspec may see it: not too large, surely not too deep, and UTF-8 in the skipped fields too."""
    if len(value) > EVENT_BYTES_MAX:
        return False
    if len(value) > FLAT_BYTES_MAX and value.count(b"[") + value.count(b"{") > DEPTH_MAX:
        return False
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _explained(value: bytes | None) -> HotEvent | Rejected:
    """The contract's own judgement."""
    event = explain(value)
    if isinstance(event, Rejected):
        return event
    return HotEvent(
        id=event.id,
        code=event.code,
        service=event.service,
        occurred_at=event.occurred_at,
        severity=cast(SeverityName | None, event.severity and event.severity.value),
        count=event.count,
        host=event.host,
        endpoint=event.endpoint,
        user_id=event.user_id,
        exception=HotException(event.exception.type) if event.exception else None,
    )
