"""`fault316 replay FILE`: recorded fault events once more, as if they happened now."""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final

import typer
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from fault316._kafka import abandon, connect
from fault316_schemas import Connection
from fault316_schemas.event import EVENT_BYTES_MAX
from fault316_streams.cli._edge import one_line_errors, write_json
from fault316_streams.cli.recording import BadLine, Plan, Recorded, Survey, read_lines
from fault316_streams.cli.up import Json, quiet
from fault316_streams.errors import Failure, Misuse

CONNECT_LIMIT_S: Final = 10.0
STALL_LIMIT_S: Final = 30.0
"""So long may Kafka take nothing; an idempotent producer itself would try for ever."""
CANCEL_LIMIT_S: Final = 5.0
"""After Ctrl-C or an error, for what is on its way already."""
REPORTED_MAX: Final = 20
"""Bad lines that are shown; all are counted."""
BAR_EVERY: Final = 64
"""Events between two looks at the progress bar: drawing costs more than sending."""


@dataclass(slots=True)
class Tally:
    """What became of the events so far; right at any time, also after Ctrl-C."""

    handed: int = 0
    """Events given to the producer."""
    events: int = 0
    """Events that Kafka acknowledged."""
    faults: int = 0
    """The same, weighted by their `count`."""
    error: str = ""
    """The first one of those that were not acknowledged."""

    def settle(self, future: "asyncio.Future[Any]", faults: int) -> None:
        """An event was acknowledged or not."""
        if future.cancelled():
            return
        if error := future.exception():
            self.error = self.error or str(error)
            return
        self.events += 1
        self.faults += faults


def replay(
    file: Annotated[Path, typer.Argument(help="JSON Lines of fault events; - reads stdin to its end first.")],
    speed: Annotated[
        str, typer.Option(help="1: as recorded; 10: ten times as fast; 0 or max: as fast as possible.")
    ] = "1",
    no_shift: Annotated[bool, typer.Option("--no-shift", help="Keep the recorded times.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Send nothing at all if a line is bad.")] = False,
    as_json: Json = False,
) -> None:
    """Send recorded fault events again. Their times are shifted so that the recording begins (or, at max, ends) now."""
    quiet()
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    tally, factor = Tally(), parse_speed(speed)
    with _opened(file) as recording:
        found = Survey.of(_reported(read_lines(recording), console))
        if found.first_at is None or found.last_at is None:
            raise Failure(f"{file}: no fault event in it")
        if strict and found.bad:
            raise Failure(f"{file}: {found.bad} of {found.lines} lines are bad, nothing was sent")
        recording.seek(0)
        plan = Plan(datetime.now(UTC), found.first_at, found.last_at, factor, not no_shift)
        # A file that grows meanwhile: what was not looked at is not sent.
        lines = (line for line in islice(read_lines(recording), found.lines) if isinstance(line, Recorded))
        try:
            with one_line_errors(), _bar(console, found.events) as bar:
                asyncio.run(_send(Connection(), plan, lines, tally, bar))
        except KeyboardInterrupt:
            _summarize(tally, found, as_json)
            raise typer.Exit(130) from None
        except BaseException:
            _summarize(tally, found, as_json)
            raise
    _summarize(tally, found, as_json)
    if tally.events < found.events:
        raise Failure(
            f"{found.events - tally.events} events were not acknowledged: {tally.error or 'given up'}"
        )
    if found.bad:
        raise Failure(f"{file}: {found.bad} of {found.lines} lines were bad and not sent")


def parse_speed(text: str) -> float:
    """`max` or a number; 0 means as fast as possible.

    Raises:
        Misuse: it is neither.
    """
    try:
        speed = 0.0 if text == "max" else float(text)
    except ValueError:
        speed = -1.0
    if not 0 <= speed < float("inf"):
        raise Misuse(f"--speed {text}: give a number such as 1, 10 or 0.5, or max")
    return speed


def _opened(file: Path) -> BinaryIO:
    """The file; stdin is copied to a temporary one, because a recording is read twice."""
    try:
        if str(file) != "-":
            return file.open("rb")
        copy = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
        shutil.copyfileobj(sys.stdin.buffer, copy)
        copy.seek(0)
        return copy
    except OSError as error:
        raise Misuse(f"{file}: cannot be read: {error.strerror}") from error


def _reported(lines: Iterable[Recorded | BadLine], console: Console) -> Iterator[Recorded | BadLine]:
    bad = 0
    for line in lines:
        if isinstance(line, BadLine):
            bad += 1
            if bad <= REPORTED_MAX:
                console.print(f"line {line.number}: {line.error}", markup=False)
        yield line
    if bad > REPORTED_MAX:
        console.print(f"… and {bad - REPORTED_MAX} more bad lines")


def _bar(console: Console, events: int) -> Progress:
    columns = (TextColumn("replay"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=console, disable=not console.is_terminal)
    bar.add_task("replay", total=events)
    return bar


def _summarize(tally: Tally, found: Survey, as_json: bool) -> None:
    if as_json:
        summary = {
            **asdict(tally),
            "recorded": found.events,
            "bad_lines": found.bad,
            "error": tally.error or None,
        }
        write_json(summary)
        return
    Console(highlight=False).print(
        f"{tally.events:,} of {found.events:,} events sent ({tally.faults:,} faults), {found.bad:,} bad lines"
    )


async def _send(
    connection: Connection, plan: Plan, lines: Iterable[Recorded], tally: Tally, bar: Progress
) -> None:
    """Send each line when it is due."""
    loop = asyncio.get_running_loop()
    try:
        async with producer(connection) as kafka:
            began_s = loop.time()
            for line in lines:
                if (wait_s := plan.due_s(line.at) - (loop.time() - began_s)) > 0:
                    await asyncio.sleep(wait_s)
                async with asyncio.timeout(STALL_LIMIT_S):
                    sending = await kafka.send(connection.topics.events, plan.value(line))
                tally.handed += 1
                sending.add_done_callback(lambda done, faults=line.count: tally.settle(done, faults))
                if tally.handed % BAR_EVERY == 0 or wait_s > 0:
                    bar.update(bar.task_ids[0], completed=tally.events)
        bar.update(bar.task_ids[0], completed=tally.events)
    except TimeoutError:
        raise Failure(
            f"Kafka at {connection.bootstrap_servers} took nothing for {STALL_LIMIT_S:g} s"
        ) from None
    except KafkaError as error:
        raise Failure(f"Kafka at {connection.bootstrap_servers}: {error}") from error


@asynccontextmanager
async def producer(connection: Connection) -> AsyncIterator[AIOKafkaProducer]:
    """A producer that doubles nothing; at its end all is acknowledged or given up.

    Raises:
        fault316.KafkaUnavailable: no answer, or there is no events topic.
    """

    def make() -> AIOKafkaProducer:
        return AIOKafkaProducer(
            **connection.kafka_options(),
            acks="all",
            enable_idempotence=True,
            linger_ms=5,
            max_request_size=EVENT_BYTES_MAX + 4_096,  # a record's headers and framing
        )

    started = await connect(connection, connection.topics.events, make, CONNECT_LIMIT_S)
    limit_s = CANCEL_LIMIT_S
    try:
        yield started
        limit_s = STALL_LIMIT_S
    finally:
        try:
            async with asyncio.timeout(limit_s):
                await started.stop()
        except TimeoutError:
            await abandon(started)
