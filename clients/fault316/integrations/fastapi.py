"""Input that a FastAPI application refuses: one `316-VALIDATION-ERR` for each such request, with its pattern."""

import inspect
import logging
import typing
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection

from fault316._reported import is_reported, mark_reported
from fault316.integrations._endpoint import endpoint_of
from fault316.integrations._patterns import Pattern, pattern_of
from fault316.integrations._reports import Reports, or_process

logger = logging.getLogger("fault316")

FIELDS_MAX = 8
"""Fields that are named in an event; a form of a hundred empty fields says nothing more."""

_VALIDATION_ERRORS = (RequestValidationError, WebSocketRequestValidationError)


def report_validation_errors(
    app: FastAPI, *, code: str = "316-VALIDATION-ERR", reporter: Reports | None = None
) -> None:
    """Report requests that `app` refuses, and answer them as without it, by your own handler if there is one.

        app = FastAPI()
        report_validation_errors(app)

    The event has the endpoint and the attributes `method`, `pattern` (`missing`, `empty`, `oversize`,
    `special_characters`, …, all that there are), `fields` (`body.lines.*.sku`) and `errors`, their number. Nothing
    that was sent is in it: of a body only those names that its models declare.

    May be called before or after handlers are added. An application that is mounted in another needs its own call.

    Args:
        reporter: by default what `fault316.init` has made.
    """
    build = app.build_middleware_stack
    told = or_process(reporter)

    def build_reporting() -> Any:
        for kind in _VALIDATION_ERRORS:
            handler: Any = app.exception_handlers[kind]  # FastAPI has one of its own
            app.exception_handlers[kind] = _reporting(handler, code, told)
        return build()

    app.build_middleware_stack = build_reporting  # type: ignore[method-assign] # when all handlers are known


def _reporting(handler: Callable[..., Any], code: str, reporter: Reports) -> Callable[..., Any]:
    async def reported(connection: HTTPConnection, error: Any) -> Any:
        if not is_reported(error):
            mark_reported(error)
            try:
                _report(connection, error.errors(), code, reporter)
            except Exception:
                logger.exception("a refused input is not reported")
        if inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(type(handler).__call__):
            answer = handler(connection, error)
        else:
            answer = await run_in_threadpool(handler, connection, error)
        return await answer if inspect.isawaitable(answer) else answer

    return reported


def _report(connection: HTTPConnection, errors: Sequence[Any], code: str, reporter: Reports) -> None:
    declared = _declared(connection.scope.get("endpoint"))
    found = dict.fromkeys((_field(error, declared), pattern_of(error)) for error in errors)
    patterns = {pattern for _, pattern in found}
    named = list(found)[:FIELDS_MAX]
    reporter.report(
        code,
        message="input refused: " + ", ".join(f"{field} {pattern}" for field, pattern in named),
        endpoint=endpoint_of(connection.scope),
        attributes={
            "method": connection.scope.get("method", "WEBSOCKET"),
            "pattern": ",".join(pattern for pattern in Pattern if pattern in patterns),
            "fields": ",".join(dict.fromkeys(field for field, _ in named)),
            "errors": len(errors),
        },
    )


def _field(error: Any, declared: frozenset[str]) -> str:
    """Where the error is, by names that the service has given; those that a client made up are `*`."""
    place, *parts = error.get("loc") or ("?",)
    if place != "body" and pattern_of(error) is not Pattern.UNEXPECTED:
        return ".".join(map(str, (place, *parts[:1])))  # a parameter, by its own name
    return ".".join([str(place), *(part if part in declared else "*" for part in parts)])


@lru_cache(maxsize=1_024)
def _declared(endpoint: Any) -> frozenset[str]:
    """Names of an endpoint's parameters, and of all fields of the models in their types."""
    try:
        hints = typing.get_type_hints(endpoint)
    except Exception:  # types that cannot be found at run time: then no name is
        return frozenset()
    seen: set[Any] = set()
    return frozenset(hints).union(*(_names(hint, seen) for hint in hints.values()))


def _names(hint: Any, seen: set[Any]) -> Iterator[str]:
    for part in typing.get_args(hint):
        yield from _names(part, seen)
    if isinstance(hint, type) and issubclass(hint, BaseModel) and hint not in seen:
        seen.add(hint)
        for name, field in hint.model_fields.items():
            yield from {
                name,
                *(alias for alias in (field.alias, field.validation_alias) if isinstance(alias, str)),
            }
            yield from _names(field.annotation, seen)
