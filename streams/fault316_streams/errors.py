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
        path = [str(part) for part in item["loc"]]
        message, got = item["msg"].removeprefix("Value error, "), f" (got {item['input']!r})"
        if "[key]" in path:  # a table's name: one line, whichever of the forms it could have had
            path = path[: path.index("[key]")]
            message, got = "no such name; should be `default` or a pattern of codes, such as 316-DB-*", ""
        elif item["type"] == "extra_forbidden":
            message, got = "no such field", ""
        elif item["type"] in ("value_error", "missing"):
            got = ""
        where = ".".join(path)
        name = f"{prefix}{where.upper()}" if where and prefix else where
        parts.append(f"{name}: {message}{got}" if name else message)
    return "; ".join(dict.fromkeys(parts))
