"""Logs: for a person on a terminal, one JSON object a line otherwise. To stderr; stdout is for output.

The libraries' own logs (faust, mode, aiokafka, aiohttp) go through the same renderer, from WARNING on. Whatever a
text holds, it stays one line, moves no cursor and tells no secret.
"""

import logging
import re
import sys
import textwrap
from typing import Any, Final, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from fault316_schemas.scrub import scrub_text
from fault316_streams.intake.reject import escaped

LIBRARIES: Final = ("faust", "mode", "aiokafka", "kafka", "aiohttp", "asyncio", "redis")
"""At INFO they report each rebalance and partition in several lines."""

REPEAT_INTERVAL_S: Final = 10.0
"""A library says the same thing at most this often. Without a broker aiokafka writes some 30 lines a second."""

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
    handler.addFilter(Repeats())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                # As text: the pretty tracebacks print local variables, and passwords are among those.
                structlog.processors.format_exc_info,
                _harmless,
                _renderer(human, stream),
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


class Repeats(logging.Filter):
    """Lets each message of a library pass once in a while, with the number of those held back since."""

    def __init__(self) -> None:
        super().__init__()
        # Keyed by where in the source it was said, so bounded by the libraries' size.
        self._said: dict[tuple[str, int], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """By the record's own time."""
        if record.name.partition(".")[0] not in LIBRARIES:
            return True
        where = (record.pathname, record.lineno)
        since, held = self._said.get(where, (float("-inf"), 0))
        if record.created - since < REPEAT_INTERVAL_S:
            self._said[where] = (since, held + 1)
            return False
        if held:
            record.msg = f"{record.msg} (and {held} times more)"
        self._said[where] = (record.created, 0)
        return True


def _renderer(human: bool, stream: TextIO) -> Processor:
    if human:
        plain = structlog.dev.plain_traceback
        return structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=plain)
    return structlog.processors.JSONRenderer()


def _redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Last resort: settings keep their secrets in SecretStr, which prints as stars anyway."""
    for name in event:
        if _SECRET.search(name):
            event[name] = "***"
    return event


def _harmless(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Texts may come from anywhere: an event, a broker, an exception that quotes either."""
    for name, value in event.items():
        if name == "exception":
            # Indented, so that no line of a message passes for a line of the log.
            lines = scrub_text(str(value)).split("\n")
            event[name] = textwrap.indent("\n".join(map(escaped, lines)), "  ")
        elif not isinstance(value, bool | int | float | None):
            event[name] = _harmless_value(value)
    return event


def _harmless_value(value: Any) -> Any:
    """Texts on one line. Anything else as it is, unless its text tells a secret."""
    if isinstance(value, str):
        return escaped(scrub_text(value))
    text = repr(value)
    scrubbed = scrub_text(text)
    return value if scrubbed == text else scrubbed
