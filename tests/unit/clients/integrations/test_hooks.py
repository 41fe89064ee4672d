"""What nobody catches, in programs, threads and event loops that really end by it."""

import asyncio
import gc
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop

from fault316.integrations import hooks
from fault316.testing import MemoryReporter

CODE = "316-OP-FAIL"


@pytest.fixture
def reporter() -> MemoryReporter:
    return MemoryReporter("nightly")


@pytest.fixture
def earlier(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What comes to the hooks that were there before; pytest's own would take it for a failure."""
    heard: list[str] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, *_: heard.append(f"sys {kind.__name__}"))
    monkeypatch.setattr(
        threading, "excepthook", lambda args: heard.append(f"thread {args.exc_type.__name__}")
    )
    return heard


@pytest.fixture
def installed(reporter: MemoryReporter, earlier: list[str]) -> Iterator[hooks.Uninstall]:
    uninstall = hooks.install(reporter=reporter)
    yield uninstall
    uninstall()


def in_thread(name: str, work: Callable[[], object]) -> None:
    thread = threading.Thread(target=work, name=name)
    thread.start()
    thread.join()


def raising(error: BaseException) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


def ended_by(error: BaseException) -> None:
    """As Python does at the end of a program."""
    sys.excepthook(type(error), error, error.__traceback__)


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def test_what_ends_a_program_is_sent_before_it_ends(tmp_path: Path) -> None:
    """Even if the hook that was there lets nothing else happen. The spool stands for Kafka."""
    program = """
import os, sys
import fault316
from fault316 import Connection
from fault316.integrations import hooks

def leave_at_once(kind, error, trace):
    print("earlier", kind.__name__, flush=True)
    os._exit(3)

sys.excepthook = leave_at_once
nowhere = Connection(_env_file=None, bootstrap_servers="127.0.0.1:1")
fault316.init("nightly", connection=nowhere, spool_dir=sys.argv[1], resources=False)
hooks.install(code="316-NIGHTLY", flush_s=0.2)
1 / 0
"""
    ended = run(program, str(tmp_path))
    assert (ended.returncode, ended.stdout) == (3, "earlier ZeroDivisionError\n"), ended.stderr
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"316-NIGHTLY" in kept
    assert b"ZeroDivisionError" in kept


def test_a_program_ends_as_without_hooks() -> None:
    """Its traceback, its exit code; and without `init` too."""
    hooked = "from fault316.integrations import hooks\nhooks.install()\n"
    for last, code in (("1 / 0", 1), ("raise SystemExit(7)", 7)):
        plain, ended = run(f"\n\n{last}"), run(f"{hooked}{last}")
        assert ended.returncode == plain.returncode == code
        assert plain.stderr in ended.stderr


def test_the_hook_that_was_there_is_called_after_ours(
    installed: hooks.Uninstall, reporter: MemoryReporter, earlier: list[str]
) -> None:
    ended_by(ZeroDivisionError())
    in_thread("worker-1", raising(KeyError("k")))
    assert earlier == ["sys ZeroDivisionError", "thread KeyError"]
    ended, thread = reporter.events
    assert (ended.attributes, ended.code) == ({"hook": "sys.excepthook"}, CODE)
    assert thread.attributes == {"hook": "threading.excepthook", "thread": "worker-1"}
    assert thread.exception is not None
    assert thread.exception.type == "KeyError"


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_what_ends_a_program_on_purpose_is_no_fault(
    installed: hooks.Uninstall, reporter: MemoryReporter, earlier: list[str], end: type[BaseException]
) -> None:
    ended_by(end())
    in_thread("worker-1", raising(end()))
    reporter.assert_nothing_reported()
    assert earlier[0] == f"sys {end.__name__}"


def test_what_was_reported_before_is_not_reported_again(
    installed: hooks.Uninstall, reporter: MemoryReporter
) -> None:
    error = KeyError()
    with pytest.raises(KeyError), reporter.guard("316-INNER"):
        raise error
    ended_by(error)
    assert [event.code for event in reporter.events] == ["316-INNER"]


def test_uninstalled_the_earlier_hooks_are_back(reporter: MemoryReporter, earlier: list[str]) -> None:
    before = sys.excepthook, threading.excepthook
    uninstall = hooks.install(reporter=reporter)
    assert sys.excepthook is not before[0]
    uninstall()
    assert (sys.excepthook, threading.excepthook) == before


def test_uninstalled_below_a_later_hook_ours_only_passes_on(
    reporter: MemoryReporter, earlier: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    uninstall = hooks.install(reporter=reporter)
    ours = sys.excepthook
    monkeypatch.setattr(sys, "excepthook", lambda *about: ours(*about))
    later = sys.excepthook
    uninstall()
    assert sys.excepthook is later
    ended_by(KeyError())
    assert earlier == ["sys KeyError"]
    reporter.assert_nothing_reported()


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_in_a_loop_tasks_that_nobody_awaits_and_callbacks_are_reported(
    reporter: MemoryReporter, caplog: pytest.LogCaptureFixture, factory: Any
) -> None:
    async def fails() -> None:
        raise ZeroDivisionError

    async def main() -> None:
        hooks.install_loop(reporter=reporter)
        task = asyncio.create_task(fails(), name="abandoned")
        asyncio.get_running_loop().call_soon(raising(KeyError()))
        await asyncio.wait([task])
        del task
        gc.collect()

    with caplog.at_level(logging.ERROR, logger="asyncio"), asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main())
    callback, task = reporter.events
    assert callback.exception is not None
    assert callback.exception.type == "KeyError"
    assert task.exception is not None
    assert task.exception.type == "ZeroDivisionError"
    assert task.attributes == {"task": "abandoned", "asyncio": "Task exception was never retrieved"}
    assert len(caplog.records) == 2  # the default handler's


async def test_in_a_loop_the_handler_that_was_there_is_called_after_ours(reporter: MemoryReporter) -> None:
    loop, heard = asyncio.get_running_loop(), []
    loop.set_exception_handler(lambda _loop, about: heard.append(about["message"]))
    before = loop.get_exception_handler()
    uninstall = hooks.install_loop(code="316-LOOP", reporter=reporter)
    error = KeyError()
    for about in ({"message": "one", "exception": error}, {"message": "again", "exception": error}):
        loop.call_exception_handler(about)
    loop.call_exception_handler({"message": "no exception"})
    uninstall()
    assert loop.get_exception_handler() is before
    loop.call_exception_handler({"message": "after", "exception": ValueError()})
    assert heard == ["one", "again", "no exception", "after"]
    assert [event.code for event in reporter.events] == ["316-LOOP"]


def test_without_a_loop_that_runs_one_has_to_be_given(reporter: MemoryReporter) -> None:
    with pytest.raises(RuntimeError):
        hooks.install_loop(reporter=reporter)
    loop = asyncio.new_event_loop()
    try:
        hooks.install_loop(loop, reporter=reporter)
        assert loop.get_exception_handler() is not None
    finally:
        loop.close()
