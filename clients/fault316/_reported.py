"""One exception is one fault: who reports it marks it, and who meets it further out lets it pass."""

import contextlib
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Self

_MARK = "__fault316_reported__"


class Work:
    """A piece of work that ends with an answer, such as a request: was an exception reported inside of it?

    The answer 503 to a request in which an exception was reported tells the same fault once more.
    """

    __slots__ = ("_token", "reported")

    def __init__(self) -> None:
        self.reported = False
        self._token: Token[Work | None] | None = None

    def __enter__(self) -> Self:
        self._token = _current.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            with contextlib.suppress(ValueError):  # ended in another context than it was begun in
                _current.reset(self._token)


_current: ContextVar[Work | None] = ContextVar("fault316_work", default=None)


def is_reported(error: BaseException) -> bool:
    """Whether somebody has reported this very exception; of a group, each that is in it."""
    if getattr(error, _MARK, False):
        return True
    return isinstance(error, BaseExceptionGroup) and all(map(is_reported, error.exceptions))


def mark_reported(error: BaseException) -> None:
    """Say that it is reported.

    Raises:
        TypeError: it is no exception.
    """
    BaseException.__setattr__(error, _MARK, True)  # whatever its class makes of attributes: it may be frozen
    if (work := _current.get()) is not None:
        work.reported = True
