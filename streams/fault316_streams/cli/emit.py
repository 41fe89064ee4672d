"""`fault316 emit`: report faults from the command line, through the same client as a service would."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from fault316 import Connection, FaultEvent, Reporter, Severity
from fault316_streams.cli._edge import one_line_errors, write_json
from fault316_streams.cli.up import Json, quiet
from fault316_streams.errors import Failure, Misuse, explain

PAUSE_EVENTS = 500
"""Events between two chances for Kafka and the progress bar, where no rate is asked for."""
FULL_WAIT_S = 30.0
"""A person would rather wait for a slow Kafka than lose events; a service would not."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send: `n` events, `rate` a second (None: as fast as it goes), all alike but for `{n}`."""

    code: str
    n: int
    rate: float | None
    service: str
    message: str | None
    severity: Severity | None
    user: str | None
    count: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of it."""

    code: str
    events: int
    sent: int
    dropped: int
    faults: int
    """Events sent, weighted by their count."""
    seconds: float
    per_s: float


def emit(
    code: Annotated[str, typer.Argument(help="Such as 316-TIMEOUT-ERR.")],
    n: Annotated[int, typer.Option("-n", help="How many events.")] = 1,
    rate: Annotated[
        float | None, typer.Option(help="Events per second. Default: as fast as it goes.")
    ] = None,
    service: Annotated[str, typer.Option(help="Who reports.")] = "cli",
    message: Annotated[str | None, typer.Option(help="What happened; {n} is the event's number.")] = None,
    severity: Annotated[
        Severity | None, typer.Option(help="Default: as the registry says.", case_sensitive=False)
    ] = None,
    user: Annotated[str | None, typer.Option(help="Whom it hit; user-{n} makes them differ.")] = None,
    count: Annotated[int, typer.Option(help="Identical faults that each event stands for.")] = 1,
    as_json: Json = False,
) -> None:
    """Report faults."""
    plan = Plan(code, n, rate, service, message, severity, user, count)
    check(plan)
    quiet()
    connection = Connection()
    with one_line_errors(), _progress(plan) as bar:
        task = bar.add_task(code, total=n)
        outcome = asyncio.run(send(plan, connection, lambda done: bar.update(task, completed=done)))
    if as_json:
        write_json(asdict(outcome))
    else:
        Console(highlight=False, soft_wrap=True).print(sentence(outcome, connection))
    if outcome.dropped:
        raise Failure(
            f"{outcome.dropped:,} of {n:,} events were not taken by Kafka at {connection.bootstrap_servers}"
        )


def check(plan: Plan) -> None:
    """Refuse what cannot be, before anything is connected. Raises Misuse."""
    if plan.n < 1:
        raise Misuse(f"-n: at least 1 (got {plan.n})")
    if plan.rate is not None and not 0 < plan.rate < float("inf"):
        raise Misuse(f"--rate: more than 0 events per second (got {plan.rate:g})")
    fields = {"code": plan.code, "service": plan.service, "count": plan.count}
    try:
        FaultEvent.model_validate({"id": "1", "occurred_at": "2000-01-01T00:00:00Z", **fields})
    except ValidationError as error:
        if any(item["loc"] == ("code",) for item in error.errors()):
            raise Misuse(
                f"CODE: 316- and words in capitals, such as 316-TIMEOUT-ERR, at most 64 characters (got {plan.code!r})"
            ) from None
        raise Misuse(f"--{explain(error, prefix='')}") from None


async def send(plan: Plan, connection: Connection, progress: Callable[[int], None]) -> Outcome:
    """Carry the plan out; returns when Kafka has acknowledged it all, or given up."""
    async with Reporter(plan.service, connection=connection, full_wait_s=FULL_WAIT_S) as reporter:
        started = time.monotonic()
        for number in range(1, plan.n + 1):
            if plan.rate is not None:
                await asyncio.sleep(started + (number - 1) / plan.rate - time.monotonic())
            elif number % PAUSE_EVENTS == 0:
                await asyncio.sleep(0)
            await reporter.report(
                plan.code,
                severity=plan.severity,
                count=plan.count,
                message=_numbered(plan.message, number),
                user_id=_numbered(plan.user, number),
            )
            if plan.rate is not None or number % PAUSE_EVENTS == 0:
                progress(number)
        await reporter.flush(FULL_WAIT_S)
        seconds = time.monotonic() - started
    sent = reporter.sent
    return Outcome(
        plan.code,
        plan.n,
        sent,
        reporter.dropped,
        sent * plan.count,
        round(seconds, 3),
        round(sent / seconds, 1),
    )


def sentence(outcome: Outcome, connection: Connection) -> str:
    """The outcome for a person."""
    events = "1 event" if outcome.sent == 1 else f"{outcome.sent:,} events"
    weight = f" ({outcome.faults:,} faults)" if outcome.faults != outcome.sent else ""
    pace = f" in {outcome.seconds:.1f} s, {outcome.per_s:,.0f}/s" if outcome.sent > 1 else ""
    return f"sent {events}{weight} of {outcome.code} to {connection.topics.events} at {connection.bootstrap_servers}{pace}"


def _numbered(template: str | None, number: int) -> str | None:
    return template and template.replace("{n}", str(number))


def _progress(plan: Plan) -> Progress:
    """A bar on stderr, where there is a terminal and something to wait for."""
    console = Console(stderr=True)
    short = plan.n < PAUSE_EVENTS and (plan.rate is None or plan.n / plan.rate < 1)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=short or not console.is_terminal,
    )
