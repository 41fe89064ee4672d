"""Contributions → messages of the partials topic: split by the code's partition, and by size. Pure."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from fault316_streams.partial import FORMAT_VERSION, Contribution, Partial, encode, partition_of

MESSAGE_BYTES_MAX: Final = 512 * 1024
"""Half of what a broker takes by default. One code of one chunk stays below: 40 KB of facets, at most 4,096
seconds of 10 bytes, one sample of 4 KB, 1 KB of users a minute."""


class Message(NamedTuple):
    """One record for the partials topic."""

    partition: int
    value: bytes


class Statement(NamedTuple):
    """What a message says besides its codes; the fields are those of `Partial`."""

    partition: int
    start: int
    upto: int
    log_ms: int
    wall_ms: int
    caught_up: bool


def messages(said: Statement, codes: dict[str, Contribution], partitions: int) -> list[Message]:
    """One message for each of the topic's `partitions` that has codes to hear of; more where it would be too large."""
    by_partition: dict[int, list[str]] = {}
    for code in codes:
        by_partition.setdefault(partition_of(code, partitions), []).append(code)
    return [
        Message(partition, value)
        for partition, names in by_partition.items()
        for value in _encoded(said, codes, names)
    ]


def _encoded(said: Statement, codes: dict[str, Contribution], names: list[str]) -> Iterable[bytes]:
    value = encode(Partial(FORMAT_VERSION, *said, {name: codes[name] for name in names}))
    if len(value) <= MESSAGE_BYTES_MAX or len(names) == 1:
        return [value]
    half = len(names) // 2
    return [*_encoded(said, codes, names[:half]), *_encoded(said, codes, names[half:])]
