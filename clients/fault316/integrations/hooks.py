"""What nobody catches: exceptions that end the program, a thread, or a task or callback of an event loop."""

import asyncio
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final

from fault316._reported import is_reported, mark_reported
from fault316.integrations._reports import Reports, or_process

FLUSH_S: Final = 2.0
"""What a program that is ending may wait for its last fault; as long as its reporter waits when it closes."""

Uninstall = Callable[[], None]
"""Puts the earlier hook back. Where another one has been put above ours, that stays, and ours only passes on."""


def install(
    *, code: str = "316-OP-FAIL", flush_s: float = FLUSH_S, reporter: Reports | None = None
) -> Uninstall:
    """Report exceptions that end the program (`sys.excepthook`) or a thread (`threading.excepthook`).

        fault316.init(service="nightly")
        hooks.install()

    The hooks that were there are called after ours. `KeyboardInterrupt` and `SystemExit` are no faults, and an
    exception that was reported before is not reported again.

    Args:
        code: of all of them.
        flush_s: what the end of the program may wait until its fault is sent.
        reporter: by default what `fault316.init` has made.
    """
    told = _Told(code, or_process(reporter))
    undo = [_install_sys(told, flush_s), _install_threading(told)]

    def uninstall() -> None:
        for one in undo:
            one()

    return uninstall


def install_loop(
    loop: asyncio.AbstractEventLoop | None = None,
    *,
    code: str = "316-OP-FAIL",
    reporter: Reports | None = None,
) -> Uninstall:
    """Report exceptions of tasks that nobody awaits, and of callbacks, in this event loop.

    The loop's handler, or else its default one, which logs, is called afterwards.

    Args:
        loop: by default the one that is running.

    Raises:
        RuntimeError: none is given, and none is running.
    """
    loop = loop or asyncio.get_running_loop()
    told = _Told(code, or_process(reporter))
    earlier = loop.get_exception_handler()

    def handler(loop: asyncio.AbstractEventLoop, about: dict[str, Any]) -> None:
        task = about.get("task") or about.get("future")
        name = task.get_name() if isinstance(task, asyncio.Task) else "?"
        try:
            told.tell(about.get("exception"), {"task": name, "asyncio": str(about.get("message"))})
        finally:
            if earlier is None:
                loop.default_exception_handler(about)
            else:
                earlier(loop, about)

    loop.set_exception_handler(handler)

    def uninstall() -> None:
        told.is_on = False
        if loop.get_exception_handler() is handler:
            loop.set_exception_handler(earlier)

    return uninstall


class _Told:
    """What a hook reports, until it is uninstalled."""

    def __init__(self, code: str, reporter: Reports) -> None:
        self.is_on = True
        self._code = code
        self._reporter = reporter

    def tell(self, error: object, attributes: dict[str, str], flush_s: float | None = None) -> None:
        if not self.is_on or not isinstance(error, Exception):
            return
        if not is_reported(error):
            mark_reported(error)
            self._reporter.report_exception(error, self._code, attributes=attributes)
        if flush_s is not None:
            self._reporter.flush(flush_s)


def _install_sys(told: _Told, flush_s: float) -> Uninstall:
    earlier = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        try:
            told.tell(error, {"hook": "sys.excepthook"}, flush_s)
        finally:
            earlier(kind, error, trace)

    sys.excepthook = hook

    def uninstall() -> None:
        told.is_on = False
        if sys.excepthook is hook:
            sys.excepthook = earlier

    return uninstall


def _install_threading(told: _Told) -> Uninstall:
    earlier = threading.excepthook

    def hook(args: threading.ExceptHookArgs, /) -> None:
        name = args.thread.name if args.thread is not None else "?"
        try:
            told.tell(args.exc_value, {"hook": "threading.excepthook", "thread": name})
        finally:
            earlier(args)

    threading.excepthook = hook

    def uninstall() -> None:
        told.is_on = False
        if threading.excepthook is hook:
            threading.excepthook = earlier

    return uninstall
