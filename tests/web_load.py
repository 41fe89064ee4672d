"""Customers of a web application that is a process of its own. Imported as `web_load`."""

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from support import eventually

REQUEST_LIMIT_S = 60.0
"""Against a hang; a slow machine is no failure."""


@asynccontextmanager
async def customers_of(port: int) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application on this port, once it answers."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=REQUEST_LIMIT_S) as client:

        async def answers() -> bool:
            try:
                await client.get("/")
                return True
            except httpx.TransportError as error:
                raise AssertionError(error) from error

        await eventually(answers, deadline_s=60)
        yield client


@dataclass
class Answers:
    """What a web application answered."""

    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    """(Kind of request, status) → how many."""
    took_s: list[float] = field(default_factory=list)
    last: Any = None
    """The JSON of the latest one that is no error."""

    def figures(self) -> str:
        """For a person."""
        cuts = statistics.quantiles(self.took_s, n=100)
        return f"p50 {cuts[49] * 1_000:.1f} ms, p99 {cuts[98] * 1_000:.1f} ms of {len(self.took_s)} requests"


Request = tuple[str, str, str, dict[str, Any] | None]
"""Kind, method, path and JSON."""


async def put_load(
    client: httpx.AsyncClient, requests: Iterable[Request], *, at_a_time: int, answers: Answers
) -> None:
    """Send all of them, so many at a time. Raises httpx.TransportError where one gets no answer."""
    waiting = iter(requests)

    async def one_customer() -> None:
        for kind, method, path, body in waiting:
            began_s = time.perf_counter()
            answer = await client.request(method, path, json=body)
            answers.took_s.append(time.perf_counter() - began_s)
            answers.statuses[kind, answer.status_code] += 1
            if answer.is_success:
                answers.last = answer.json()

    async with asyncio.TaskGroup() as customers:
        for _ in range(at_a_time):
            customers.create_task(one_customer())
