"""Events that are refused for their size or depth: too big to be checked in as examples."""

from fault316_schemas.event import EVENT_BYTES_MAX

_EVENT = (
    b'{"id":"big-0001","code":"316-TIMEOUT-ERR","service":"checkout","occurred_at":"2026-03-16T03:16:00Z"%s}'
)


def sized(total_bytes: int) -> bytes:
    """A valid event but for its size: padded, in a field that nobody reads, to exactly `total_bytes`."""
    padding = total_bytes - len(_EVENT % b',"padding":""')
    return _EVENT % (b',"padding":"' + b"x" * padding + b'"')


def nested(depth: int, opening: bytes = b"[", closing: bytes = b"]", inner: bytes = b"") -> bytes:
    """An event with `depth` levels in a field that nobody reads."""
    return _EVENT % (b',"bomb":' + opening * depth + inner + closing * depth)


REFUSED = {
    "too_large-2-megabytes": sized(2_000_000),
    "too_large-by-one-byte": sized(EVENT_BYTES_MAX + 1),
    "too_deep-arrays": nested(100_000),
    "too_deep-objects": nested(100_000, b'{"a":', b"}", b"1"),
    "too_deep-never-closed": nested(100_000, closing=b""),
}
"""By name; the reason is what stands before the first dash."""
