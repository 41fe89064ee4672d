"""`BackgroundReporter`: faults in one line, from any thread, task or forked process, and never a word back."""

import atexit
import importlib
import math
import os
import random
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self, Unpack

from fault316._build import Details, Identity, build
from fault316._compression import COMPRESSION, Compression, checked
from fault316._context import current
from fault316._guard import Guard
from fault316._identity import identity
from fault316._record import record
from fault316._reported import mark_reported
from fault316._rollup import FREE_PER_S
from fault316._sender import Sender, Way
from fault316._spooled import SPOOL_BYTES_MAX
from fault316._tally import Why
from fault316._writer import BeforeSend, reason
from fault316_schemas import Connection
from fault316_schemas.event import COUNT_MAX

QUEUE_MAX = 10_000
"""Reports that wait for the sending thread: at about 1 kB each 10 MB, and half a second of its work."""
FLUSH_TIMEOUT_S = 5.0
CLOSE_TIMEOUT_S = 2.0
"""What the end of a program may wait for its last faults."""


class BackgroundReporter:
    """Reports faults for sync and async code alike. `fault316.init` makes one for the whole process.

        reporter = BackgroundReporter("checkout", version="2.4.1")
        try:
            submit(order)
        except Exception as error:
            reporter.report_exception(error, code="316-ORDER-SUBMIT-ERR", user_id=order.user_id)
            raise

    `report` leaves a light record in a bounded queue and returns: it does not wait, for Kafka or for a lock, and it
    does not raise, whatever it is given. One daemon thread rolls up, scrubs and sends. What is lost is counted in
    `dropped`, logged once for each reason, and reported as `316-REPORTER-DROPPED` when Kafka takes events again.
    After a fork the child has a queue and a thread of its own and sends nothing of its parent's.

    Args:
        service, connection, host, version, environment, component: as for `Reporter`.
        before_send: called in the sending thread with each event, already scrubbed; returns it, a changed copy, or
            None to hold it back. If it raises, the event is dropped and counted.
        sample_rate: the share of reports that is sent, above 0 and at most 1. Each stands for the others by its
            `count`, so that counts stay right on average.
        free_per_s: identical faults (code, severity, endpoint, exception) that are sent one by one in a second; those
            beyond it become one event with their `count`. None: all one by one.
        queue_max: reports that may wait for the sending thread.
        resources: read load, memory and threads where psutil is installed.
        compression: of batches: gzip, zstd, lz4, snappy (all but gzip need cramjam), or None.
        close_timeout_s: what the end of the program waits for the last faults.
        spool_dir: a folder on a local disk. Events are in a file there until Kafka has acknowledged them, and what a
            process leaves behind is sent by the next one that starts with this folder. None: they wait in memory,
            up to 32 MiB.
        spool_bytes_max: what may wait in this process's files.

    Raises:
        pydantic.ValidationError: the service's name or another text is empty or too long, or a `FAULT316_*` variable
            is wrong.
        ValueError: `sample_rate`, `free_per_s`, `queue_max` or `close_timeout_s` is out of range,
            or there is no such `compression`.
        ModuleNotFoundError: a `compression` that needs cramjam, without it.
    """

    def __init__(
        self,
        service: str,
        *,
        connection: Connection | None = None,
        host: str | None = None,
        version: str | None = None,
        environment: str | None = None,
        component: str | None = None,
        before_send: BeforeSend | None = None,
        sample_rate: float = 1.0,
        free_per_s: int | None = FREE_PER_S,
        queue_max: int = QUEUE_MAX,
        resources: bool = True,
        compression: Compression | None = COMPRESSION,
        close_timeout_s: float = CLOSE_TIMEOUT_S,
        spool_dir: str | os.PathLike[str] | None = None,
        spool_bytes_max: int = SPOOL_BYTES_MAX,
    ) -> None:
        if not 0 < sample_rate <= 1:
            raise ValueError("sample_rate should be above 0 and at most 1")
        if free_per_s is not None and free_per_s < 0:
            raise ValueError("free_per_s should be 0 or more, or None")
        if queue_max < 1:
            raise ValueError("queue_max should be 1 or more")
        if not 0 <= close_timeout_s < math.inf:
            raise ValueError("close_timeout_s should be 0 or more")
        who: Identity = identity(service, host, version, environment, component)
        build(who, "316-OTHER", {})  # a wrong identity shows here, not with the first fault
        self._way = Way(
            identity=who,
            connection=connection or Connection(),
            before_send=before_send,
            queue_max=queue_max,
            free_per_s=free_per_s,
            resources=resources,
            compression=checked(compression),
            spool_dir=None if spool_dir is None else Path(spool_dir).resolve(),
            spool_bytes_max=spool_bytes_max,
        )
        self._sample_rate = sample_rate
        self._close_timeout_s = close_timeout_s
        self._closed = False
        self._begin()
        _reporters.add(self)

    @property
    def sent(self) -> int:
        """Faults that Kafka has acknowledged."""
        return self._sender.outbox.sent

    @property
    def dropped(self) -> int:
        """Faults given up, for whatever reason."""
        return self._sender.tally.total + self._sender.outbox.dropped

    @property
    def filtered(self) -> int:
        """Faults that `before_send` held back."""
        return self._sender.writer.filtered

    def report(self, code: str, **details: Unpack[Details]) -> None:
        """Report one fault, now. Never waits, never raises.

        Args:
            code: `316-…`, such as `316-TIMEOUT-ERR`.
            details: see `Details`; `exception=error` is the one that says most.
        """
        self._put(code, details)

    def report_exception(
        self, error: BaseException, code: str = "316-OP-FAIL", **details: Unpack[Details]
    ) -> None:
        """Report an exception: its type, message, traceback and fingerprint. Never waits, never raises."""
        self._put(code, {**details, "exception": error})

    def guard(self, code: str = "316-OP-FAIL", **details: Unpack[Details]) -> Guard:
        """Report what is raised inside and let it go on: `@reporter.guard(…)` or `with reporter.guard(…):`."""
        return Guard(self.report_exception, code, dict(details))

    def flush(self, timeout: float = FLUSH_TIMEOUT_S) -> bool:
        """Wait until all that was reported before is with Kafka; False if `timeout` seconds were not enough.

        Blocks the thread: in a coroutine write `await asyncio.to_thread(reporter.flush)`.
        """
        return self._sender.finish(timeout, close=False)

    def close(self, timeout: float | None = None) -> bool:
        """Flush for at most `timeout` seconds, drop and count the rest, end the thread. Later reports are dropped."""
        self._closed = True
        _reporters.discard(self)
        return self._sender.finish(self._close_timeout_s if timeout is None else timeout, close=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _put(self, code: str, details: Any) -> None:
        """Takes `details` over. Each call of a function in here is paid by whoever reports."""
        sender = self._sender
        try:
            if (thrown := details.get("exception")) is not None:
                mark_reported(thrown)
            if self._closed:
                return sender.tally.add(Why.CLOSED)
            if self._sample_rate < 1 and self._random.random() >= self._sample_rate:
                return None
            if (why := sender.why_not()) is not None:
                return sender.tally.add(why, self._weight(details.get("count", 1)))
            taken = record(code, details, current(), time.time())
            if self._sample_rate < 1:
                taken.count = self._weight(taken.count)
            sender.put(taken)
        except Exception as error:  # a service never suffers for its reports
            sender.tally.add(Why.INVALID, 1, reason(error))

    def _weight(self, count: object) -> int:
        """The faults that a report stands for after sampling: `count / rate`, rounded up or down by chance, so that
        its mean is exact."""
        if type(count) is not int:
            return 1
        if self._sample_rate == 1:
            return count
        scaled = count / self._sample_rate
        return min(int(scaled) + (self._random.random() < scaled % 1), COUNT_MAX)

    def _begin(self) -> None:
        """With an empty queue and no thread yet."""
        self._random = random.Random()  # noqa: S311 - a service's own seed is left alone
        self._sender = Sender(self._way, _close_at_the_end_of_multiprocessing)

    def _begin_in_child(self) -> None:
        self._sender.leave_to_parent()
        _inherited.append(self._sender)
        self._begin()


_reporters: set[BackgroundReporter] = set()
"""Those that are open; held, so that one that nobody holds any more still sends its last faults."""
_inherited: list[Sender] = []
"""A parent's, kept as they are: what nobody lets go of, no destructor touches."""


def _after_fork_in_child() -> None:
    for reporter in list(_reporters):
        reporter._begin_in_child()


def _at_exit() -> None:
    for reporter in list(_reporters):
        reporter.close()


def _close_at_the_end_of_multiprocessing() -> None:
    """Its forked children leave without what is registered with `atexit`; they have an end of their own."""
    processes = sys.modules.get("multiprocessing.process")
    if processes is not None and processes.parent_process() is not None:
        util = importlib.import_module("multiprocessing.util")
        util.Finalize(None, _at_exit, exitpriority=0)


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_after_fork_in_child)
atexit.register(_at_exit)
