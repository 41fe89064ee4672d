"""What travels on the partials topic: statements about the log that may be repeated.

A `Partial` says what the records `[start, upto)` of one source partition contain, for the codes that changed
since the last one. It is a pure function of the log, so hearing it twice, from two intakes, or again after a
crash changes nothing. A `Tick` says how far each source partition has been read. Both carry time, because the
stages after intake have no clock. The format is msgpack, written as arrays; the first element tells which of
them a message is, the second the format's version.
"""

from functools import lru_cache
from hashlib import blake2b
from typing import Final

import msgspec

from fault316_streams.versioned import Format

FORMAT_VERSION: Final = 1
"""Of partials and ticks. When to raise it: docs/upgrading.md."""

USERS_LG_K: Final = 11
"""2,048 registers, 4 bits each: about 1 KB when full, a few bytes for a few users; standard error 2.3 %."""

USERS_MINUTES_MAX: Final = 64
"""Minutes whose users are kept apart, in a statement and in a code's state: the hour after which a storm is the new
normal, and the few that a clock may run ahead. 64 × 1.1 KB a code."""

SEVERITIES: Final = ("P0", "P1", "P2", "P3")
"""The order of `Contribution.severity`."""


class Sample(msgspec.Struct, array_like=True, frozen=True):
    """One real event, to start looking from. Becomes an `Exemplar` of an alert."""

    id: str
    request_id: str | None = None
    trace_id: str | None = None
    message: str | None = None


class Contribution(msgspec.Struct, array_like=True):
    """What one range of the log says about one code. All counts are weighted by the events' `count`."""

    seconds: dict[int, int] = {}
    """Epoch second of the (placed) event → events; very late ones by ten. Together with `old` it sums to the total."""
    severity: list[int] = msgspec.field(default_factory=lambda: [0, 0, 0, 0])
    """Events as P0, P1, P2, P3; sums to the total."""
    late: int = 0
    """Events more than 60 s behind the broker's time of their record. They are in `seconds` all the same."""
    skewed: int = 0
    """Events whose clock cannot be right; put at the broker's time."""
    old: int = 0
    """Events older than the panes reach: in the total only."""
    first_ms: int = 0
    """Earliest placed time, epoch ms; 0 where there is none."""
    last_ms: int = 0
    """Latest placed time, epoch ms."""
    services: dict[str, int] = {}
    hosts: dict[str, int] = {}
    endpoints: dict[str, int] = {}
    exception_types: dict[str, int] = {}
    users: dict[int, bytes] = {}
    """Epoch minute of the (placed) event → a serialized HyperLogLog of user ids. By minute, so that a storm counts
    the users it hit and not those who were hit an hour before, at the beginning of a slow chunk. Only the latest
    `USERS_MINUTES_MAX`: an earlier statement about the range may have more, and they stay counted."""
    samples: list[Sample] = []
    """The newest event."""

    @property
    def total(self) -> int:
        """All events."""
        return sum(self.severity)


class Partial(msgspec.Struct, array_like=True, tag=0):
    """The range `[start, upto)` of one source partition, by code, as far as codes changed since the last one."""

    version: int
    partition: int
    start: int
    upto: int
    log_ms: int
    """Broker's time of the newest record below `upto`, epoch ms."""
    wall_ms: int
    """The intake's clock when it wrote this, epoch ms."""
    caught_up: bool
    """Whether the intake had then read all there was, so that `wall_ms` is the partition's time."""
    codes: dict[str, Contribution]


class Bundle(msgspec.Struct, array_like=True, tag=2):
    """Partials of one range after the other, which arrive together or not at all: of single records, where reading
    began inside of a chunk."""

    version: int
    partials: list[Partial]


class Progress(msgspec.Struct, array_like=True):
    """How far one source partition has been read; the fields are those of `Partial`."""

    upto: int
    log_ms: int
    caught_up: bool


class Tick(msgspec.Struct, array_like=True, tag=1):
    """Once a second from each intake to every partials partition."""

    version: int
    wall_ms: int
    partitions: int
    """How many source partitions the events topic has, owned by this intake or not."""
    progress: dict[int, Progress]
    """By source partition, those that this intake owns."""


class _Head(msgspec.Struct, array_like=True):
    """How every message begins, in all versions."""

    kind: int
    """The tag."""
    version: int


_encoder = msgspec.msgpack.Encoder()
Spoken = Partial | Tick | Bundle
"""What a record of the partials topic is."""

_decoder: msgspec.msgpack.Decoder[Spoken] = msgspec.msgpack.Decoder(Spoken)
_format = Format[Spoken]("partial", _Head, {FORMAT_VERSION: _decoder.decode})


@lru_cache(maxsize=65_536)
def partition_of(code: str, partitions: int) -> int:
    """The partials partition that a code's contributions go to, of so many. Intakes must agree on it.

    A good hash rather than a fast one: codes are alike, and a CRC puts most of them in one partition.
    """
    return int.from_bytes(blake2b(code.encode(), digest_size=8).digest()) % partitions


def encode(message: Spoken) -> bytes:
    """The record's value."""
    return _encoder.encode(message)


def decode(data: bytes) -> Spoken:
    """Read a record's value.

    Raises:
        FormatError: it is something else.
        VersionError: it is of a version that this worker does not read.
    """
    return _format.read(data)


def partials_of(message: Spoken) -> list[Partial]:
    """The partials that a message is or holds, in order; a tick holds none."""
    if isinstance(message, Bundle):
        return message.partials
    return [message] if isinstance(message, Partial) else []
