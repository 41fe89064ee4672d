"""Logs: for a person on a terminal, one JSON object a line otherwise. To stderr; stdout is for output.

The libraries' own logs (faust, mode, aiokafka, aiohttp) go through the same renderer, from WARNING on.
"""

import logging
import re
import sys
from typing import Final, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

LIBRARIES: Final = ("faust", "mode", "aiokafka", "kafka", "aiohttp", "asyncio", "redis")
"""At INFO they report each rebalance and partition in several lines."""

_SECRET: Final = re.compile(r"password|passwd|secret|token|authorization|credential", re.IGNORECASE)


def configure(
    log_format: Literal["auto", "human", "json"] | str = "auto",
    log_level: str = "info",
    stream: TextIO | None = None,
) -> None:
    """Set up logging for the process; a second call replaces the first.

    Args:
        log_format: `auto` is `human` on a terminal and `json` elsewhere.
        log_level: `debug` also shows the libraries at INFO.
        stream: where to; stderr by default.
    """
    stream = stream or sys.stderr
    human = log_format == "human" or (log_format == "auto" and stream.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if human else "iso", utc=not human),
        _redact,
    ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderer(human, stream),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(log_level.upper())
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.INFO if log_level == "debug" else logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,  # module-level loggers must follow a later `configure`
    )


def _renderer(human: bool, stream: TextIO) -> list[Processor]:
    if human:
        # Plain tracebacks: the pretty ones print local variables, and passwords are among those.
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=plain)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]


def _redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Last resort: settings keep their secrets in SecretStr, which prints as stars anyway."""
    for name in event:
        if _SECRET.search(name):
            event[name] = "***"
    return event
