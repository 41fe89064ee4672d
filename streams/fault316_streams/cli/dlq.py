"""`fault316 dlq`: the records that did not decode. Look at them, and send them again after a fix."""

import asyncio
import heapq
import sys
from base64 import b64encode
from collections import Counter
from collections.abc import Coroutine
from contextlib import aclosing
from typing import Annotated, Any, Final, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fault316_schemas import Connection
from fault316_schemas.dead_letter import REASONS, DeadLetter
from fault316_streams.cli._edge import one_line_errors, write_json
from fault316_streams.cli.dead_letters import Found, Row, letters, send_again, service_of, survey
from fault316_streams.cli.replay import producer
from fault316_streams.cli.up import Json, quiet
from fault316_streams.errors import Failure, Misuse
from fault316_streams.intake.reject import one_line

SHOWN_CHARS_MAX: Final = 8_192
"""Of a payload on a terminal; --raw writes all of it."""
ERROR_SHOWN_CHARS: Final = 80
SCAN_DEFAULT: Final = 10_000

Reason = Annotated[str | None, typer.Option("--reason", help="Only this reason, such as invalid_json.")]
Scan = Annotated[
    int, typer.Option("--scan", min=0, help="Look at the newest so many letters a partition; 0: at all.")
]

T = TypeVar("T")

app = typer.Typer(help="Events that did not decode: list, show, retry.")


@app.callback(invoke_without_command=True)
def dlq(context: typer.Context) -> None:
    """Events that did not decode: list, show, retry. Without a command: list."""
    quiet()
    if context.invoked_subcommand is None:
        list_letters()


@app.command("list")
def list_letters(
    newest: Annotated[int, typer.Option("-n", min=1, help="How many to show.")] = 20,
    reason: Reason = None,
    scan: Scan = SCAN_DEFAULT,
    as_json: Json = False,
) -> None:
    """The newest letters, and how many there are by reason."""
    _check(reason)
    found = _run(survey(Connection(), scan))
    rows = [row for row in found.rows.values() if reason in (None, row.letter.reason)]
    reasons = Counter(row.letter.reason for row in rows)
    rows = heapq.nlargest(newest, rows, key=lambda row: row.letter.at)
    if as_json:
        write_json(
            {"reasons": dict(reasons.most_common()), "letters": [_as_dict(row, found) for row in rows]}
        )
        return
    console = Console(highlight=False)
    if rows:
        console.print(_table(rows, found))
    counts = ", ".join(f"{name} {count:,}" for name, count in reasons.most_common())
    console.print(Text(printable(counts) if counts else "no dead letters", style="bold"))


@app.command()
def show(
    key: Annotated[str, typer.Argument(help="topic:partition:offset, as `list` shows it.")],
    raw: Annotated[bool, typer.Option("--raw", help="Write the original bytes and nothing else.")] = False,
    scan: Scan = SCAN_DEFAULT,
    as_json: Json = False,
) -> None:
    """One letter: why it was refused, and its payload with everything unprintable escaped."""
    letter = _run(_find(Connection(), key, scan))
    row = Row(letter, service_of(letter.value))
    if raw:
        sys.stdout.buffer.write(letter.value)
    elif as_json:
        payload = {"payload": letter.value.decode(errors="backslashreplace")}
        write_json(_as_dict(row, Found()) | payload | {"payload_base64": b64encode(letter.value).decode()})
    else:
        console = Console(highlight=False, soft_wrap=True)
        for name, value in _as_dict(row, Found()).items():
            console.print(Text(f"{name}: {printable(str(value))}"))
        text = letter.value.decode(errors="backslashreplace")
        console.print(Text("\n" + printable(text[:SHOWN_CHARS_MAX])))
        if len(text) > SHOWN_CHARS_MAX:
            console.print(f"… {len(text) - SHOWN_CHARS_MAX:,} characters more: --raw", style="dim")


@app.command()
def retry(
    keys: Annotated[
        list[str] | None, typer.Argument(help="topic:partition:offset, as `list` shows it.")
    ] = None,
    reason: Reason = None,
    everything: Annotated[bool, typer.Option("--all", help="Every letter.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    scan: Scan = SCAN_DEFAULT,
    as_json: Json = False,
) -> None:
    """Send the original bytes as new events, after a fix. A letter that was sent again before is left out."""
    _check(reason)
    if not (keys or reason or everything):
        raise Misuse("dlq retry: name keys, or --reason, or --all")
    connection = Connection()
    found = _run(survey(connection, scan))
    if missing := sorted(set(keys or ()) - found.rows.keys()):
        raise Failure(f"no such letter among those looked at (--scan 0 looks at all): {', '.join(missing)}")
    wanted = {
        key: row.letter
        for key, row in found.rows.items()
        if (not keys or key in keys) and reason in (None, row.letter.reason)
    }
    chosen = {key for key, letter in wanted.items() if retriable(letter) and key not in found.retried}
    skipped = len(wanted) - len(chosen)
    if chosen and not yes:
        _ask(f"Send {len(chosen):,} letters again to {connection.topics.events}?")
    sent = _run(_retry(connection, chosen, scan)) if chosen else {}
    if as_json:
        write_json({"retried": sent, "skipped": skipped})
    else:
        note = f", {skipped:,} left out (cut, without a value, or sent before)" if skipped else ""
        Console(highlight=False).print(f"{len(sent):,} letters sent again{note}")
    if len(sent) < len(chosen):
        raise Failure(f"{len(chosen) - len(sent)} letters were gone before they could be sent")


def retriable(letter: DeadLetter) -> bool:
    """Whether its original is there, and whole."""
    return letter.original_bytes > 0 and not letter.truncated


def printable(text: str) -> str:
    """`text` with everything escaped that could move a terminal's cursor, but for line ends."""
    return "\n".join(one_line(line, 10 * len(line)) for line in text.split("\n"))


async def _find(connection: Connection, key: str, scan: int) -> DeadLetter:
    async with aclosing(letters(connection, scan)) as stream:
        async for letter in stream:
            if letter.key == key and letter.retried_as is None:
                return letter
    raise Failure(f"no letter {key} among those looked at (--scan 0 looks at all)")


async def _retry(connection: Connection, chosen: set[str], scan: int) -> dict[str, str]:
    """Send the chosen letters, each once. Returns key → the new record."""
    sent: dict[str, str] = {}
    async with producer(connection) as kafka, aclosing(letters(connection, scan)) as stream:
        async for letter in stream:
            if letter.key in chosen and letter.key not in sent and letter.retried_as is None:
                sent[letter.key] = await send_again(connection, kafka, letter)
    return sent


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        raise Misuse("dlq retry: give --yes where nobody can be asked")
    typer.confirm(question, abort=True)


def _check(reason: str | None) -> None:
    """A reason of a newer worker is not known here, but a misspelt one would quietly find nothing."""
    if reason is not None and reason not in REASONS:
        raise Misuse(f"--reason {reason}: one of {', '.join(REASONS)}")


def _as_dict(row: Row, found: Found) -> dict[str, Any]:
    letter = row.letter
    return {
        "key": letter.key,
        "at": letter.at.isoformat(),
        "reason": letter.reason,
        "error": letter.error,
        "service": row.service,
        "original_bytes": letter.original_bytes,
        "truncated": letter.truncated,
        "scrubbed": letter.scrubbed,
        "rejected_by": letter.rejected_by,
        "retried_as": found.retried.get(letter.key),
    }


def _table(rows: list[Row], found: Found) -> Table:
    """The newest at the bottom, where a terminal's eye is."""
    table = Table("key", "when (UTC)", "reason", "service", "bytes", "error", box=None)
    for row in reversed(rows):
        letter = row.letter
        error = ("(retried) " if letter.key in found.retried else "") + letter.error
        cells = (
            letter.key,
            f"{letter.at:%Y-%m-%d %H:%M:%S}",
            letter.reason,
            row.service or "",
            f"{letter.original_bytes:,}",
            error[:ERROR_SHOWN_CHARS],
        )
        table.add_row(*(Text(one_line(cell, 10 * len(cell))) for cell in cells))
    return table


def _run(work: Coroutine[Any, Any, T]) -> T:
    with one_line_errors():
        return asyncio.run(work)
