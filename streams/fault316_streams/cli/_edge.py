"""What the reading commands share: where errors become one line, and how JSON is written."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import typer
from pydantic import BaseModel

from fault316 import Unavailable
from fault316_schemas import Registry
from fault316_streams.errors import Failure
from fault316_streams.settings import WorkerSettings


@contextmanager
def one_line_errors() -> Iterator[None]:
    """A server that is away ends the command with its one line; Ctrl-C and a closed pipe end it quietly."""
    try:
        yield
    except Unavailable as error:
        raise Failure(str(error)) from error
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nor may the last flush complain
        raise typer.Exit from None


def write_json(value: Any) -> None:
    """One value as one line of JSON on stdout, at once."""
    sys.stdout.buffer.write(
        orjson.dumps(value, default=_plain, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS)
    )
    sys.stdout.buffer.flush()


def registry(settings: WorkerSettings) -> Registry:
    """The codes' titles: built in, and those of the policy file if there is one."""
    if settings.policy_file is None:
        return Registry.built_in()
    from fault316_streams.detect.policy import PolicyBook  # slow to import, and seldom needed here

    return PolicyBook.load(settings.policy_file).registry


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True)
    raise TypeError(type(value).__name__)
