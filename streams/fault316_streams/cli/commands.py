"""The commands, put together, and what becomes of their errors."""

import sys

import typer
from pydantic import ValidationError
from rich.console import Console
from typer.exceptions import TyperException

from fault316_streams.cli import bench, dlq
from fault316_streams.cli.counters import counters
from fault316_streams.cli.demo import demo
from fault316_streams.cli.emit import emit
from fault316_streams.cli.replay import replay
from fault316_streams.cli.sim import simulate
from fault316_streams.cli.tail import tail
from fault316_streams.cli.top import top
from fault316_streams.cli.topics import topics
from fault316_streams.cli.up import down, status, up
from fault316_streams.cli.worker import worker
from fault316_streams.errors import Failure, Misuse, explain
from fault316_streams.intake.reject import shown

app = typer.Typer(
    name="fault316",
    help="Exact counts and storm alerts for structured 316 faults, on Kafka and Redis.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

MESSAGE_CHARS_MAX = 2_000

# Registration order is the order of `fault316 --help`.
app.command()(demo)
app.command()(up)
app.command()(down)
app.command()(status)
app.command()(topics)
app.command()(worker)
app.command()(emit)
app.command()(tail)
app.command()(top)
app.command()(counters)
app.command()(replay)
app.command()(simulate)
app.command("sim", hidden=True)(simulate)
app.add_typer(dlq.app, name="dlq")
app.add_typer(bench.app, name="bench")


def main() -> None:
    """Run the command line. Exit codes: 0 good, 1 failed, 2 misuse, 130 interrupted."""
    try:
        sys.exit(app(standalone_mode=False))
    except Misuse as error:
        _end(str(error), 2)
    except ValidationError as error:
        _end(explain(error), 2)
    except Failure as error:
        _end(str(error), 1)
    except TyperException as error:
        # What typer itself refuses: one line as well, rather than its box. No arguments at all: the help.
        said = error.format_message().replace("Value error, ", "").rstrip(".")
        _end(f"{said}. See --help." if said else "", error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        _end("", 130)


def _end(message: str, code: int) -> None:
    """One line, whatever a server or an argument put into it, and no secret in it."""
    if message := shown(message, MESSAGE_CHARS_MAX):
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"fault316: {message}", markup=False)
    sys.exit(code)
