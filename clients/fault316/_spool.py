"""Records in files until Kafka has acknowledged them: a folder for each process, in it segments.

A segment begins with its position (8 bytes), the end of what is acknowledged; then come the records, each as length,
CRC-32 and weight (4 bytes each) and the bytes themselves. Nothing is synchronised to the disk: what was written
survives the process's end by `kill -9`, not the machine's by power failure. Files are the owner's only (0600).

A process holds a lock (`flock`) on its folder as long as it lives; the next one that starts takes over what is there
unlocked. A folder gets its name only when it is locked, so that nobody takes over one that is being made.
"""

import contextlib
import logging
import os
import struct
import time
import uuid
import zlib
from collections import deque
from pathlib import Path
from typing import NamedTuple, Self

logger = logging.getLogger("fault316")

_POSITION = struct.Struct(">Q")
_HEAD = struct.Struct(">III")
_LOCK = "lock"
SEGMENT_BYTES = 4 * 1024 * 1024
"""A segment is deleted as a whole: so much more than its bound may a spool take on the disk."""
SHRINK_BYTES = 256 * 1024
"""A segment that is acknowledged to its end, and larger, is cut: else it would grow while all is well."""


class Batch(NamedTuple):
    """Some records from a segment, in order, and where they end."""

    records: list[tuple[bytes, int]]
    segment: "Segment"
    upto: int


class Segment:
    """One file. `position` ≤ `end`; between them are the records that wait."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        size = os.fstat(self._fd).st_size
        if size < _POSITION.size:
            os.pwrite(self._fd, _POSITION.pack(_POSITION.size), 0)
            self.position = self.end = _POSITION.size
        else:
            (position,) = _POSITION.unpack(os.pread(self._fd, _POSITION.size, 0))
            self.position, self.end = min(position, size), size

    def append(self, record: bytes, weight: int) -> None:
        """Raises OSError where the disk takes no more; the segment is as before then."""
        data = _HEAD.pack(len(record), zlib.crc32(record), weight) + record
        if os.pwrite(self._fd, data, self.end) != len(data):
            raise OSError("the disk is full")
        self.end += len(data)

    def read(self, bytes_max: int) -> Batch | None:
        """The next records, at least one; None at the end. What a crash left half written is the end, too."""
        data = os.pread(self._fd, min(bytes_max, self.end - self.position), self.position)
        records, at = [], 0
        while at + _HEAD.size <= len(data):
            length, crc, weight = _HEAD.unpack_from(data, at)
            record = data[at + _HEAD.size : at + _HEAD.size + length]
            if len(record) < length or zlib.crc32(record) != crc:
                break
            records.append((record, weight))
            at += _HEAD.size + length
        if not records:
            if self.end > self.position:
                logger.warning("%s: its last %d bytes are damaged", self.path, self.end - self.position)
            self.end = self.position
            return None
        return Batch(records, self, self.position + at)

    def advance(self, upto: int) -> None:
        """All before `upto` is acknowledged."""
        if upto == self.end and upto > SHRINK_BYTES:
            os.ftruncate(
                self._fd, _POSITION.size
            )  # first: a position beyond the end means that nothing waits
            self.end = upto = _POSITION.size
        os.pwrite(self._fd, _POSITION.pack(upto), 0)
        self.position = upto

    def close(self) -> None:
        """Let go; the file stays."""
        os.close(self._fd)


class Spool:
    """A folder's segments, the oldest first. For one thread."""

    def __init__(self, folder: Path, lock_fd: int) -> None:
        self._folder = folder
        self._lock_fd = lock_fd
        self._segments = deque(map(Segment, sorted(folder.glob("*.spool"))))
        self._number = 0

    @classmethod
    def create(cls, parent: Path) -> Self:
        """A new folder under `parent`, locked. Raises OSError."""
        name = f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}"
        hidden = parent / f".{name}"
        hidden.mkdir(mode=0o700, parents=True)
        lock_fd = _locked(hidden)
        assert lock_fd is not None, "nobody else knows this folder"
        return cls(hidden.rename(parent / name), lock_fd)

    @classmethod
    def take_over(cls, parent: Path) -> list[Self]:
        """What processes that have ended left behind, the oldest first. Raises OSError."""
        found = []
        for folder in sorted(parent.glob("[0-9]*")):
            with contextlib.suppress(FileNotFoundError):  # another takes it over, and has just done with it
                lock_fd = _locked(folder)
                if lock_fd is not None:
                    found.append(cls(folder, lock_fd))
        return found

    @property
    def bytes_waiting(self) -> int:
        """Not acknowledged yet."""
        return sum(segment.end - segment.position for segment in self._segments)

    def append(self, record: bytes, weight: int) -> None:
        """Put a record at the end. Raises OSError."""
        if not self._segments or self._segments[-1].end >= SEGMENT_BYTES:
            self._number += 1
            self._segments.append(Segment(self._folder / f"{self._number:08d}.spool"))
        self._segments[-1].append(record, weight)

    def read(self, bytes_max: int) -> Batch | None:
        """The oldest records that are not acknowledged, the same again until `advance`; None where there are none."""
        while self._segments:
            if (batch := self._segments[0].read(bytes_max)) is not None:
                return batch
            if len(self._segments) == 1:
                return None
            done = self._segments.popleft()
            done.close()
            done.path.unlink(missing_ok=True)
        return None

    def close(self) -> None:
        """Let go of the lock. Where nothing waits, nothing is left behind."""
        empty = self.bytes_waiting == 0
        for segment in self._segments:
            segment.close()
            if empty:
                segment.path.unlink(missing_ok=True)
        if empty:
            (self._folder / _LOCK).unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                self._folder.rmdir()
        os.close(self._lock_fd)

    def leave_to_parent(self) -> None:
        """In a forked child: the parent's lock ends with the parent, not with its last child."""
        os.close(self._lock_fd)


def _locked(folder: Path) -> int | None:
    """A descriptor that holds the folder's lock; None where another process does."""
    import fcntl  # not on Windows, where the rest of the client works

    lock_fd = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock_fd)
        return None
    return lock_fd
