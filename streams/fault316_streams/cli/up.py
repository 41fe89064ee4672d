"""`fault316 up`, `down`, `status`: the Kafka and Redis of this folder."""

import logging
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Annotated, Any, Literal

import orjson
import typer
from rich.console import Console
from rich.table import Table

from fault316_schemas import Connection
from fault316_schemas.connection import LOCAL_ENV_FILE
from fault316_streams.embedded import Endpoints, Local, LocalStatus, Mode

Directory = Annotated[Path, typer.Option("--dir", help="Where data, logs and state are kept.")]
Json = Annotated[bool, typer.Option("--json", help="For programs.")]
LOCAL_FOLDER = LOCAL_ENV_FILE.parent


def up(
    directory: Directory = LOCAL_FOLDER,
    mode: Annotated[
        Literal["auto", "docker", "embedded"], typer.Option(help="Where they come from.")
    ] = "auto",
    env: Annotated[bool, typer.Option("--env", help="Print `export …` lines only, for eval.")] = False,
) -> None:
    """Bring Kafka and Redis up: yours (FAULT316_* set), in docker, or embedded. Quick if they are up already."""
    with steps() as progress:
        taken, connection = Local(directory, progress).up(Mode(mode))
    if env:
        found = Endpoints(connection.bootstrap_servers, connection.redis_url.get_secret_value())
        sys.stdout.writelines(f"export {name}={quote(value)}\n" for name, value in found.as_env().items())
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"[bold green]up[/] ({taken})  Kafka {connection.bootstrap_servers}  Redis {_shown(connection)}"
    )
    if taken is not Mode.YOURS and directory == LOCAL_FOLDER:
        console.print(f"fault316 programs started in this folder find them by {LOCAL_ENV_FILE}", style="dim")
    elif taken is not Mode.YOURS:
        console.print(f'for other programs: eval "$(fault316 up --dir {directory} --env)"', style="dim")


def down(
    directory: Directory = LOCAL_FOLDER,
    wipe: Annotated[bool, typer.Option("--wipe", help="Delete the data and logs too.")] = False,
) -> None:
    """Stop what `up` started."""
    with steps() as progress:
        stopped = Local(directory, progress).down(wipe=wipe)
    Console(highlight=False).print(
        ("down" if stopped else "nothing was up") + (", data deleted" if wipe else "")
    )


def status(directory: Directory = LOCAL_FOLDER, as_json: Json = False) -> None:
    """Where programs started here find Kafka and Redis, and whether they answer (else exit code 1)."""
    quiet()
    found = Local(directory).status()
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(_as_dict(found), option=orjson.OPT_APPEND_NEWLINE))
    else:
        Console(highlight=False).print(_as_table(found))
    if not found.healthy:
        raise typer.Exit(1)


def quiet() -> None:
    """Keep aiokafka's connection log off the terminal: the command says what is wrong in its own line."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


@contextmanager
def steps() -> Iterator[Callable[[str], None]]:
    """A spinner on a terminal, plain lines elsewhere; on stderr, so that stdout stays for results."""
    quiet()
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield lambda step: console.print(step, soft_wrap=True, markup=False)
        return
    with console.status("looking for Kafka and Redis") as spinner:
        yield spinner.update


def _as_dict(found: LocalStatus) -> dict[str, Any]:
    return {
        "mode": found.mode,
        "bootstrap_servers": found.connection.bootstrap_servers,
        "redis_url": _shown(found.connection),
        "kafka_pid": found.kafka_pid,
        "redis_pid": found.redis_pid,
        "kafka_healthy": found.kafka_error is None,
        "redis_healthy": found.redis_error is None,
        "kafka_error": found.kafka_error,
        "redis_error": found.redis_error,
    }


def _as_table(found: LocalStatus) -> Table:
    table = Table("", "address", "pid", "health", title=f"mode: {found.mode}", title_justify="left")
    for name, address, pid, error in (
        ("Kafka", found.connection.bootstrap_servers, found.kafka_pid, found.kafka_error),
        ("Redis", _shown(found.connection), found.redis_pid, found.redis_error),
    ):
        table.add_row(
            name, address, str(pid or ""), "[green]answers[/]" if error is None else f"[red]{error}[/]"
        )
    return table


def _shown(connection: Connection) -> str:
    """The Redis URL without its passwords."""
    url = connection.redis_url.get_secret_value()
    url = re.sub(r"^(\w[^:]*://[^:/?#]*):[^/?#]*@", r"\1:***@", url)
    return re.sub(r"(?<=password=)[^&]*", "***", url)
