"""Making any text fit the contract: a fault must not be lost because its message is long or garbled."""

from typing import Any

from fault316_schemas.event import ATTRIBUTE_CHARS_MAX, NAME_CHARS_MAX, STACKTRACE_CHARS_MAX, TEXT_CHARS_MAX

CUT = "…"


def clean(value: str) -> str:
    """Text that UTF-8 can carry: lone surrogates, as in file names that do not decode, become `?`."""
    return value.encode("utf-8", "replace").decode()


def name(value: Any) -> str | None:
    """A short field, such as a user id; None where it is empty."""
    return clean(_head(str(value), NAME_CHARS_MAX)) or None


def text(value: Any) -> str | None:
    """A message."""
    return None if value is None else clean(_head(str(value), TEXT_CHARS_MAX))


def attribute(value: Any) -> Any:
    """An attribute's value; what is not text stays as it is."""
    return clean(_head(value, ATTRIBUTE_CHARS_MAX)) if isinstance(value, str) else value


def stacktrace(value: str) -> str:
    """A traceback; the innermost frames, which are last, are the ones kept."""
    if len(value) > STACKTRACE_CHARS_MAX:
        value = CUT + value[-(STACKTRACE_CHARS_MAX - len(CUT)) :]
    return clean(value)


def _head(value: str, chars_max: int) -> str:
    return value if len(value) <= chars_max else value[: chars_max - len(CUT)] + CUT
