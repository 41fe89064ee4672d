"""Whatever a producer puts into an event: no secret of it leaves the intake."""

import json

import pytest

from fault316_schemas import Registry
from fault316_schemas.dead_letter import DEAD_LETTER_BYTES_MAX, DeadLetter
from fault316_schemas.scrub import SCRUBBED
from fault316_streams.intake.code_sum import FACET_VALUES_MAX, OTHER_VALUE
from fault316_streams.intake.combine import Chunk
from fault316_streams.intake.event import HotEvent, decode, sample
from fault316_streams.intake.reject import Reason, Rejected
from fault316_streams.intake.service.dead_letters import record
from fault316_streams.intake.source import Letter, Source
from fault316_streams.intake.stats import IntakeStats
from fault316_streams.partial import Contribution

SECRET = "password=hunter2"
CLEAN = f"password={SCRUBBED}"


def value(**fields: object) -> bytes:
    """One event as JSON."""
    required = {"id": "e", "code": "316-A", "service": "s", "occurred_at": "2026-01-01T00:00:00Z"}
    return json.dumps(required | fields).encode()


class Record:
    """As aiokafka's `ConsumerRecord`, as far as intake looks at it."""

    def __init__(self, offset: int, value: bytes | None) -> None:
        self.offset, self.timestamp, self.value = offset, 1_767_225_600_000, value


def combined(*values: bytes) -> Contribution:
    """What a chunk of these says."""
    chunk = Chunk(0, Registry())
    chunk.add([Record(i, event) for i, event in enumerate(values)])
    return chunk.snapshot()["316-A"]


def test_facets_are_scrubbed_and_counted_together() -> None:
    """Endpoints that differ in a token only are one endpoint."""
    said = combined(
        *(value(endpoint=f"/o?token=abc{n}", host=SECRET, exception={"type": SECRET}) for n in range(100)),
        value(service=SECRET),
    )
    assert said.endpoints == {f"/o?token={SCRUBBED}": 100}
    assert said.hosts == said.exception_types == {CLEAN: 100}
    assert said.services == {"s": 100, CLEAN: 1}


def test_facets_beyond_their_limit_show_nothing() -> None:
    said = combined(*(value(host=f"h{n}") for n in range(FACET_VALUES_MAX)), value(host=SECRET))
    assert said.hosts[OTHER_VALUE] == 1
    assert len(said.hosts) == FACET_VALUES_MAX + 1


def test_samples_are_scrubbed_before_they_are_cut() -> None:
    """A card number that lies across the cut is still known as one."""
    data = value(id=SECRET, request_id=SECRET, trace_id=SECRET, message="x" * 290 + " 4111111111111111")
    event = decode(data)
    assert isinstance(event, HotEvent)
    shown = sample(event, data)
    assert shown.id == shown.request_id == shown.trace_id == CLEAN
    assert shown.message == ("x" * 290 + f" {SCRUBBED}")[:300]


@pytest.mark.parametrize(
    ("refused", "kept"),
    [
        (b'{"password": "hunter2", \xff', b'{"password": "' + SCRUBBED.encode() + b'", \xff'),
        (b"not JSON", b"not JSON"),
        (None, b""),
    ],
)
def test_a_dead_letter_is_scrubbed_and_says_so(refused: bytes | None, kept: bytes) -> None:
    rejected = Rejected(Reason.INVALID_JSON, "not JSON")
    written = record("316.events", Letter(2, 40, refused, rejected), DEAD_LETTER_BYTES_MAX)
    letter = DeadLetter.from_record(timestamp_ms=0, **written)
    assert (letter.value, letter.scrubbed) == (kept, refused is not None and kept != refused)
    assert letter.original_bytes == len(refused or b"")


def test_a_dead_letter_is_scrubbed_before_it_is_cut() -> None:
    rejected = Rejected(Reason.TOO_LARGE, "too large")
    written = record("316.events", Letter(0, 0, b"card 4111111111111111 " + b"x" * 100, rejected), 12)
    assert written["value"] == b"card [scrubb"
    assert dict(written["headers"])["truncated"] == b"true"


def test_the_error_of_a_refusal_does_not_repeat_the_event() -> None:
    """It is a header, a log field and what `fault316 dlq list` shows."""
    source = Source(0, 0, Registry(), IntakeStats())
    fields: list[dict[str, object]] = [
        {name: SECRET} for name in ("code", "occurred_at", "severity", "count", "exception")
    ]
    fields += [{"host": {SECRET: SECRET}}, {"exception": {"type": 7, SECRET: SECRET}}]
    refused = [*(value(**field) for field in fields), SECRET.encode(), f'["{SECRET}"]'.encode()]
    source.take([Record(i, event) for i, event in enumerate(refused)])
    assert len(source.letters) == len(refused)
    assert [letter.rejected.error for letter in source.letters if "hunter2" in letter.rejected.error] == []
