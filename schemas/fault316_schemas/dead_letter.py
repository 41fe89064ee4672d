"""Dead letters: the records that did not decode, kept whole but for secrets, with the reason, on their own topic."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

REASONS: Final[dict[str, str]] = {
    "empty": "the value is empty, or blank",
    "null": "the record has no value (a tombstone), or it is JSON null",
    "too_large": "the value is larger than 1 MiB",
    "not_utf8": "the value, or a text in it, is not UTF-8",
    "invalid_json": "not one JSON value by RFC 8259",
    "not_finite": "NaN or Infinity, which JSON does not have",
    "too_deep": "nested deeper than the decoder goes",
    "not_an_object": "JSON, but not an object",
    "missing_field": "id, code, service or occurred_at is not there, or an exception's type",
    "wrong_code": "the code is not 316-… in upper case, or longer than 64",
    "naive_timestamp": "occurred_at has no offset",
    "invalid_timestamp": "occurred_at is not an RFC 3339 timestamp that exists",
    "invalid_count": "count is not an integer from 1 to 1,000,000,000",
    "invalid_field": "another field that counting needs has a wrong type or length",
}
"""Why a record may be refused: a bounded set, because the reason is a header and a metric's label."""

DEAD_LETTER_BYTES_MAX: Final = 1_048_576
"""A dead letter keeps this much of the original (1 MiB, all of any record of an allowed size)."""

ERROR_CHARS_MAX: Final = 300


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One record of the dead-letter topic; its key is the refused record's `topic:partition:offset`."""

    key: str
    reason: str
    """One of `REASONS`; a newer worker may know more."""
    error: str
    """One line for a person, at most `ERROR_CHARS_MAX`."""
    source: str
    """The same as the key, for tools that show headers only."""
    original_bytes: int
    """How long the refused value was."""
    truncated: bool
    """Whether `value` holds only its first `DEAD_LETTER_BYTES_MAX`."""
    rejected_by: str
    """The version of fault316 that refused it."""
    at: datetime
    """When it was refused."""
    value: bytes
    scrubbed: bool = False
    """Whether secrets in `value` were replaced, so that it is not the original to the byte."""
    retried_as: str | None = None
    """On a marker, which has no value: where the letter of the same key was sent again to."""

    @classmethod
    def from_record(
        cls,
        key: bytes | None,
        value: bytes | None,
        headers: Iterable[tuple[str, bytes | None]],
        timestamp_ms: int,
    ) -> "DeadLetter":
        """Read a record. Headers that are not there or not UTF-8 leave readable defaults, so that all can be shown."""
        texts = {name: (data or b"").decode(errors="backslashreplace") for name, data in headers}
        value = value or b""
        length = texts.get("original-bytes", "")
        return cls(
            key=(key or b"").decode(errors="backslashreplace"),
            reason=texts.get("reason", "unknown"),
            error=texts.get("error", ""),
            source=texts.get("source", ""),
            original_bytes=int(length) if length.isascii() and length.isdigit() else len(value),
            truncated=texts.get("truncated") == "true",
            rejected_by=texts.get("rejected-by", "unknown"),
            at=datetime.fromtimestamp(timestamp_ms / 1000, UTC),
            value=value,
            scrubbed=texts.get("scrubbed") == "true",
            retried_as=texts.get("retried-as"),
        )
