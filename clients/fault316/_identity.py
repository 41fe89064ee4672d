"""Who reports, said once for all events of a process."""

import socket

from fault316._build import Identity
from fault316_schemas.scrub import scrub_fields


def identity(
    service: str,
    host: str | None = None,
    version: str | None = None,
    environment: str | None = None,
    component: str | None = None,
) -> Identity:
    """The fields that are the same in every event, without secrets; `host` is by default the machine's name."""
    given = {
        "service": service,
        "host": host or socket.gethostname(),
        "version": version,
        "environment": environment,
        "component": component,
    }
    return Identity(**scrub_fields(given))
