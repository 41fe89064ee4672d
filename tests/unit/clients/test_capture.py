"""An exception taken down as a light value says what the exception itself would say."""

import gc
import traceback
import weakref
from collections.abc import Callable

import pytest

from fault316._capture import capture
from fault316._exception import describe, fingerprint


def recurse(depth: int) -> None:
    if depth:
        recurse(depth - 1)
    raise ValueError("bottom")


def caused() -> None:
    try:
        recurse(3)
    except ValueError as error:
        raise RuntimeError("while paying") from error


def context_only() -> None:
    try:
        recurse(2)
    except ValueError:
        int("x")


def suppressed() -> None:
    try:
        recurse(2)
    except ValueError:
        raise LookupError("gone") from None


def with_note() -> None:
    error = ValueError("bad")
    error.add_note("in the third row")
    raise error


def very_deep() -> None:
    recurse(400)


def raised(function: Callable[[], None]) -> Exception:
    try:
        function()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def without_carets(parts: list[str]) -> list[str]:
    lines = "".join(parts).splitlines(keepends=True)
    return [line for line in lines if not line.strip() or set(line.strip()) - {"^", "~"}]


ALL = [caused, context_only, suppressed, with_note, very_deep]


@pytest.mark.parametrize("function", ALL)
def test_the_fingerprint_is_the_same_by_both_ways(function: Callable[[], None]) -> None:
    error = raised(function)
    assert capture(error).fingerprint() == fingerprint(error)


@pytest.mark.parametrize("function", ALL)
def test_the_description_is_the_same_but_for_carets(function: Callable[[], None]) -> None:
    error = raised(function)
    ours, full = capture(error).describe(), describe(error)
    assert (ours.type, ours.message, ours.fingerprint) == (full.type, full.message, full.fingerprint)
    if function is not very_deep:  # of that the innermost frames are kept
        assert ours.stacktrace == "".join(without_carets(traceback.format_exception(error)))


def test_the_members_of_a_group_are_written_out() -> None:
    group = ExceptionGroup("two failed", [raised(caused), raised(with_note)])
    stacktrace = capture(group).describe().stacktrace
    assert stacktrace is not None
    for part in ("two failed (2 sub-exceptions)", "RuntimeError: while paying", "in the third row"):
        assert part in stacktrace


def test_later_frames_change_nothing() -> None:
    """An exception that goes on gets more frames; what was taken down stays as it was when it was reported."""
    error = raised(caused)
    captured = capture(error)
    before = captured.fingerprint()
    try:
        raise error
    except RuntimeError:
        assert fingerprint(error) != before
    assert captured.fingerprint() == before


def test_no_local_is_kept_alive() -> None:
    class Session:
        pass

    sessions: list[weakref.ref[Session]] = []

    def work() -> None:
        session = Session()
        sessions.append(weakref.ref(session))
        raise ValueError

    captured = capture(raised(work))
    gc.collect()
    assert sessions[0]() is None
    assert captured.describe().type == "ValueError"


def test_a_broken_exception_is_taken_down_too() -> None:
    class BrokenError(Exception):
        def __str__(self) -> str:
            raise ZeroDivisionError

    assert "failed" in str(capture(BrokenError()).describe().message)
