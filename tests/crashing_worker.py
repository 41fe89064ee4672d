"""A worker that kills or stops itself at a named point. Imported as `crashing_worker`, and run as a program:

    python crashing_worker.py <point> <n> [options of `fault316 worker`]

It is the worker as it is; only the function of that point is wrapped, in this process, and its n-th call is the end:
SIGKILL, or SIGSTOP at those of `PAUSES`.
"""

import inspect
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from itertools import count
from typing import Any, ClassVar, Final, Literal, NamedTuple

from aiokafka import AIOKafkaConsumer

from fault316_streams.cli import main
from fault316_streams.code_table import CodeTable
from fault316_streams.detector import Detector
from fault316_streams.faust_consumer import Consumer as FaustConsumer
from fault316_streams.intake.service.dead_letters import DeadLetters
from fault316_streams.intake.service.flush import Flusher
from fault316_streams.intake.service.publisher import Publisher
from fault316_streams.intake.source import Source
from fault316_streams.sinks.alerts import AlertTopic
from fault316_streams.sinks.redis_view import RedisView
from worker_process import WorkerProcess


class Point(NamedTuple):
    """Before or after a call of a function, and how many calls a second or two bring."""

    when: Literal["before", "after"]
    owner: type
    function: str
    calls: int


INTAKE: Final = {
    "a fetch has returned": Point("after", AIOKafkaConsumer, "getmany", 20),
    "records are combined": Point("after", Source, "take", 20),
    "partials are to be sent": Point("before", Publisher, "publish", 40),
    "partials are acknowledged": Point("after", Publisher, "publish", 40),
    "a dead letter is to be sent": Point("before", DeadLetters, "_publish", 10),
    "a dead letter is acknowledged": Point("after", DeadLetters, "_publish", 10),
    "chunks are to be committed": Point("before", Flusher, "commit", 1),
    "chunks are committed": Point("after", Flusher, "commit", 1),
}
DETECT: Final = {
    # First: a storm is waited for, and its alert is not to take more lives than two.
    "an alert is pending and to be sent": Point("before", AlertTopic, "send", 2),
    "an alert is sent and pending still": Point("after", AlertTopic, "send", 2),
    "states are to be restored": Point("before", Detector, "_restore", 3),
    "states are restored": Point("after", Detector, "_restore", 3),
    "states are to be written": Point("before", CodeTable, "write", 3),
    "some of the states are acknowledged": Point("after", CodeTable, "_put", 3),
    "states are acknowledged, partials not": Point("after", CodeTable, "write", 3),
    "partials are acknowledged to Faust": Point("after", Detector, "_checkpoint", 2),
    "Faust has committed": Point("after", FaustConsumer, "_commit", 1),
    "the view is to be written": Point("before", RedisView, "write", 5),
    "the view is written": Point("after", RedisView, "write", 5),
}

PAUSES: Final = {"tables are recovered": Point("before", FaustConsumer, "seek_to_committed", 1)}


class CrashingWorker(WorkerProcess):
    """A `WorkerProcess` whose first two options are the point and the number of the call."""

    command: ClassVar[list[str]] = [sys.executable, __file__]


def end_at(point: Point, nth: int, how: signal.Signals) -> None:
    """Wrap the point's function: its n-th call is this process's end, or rest."""
    calls, function = count(1), getattr(point.owner, point.function)

    @contextmanager
    def perhaps_the_last() -> Iterator[None]:
        last = next(calls) == nth
        if last and point.when == "before":
            os.kill(os.getpid(), how)
        yield
        if last and point.when == "after":
            os.kill(os.getpid(), how)

    setattr(point.owner, point.function, _wrapped(function, perhaps_the_last))


def _wrapped(function: Callable[..., Any], around: Callable[[], Any]) -> Callable[..., Any]:
    @wraps(function)
    async def later(*args: Any, **kwargs: Any) -> Any:
        with around():
            return await function(*args, **kwargs)

    @wraps(function)
    def now(*args: Any, **kwargs: Any) -> Any:
        with around():
            return function(*args, **kwargs)

    return later if inspect.iscoroutinefunction(function) else now


if __name__ == "__main__":
    name, nth, *options = sys.argv[1:]
    how = signal.SIGSTOP if name in PAUSES else signal.SIGKILL
    end_at((INTAKE | DETECT | PAUSES)[name], int(nth), how)
    sys.argv = ["fault316", "worker", *options]
    main()
