"""The endpoint of a request as the name of a route, not of an object: counters and facets are kept for each."""

import re
from collections.abc import Mapping
from typing import Any

SEGMENTS_MAX = 8
"""Of a path that no route has: a scanner's paths should not become as many endpoints."""
SEGMENT_CHARS_MAX = 32
"""A longer one is a token or a text, not a name."""

_ID = re.compile(r"\d+|.*\d.*\d.*\d.*|.*@.*", re.DOTALL)
"""Numbers, whatever holds three digits (UUIDs, hashes, `order-1234`), and mail addresses; `v1` and `s3` are names."""


class Endpoint:
    """The endpoint of a request that may not have been routed yet: `str` looks at the scope as it is by then."""

    __slots__ = ("_scope",)

    def __init__(self, scope: Mapping[str, Any]) -> None:
        self._scope = scope

    def __str__(self) -> str:
        return endpoint_of(self._scope)


def endpoint_of(scope: Mapping[str, Any]) -> str:
    """`/orders/{order_id}` of an ASGI scope: the route's template, or else the path with what varies folded.

    Starlette's and FastAPI's routes know their own template, but not where they are mounted or included. So the
    template's part of the path is found by filling it in, and what stands before it is folded.
    """
    path = str(scope.get("path") or "/")
    params = {str(name): str(value) for name, value in (scope.get("path_params") or {}).items()}
    template = getattr(scope.get("route"), "path_format", None)
    if isinstance(template, str) and (tail := _filled(template, params)) is not None and path.endswith(tail):
        outer = {name: value for name, value in params.items() if f"{{{name}}}" not in template}
        return _folded(path[: len(path) - len(tail)], outer) + template or "/"
    return _folded(path, params)


def _filled(template: str, params: Mapping[str, str]) -> str | None:
    try:
        return template.format(**params)
    except (LookupError, ValueError, AttributeError):  # a mount's, which keeps its rest to itself
        return None


def _folded(path: str, params: Mapping[str, str]) -> str:
    names = {value: f"{{{name}}}" for name, value in params.items()}
    segments = path.split("/")
    folded = [names.get(segment) or _name(segment) for segment in segments[: SEGMENTS_MAX + 1]]
    return "/".join(folded) + ("/…" if len(segments) > SEGMENTS_MAX + 1 else "")


def _name(segment: str) -> str:
    return "{id}" if len(segment) > SEGMENT_CHARS_MAX or _ID.fullmatch(segment) else segment
