"""Errors meant for a person: one line that says what is wrong, where, and what to do."""

from pydantic import ValidationError


class Misuse(Exception):  # noqa: N818 - named for what happened, as typer's own are
    """The person asked for something that cannot be; exit code 2."""


class Failure(Exception):  # noqa: N818
    """What was asked for was tried and failed; exit code 1."""


def explain(error: ValidationError, prefix: str = "FAULT316_") -> str:
    """One line for a settings error: the variable or field, what is wrong with it, what it got."""
    parts = []
    for item in error.errors(include_url=False):
        where = ".".join(str(part) for part in item["loc"])
        name = f"{prefix}{where.upper()}" if where and prefix else where
        got = "" if item["type"] in ("value_error", "missing") else f" (got {item['input']!r})"
        message = item["msg"].removeprefix("Value error, ")
        parts.append(f"{name}: {message}{got}" if name else message)
    return "; ".join(parts)
