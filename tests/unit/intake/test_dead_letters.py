"""A dead letter carries all that an operator needs to mend and replay it."""

import pytest

from fault316_schemas.dead_letter import DeadLetter
from fault316_streams.intake.reject import Reason, Rejected
from fault316_streams.intake.service.dead_letters import record
from fault316_streams.intake.source import Letter


@pytest.mark.parametrize(
    ("value", "kept", "truncated"),
    [(b"0123456789", b"01234567", True), (b"01", b"01", False), (None, b"", False)],
)
def test_a_letter_is_read_back_as_it_was_written(value: bytes | None, kept: bytes, truncated: bool) -> None:
    rejected = Rejected(Reason.NOT_UTF8, "not UTF-8: … at byte 3")
    letter = DeadLetter.from_record(timestamp_ms=0, **record("316.events", Letter(2, 40, value, rejected), 8))
    assert letter.key == letter.source == "316.events:2:40"
    assert (letter.reason, letter.error) == ("not_utf8", "not UTF-8: … at byte 3")
    assert (letter.value, letter.truncated, letter.original_bytes) == (kept, truncated, len(value or b""))
    assert letter.rejected_by[0].isdigit()
