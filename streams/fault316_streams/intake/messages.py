"""A chunk → its partial → messages of the partials topic: split by the code's partition, and by size. Pure."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from fault316_streams.intake.combiner import Combiner
from fault316_streams.partial import FORMAT_VERSION, Bundle, Contribution, Partial, encode, partition_of

MESSAGE_BYTES_MAX: Final = 512 * 1024
"""Half of what a broker takes by default. One code of one chunk stays below, at 0.25 MB: 34 KB of facets, 14,000
seconds of 10 bytes (see `place.second_of`), 64 minutes' users of 1 KB, one sample of 4 KB."""

BUNDLE_MAX: Final = 100
"""Single records in a message: one takes at most 4 facets and a sample, 5 KB."""


class Message(NamedTuple):
    """One record for the partials topic."""

    partition: int
    value: bytes


def partial_of(
    chunk: Combiner, partition: int, codes: dict[str, Contribution], wall_ms: int, caught_up: bool
) -> Partial:
    """What a chunk of source partition `partition` says of `codes`, its snapshot; the rest is as in `Partial`."""
    return Partial(
        version=FORMAT_VERSION,
        partition=partition,
        start=chunk.start,
        upto=chunk.upto,
        log_ms=chunk.log_ms,
        wall_ms=wall_ms,
        caught_up=caught_up,
        codes=codes,
    )


def messages(said: Partial, partitions: int) -> list[Message]:
    """One message for each of the topic's `partitions` that has codes to hear of; more where it would be too large."""
    by_partition: dict[int, list[str]] = {}
    for code in said.codes:
        by_partition.setdefault(partition_of(code, partitions), []).append(code)
    return [
        Message(partition, value)
        for partition, names in by_partition.items()
        for value in _encoded(said, names)
    ]


def bundles(singles: Sequence[Partial], partitions: int) -> list[Message]:
    """The same for single records, in order: one message for each of the topic's `partitions` that has any to hear of."""
    by_partition: dict[int, list[Partial]] = {}
    for single in singles:
        for code in single.codes:
            by_partition.setdefault(partition_of(code, partitions), []).append(single)
    return [
        Message(partition, encode(Bundle(FORMAT_VERSION, its))) for partition, its in by_partition.items()
    ]


def _encoded(said: Partial, names: list[str]) -> Iterable[bytes]:
    value = encode(replace(said, codes={name: said.codes[name] for name in names}))
    if len(value) <= MESSAGE_BYTES_MAX or len(names) == 1:
        return [value]
    half = len(names) // 2
    return [*_encoded(said, names[:half]), *_encoded(said, names[half:])]
