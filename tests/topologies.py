"""The kinds of Redis that programs may be given. Imported as `topologies`."""

from typing import Final

import pytest

from fault316_streams.embedded import Endpoints
from fault316_streams.settings import WorkerSettings
from support import own_settings

TOPOLOGIES: Final = ("redis", "redis cluster", "redis sentinel")


def settings_on(topology: str, request: pytest.FixtureRequest) -> WorkerSettings:
    """Settings with names that nobody else has, on the Redis of a topology, which is shared."""
    endpoints: Endpoints = request.getfixturevalue("servers")
    if topology != "redis":
        url = request.getfixturevalue(topology.replace(" ", "_")).url()
        endpoints = Endpoints(endpoints.bootstrap_servers, url)
    return own_settings(endpoints)
