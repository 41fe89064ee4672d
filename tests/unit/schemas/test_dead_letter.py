"""A dead letter can be shown whatever it holds."""

from datetime import UTC, datetime

from fault316_schemas.dead_letter import DeadLetter

HEADERS = [
    ("reason", b"invalid_json"),
    ("error", b"JSON is malformed"),
    ("source", b"316.events:3:42"),
    ("original-bytes", b"2000000"),
    ("truncated", b"true"),
    ("rejected-by", b"0.1.0"),
]


def test_a_record_says_what_was_refused_where_and_why() -> None:
    letter = DeadLetter.from_record(b"316.events:3:42", b"{", HEADERS, 1_773_630_960_000)
    assert letter == DeadLetter(
        key="316.events:3:42",
        reason="invalid_json",
        error="JSON is malformed",
        source="316.events:3:42",
        original_bytes=2_000_000,
        truncated=True,
        rejected_by="0.1.0",
        at=datetime(2026, 3, 16, 3, 16, tzinfo=UTC),
        value=b"{",
    )


def test_a_record_that_someone_else_wrote_is_read_all_the_same() -> None:
    """No key, no headers, not UTF-8: an operator still sees it."""
    letter = DeadLetter.from_record(None, b"abc", [("error", b"\xff"), ("original-bytes", "²".encode())], 0)
    assert (letter.key, letter.reason, letter.error, letter.original_bytes) == ("", "unknown", "\\xff", 3)


def test_a_marker_says_where_the_letter_was_sent_again_to() -> None:
    marker = DeadLetter.from_record(b"316.events:3:42", None, [("retried-as", b"316.events:1:7")], 0)
    assert (marker.value, marker.retried_as) == (b"", "316.events:1:7")
