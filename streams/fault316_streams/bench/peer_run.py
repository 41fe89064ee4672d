"""One run of a peer: a process that says how far it is, and what it has used by then."""

import os
import queue
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Final, Self

import msgspec
import psutil

from fault316_streams.bench.lab import pinned
from fault316_streams.bench.peer import Peer, last_words
from fault316_streams.bench.sample import Sample
from fault316_streams.errors import Failure

STANDSTILL_S: Final = 120.0
"""Without a further event for so long, something is broken. Some take half a minute to begin."""
STOP_LIMIT_S: Final = 15.0
MEASURED_MIN: Final = 0.5
"""Of the events, those that come after the first line; of fewer a measurement says little."""


class Reading(msgspec.Struct, frozen=True):
    """How far it is, as it says itself."""

    read: int
    done: bool = False

    @classmethod
    def of(cls, line: bytes) -> Self | None:
        """None: the line says something else."""
        try:
            return msgspec.json.decode(line, type=cls)
        except msgspec.DecodeError:
            return None


@dataclass(frozen=True, slots=True)
class Point:
    """What its processes had used when it was so far."""

    read: int
    sample: Sample


@dataclass(frozen=True, slots=True)
class Pace:
    """Over a part of a run."""

    seconds: float
    events_per_s: float
    cpu_us: float
    """User and system, microseconds per event."""

    @classmethod
    def between(cls, first: Point, last: Point) -> Self:
        """From one point to a later one."""
        events, seconds = last.read - first.read, last.sample.at_s - first.sample.at_s
        cpu_s = last.sample.cpu_s - first.sample.cpu_s
        return cls(round(seconds, 2), round(events / seconds), round(cpu_s / events * 1e6, 2))


def paces(points: Sequence[Point]) -> tuple[Pace, Pace | None]:
    """Of the whole run, and of its second half where a line came in time to tell.

    Raises:
        Failure: most of it was over when the first line came.
    """
    first, last = points[0], points[-1]
    if last.read - first.read < MEASURED_MIN * last.read:
        raise Failure(f"{last.read:,} events are too few: {first.read:,} were read when it first said so")
    half = next(point for point in points if point.read >= last.read / 2)
    return Pace.between(first, last), Pace.between(half, last) if half.read < last.read else None


def run(
    peer: Peer, task: Mapping[str, str], events: int, core: int | None, say: Callable[[int], None]
) -> list[Point]:
    """Let it do the job, pinned to a core; what else it says is in `run.log`.

    `say` hears how many events it has read. The first point is the first with events, the last one has all.

    Raises:
        Failure: it ended before, stands still, or says that it is done when it can't be.
    """
    points = []
    log = peer.work / "run.log"
    with log.open("wb", buffering=0) as output:
        process = _start(peer, task, output, core)
        try:
            for reading in _readings(process, output):
                say(reading.read)
                if reading.read:
                    points.append(Point(reading.read, Sample.of(process.pid)))
                if reading.done:
                    break
            else:
                raise Failure(f"ended before it was done: {last_words(log)} (log: {log})")
        finally:
            _stop(process)
    if points[-1].read != events:
        raise Failure(f"says it is done after {points[-1].read:,} of {events:,} events (log: {log})")
    return points


def _start(peer: Peer, task: Mapping[str, str], log: IO[bytes], core: int | None) -> subprocess.Popen[bytes]:
    """In a session of its own: a Ctrl-C is ours to pass on."""
    with pinned(core):
        try:
            return subprocess.Popen(
                [peer.folder / "run"],
                env={**os.environ, **task},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        except OSError as error:
            raise Failure(f"does not start: {error}") from error


def _readings(process: subprocess.Popen[bytes], log: IO[bytes]) -> Iterator[Reading]:
    """Until it closes its output. A thread listens, because a pipe's lines can't be waited for with a limit."""
    said: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def listen(output: IO[bytes]) -> None:
        for line in output:
            said.put(line)
        said.put(b"")

    assert process.stdout is not None
    threading.Thread(target=listen, args=(process.stdout,), daemon=True).start()
    known, moved_s = 0, time.monotonic()
    while True:
        try:
            line = said.get(timeout=max(0.0, moved_s + STANDSTILL_S - time.monotonic()))
        except queue.Empty:
            raise Failure(f"stands still: {known:,} events since {STANDSTILL_S:.0f} s") from None
        if not line:
            return
        if reading := Reading.of(line):
            if reading.read > known:
                known, moved_s = reading.read, time.monotonic()
            yield reading
        else:
            log.write(line)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """It and its children; does nothing if they are gone."""
    family: list[psutil.Process] = []
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(process.pid)
        family = [root, *root.children(recursive=True)]
    for each in family:
        with suppress(psutil.NoSuchProcess):
            each.terminate()
    _ended, alive = psutil.wait_procs(family, STOP_LIMIT_S)
    for each in alive:
        with suppress(psutil.NoSuchProcess):
            each.kill()
    process.wait()
