"""`fault316 dlq`: what can be made out of a broken record, and what may be printed or sent of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fault316_schemas.dead_letter import DeadLetter
from fault316_streams.cli.dead_letters import Found, service_of
from fault316_streams.cli.dlq import printable, retriable


def letter(key: str = "316.events:0:1", value: bytes = b"{", **headers: str) -> DeadLetter:
    texts = {"original-bytes": str(len(value))} | {
        name.replace("_", "-"): text for name, text in headers.items()
    }
    return DeadLetter.from_record(
        key.encode(), value, [(name, text.encode()) for name, text in texts.items()], 0
    )


@pytest.mark.parametrize(
    ("value", "service"),
    [
        (b'{"id":"1","service":"shop","code":"316-', "shop"),
        (b'{"service" : "sh\xffop"}', "sh\\xffop"),
        (b'{"service":"a\\"b"}', 'a\\"b'),
        (b'{"service":316}', None),
        (b'{"service":"never closed', None),
        (b"", None),
    ],
)
def test_the_service_is_found_also_in_what_is_no_json(value: bytes, service: str | None) -> None:
    assert service_of(value) == service


@given(st.text())
def test_whatever_is_printed_cannot_drive_a_terminal(text: str) -> None:
    """Line ends stay, for stack traces; all else that is unprintable is escaped."""
    shown = printable(text)
    assert all(char.isprintable() or char == "\n" for char in shown)
    assert shown.count("\n") == text.count("\n")


def test_printable_text_stays_as_it_is() -> None:
    assert printable("Zeile 1 🔥\nラーメン") == "Zeile 1 🔥\nラーメン"


def test_a_letter_written_twice_is_one_and_holds_no_payload() -> None:
    """Intake may write a letter again after a crash."""
    found = Found()
    for _ in range(2):
        found.add(letter(value=b'{"service":"shop"'))
    (row,) = found.rows.values()
    assert (row.service, row.letter.value, row.letter.original_bytes) == ("shop", b"", 17)


def test_a_marker_is_no_letter() -> None:
    found = Found()
    found.add(letter())
    found.add(letter(value=b"", retried_as="316.events:2:7"))
    assert list(found.rows) == ["316.events:0:1"]
    assert found.retried == {"316.events:0:1": "316.events:2:7"}


def test_only_a_whole_original_can_be_sent_again() -> None:
    assert retriable(letter())
    assert retriable(letter(truncated="false"))
    assert not retriable(letter(truncated="true"))
    assert not retriable(letter(value=b""))
