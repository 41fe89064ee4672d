"""The example shop: what its README says of each switch is what customers see and what is reported."""

import asyncio
import importlib
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from fault316.testing import MemoryReporter

EXAMPLES = Path(__file__).parents[3] / "examples"
ROWS = re.findall(r"^\| `([a-z-]+)` \| (.+) \| (.+) \|$", (EXAMPLES / "README.md").read_text(), re.MULTILINE)
"""(switch, what customers see, what is reported)."""
CUSTOMERS = 40
ORDER = {"user_id": "u7", "product_id": 7}


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The shop's module, made anew, because its pool belongs to a test's event loop.

    Its limits are longer, so that a busy machine cannot pass for a payment provider or a pool that does not answer.
    """
    monkeypatch.syspath_prepend(EXAMPLES)
    for name in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
        monkeypatch.delitem(sys.modules, name)
    app = importlib.import_module("shop.app")
    monkeypatch.setattr(app, "HANG_S", 4.0)
    monkeypatch.setattr("shop.backends.PAYMENT_LIMIT_S", 5.0)
    monkeypatch.setattr("shop.backends.POOL_WAIT_S", 1.5)
    return app


@pytest.fixture
async def client(module: Any, fault316_reporter: MemoryReporter) -> AsyncIterator[httpx.AsyncClient]:
    """A customer of the shop, which runs as long."""
    transport = httpx.ASGITransport(module.app, raise_app_exceptions=False)
    async with (
        module.lifespan(module.app),
        httpx.AsyncClient(transport=transport, base_url="http://shop") as client,
    ):
        yield client


async def statuses(client: httpx.AsyncClient) -> set[int]:
    """Of a view, and then of many orders at a time."""
    view = await client.get("/products/7")
    orders = await asyncio.gather(*(client.post("/orders", json=ORDER) for _ in range(CUSTOMERS)))
    return {answer.status_code for answer in (view, *orders)}


async def test_nothing_fails_and_nothing_is_reported_by_itself(
    client: httpx.AsyncClient, fault316_reporter: MemoryReporter
) -> None:
    assert (await client.get("/products/7")).json() == {"name": "product 7"}
    assert [(await client.post("/orders", json=ORDER)).json() for _ in range(2)][1]["order"] > 1
    fault316_reporter.assert_nothing_reported()


@pytest.mark.parametrize(("switch", "seen", "reported"), ROWS)
async def test_a_switch_does_what_the_readme_says(
    switch: str, seen: str, reported: str, client: httpx.AsyncClient, fault316_reporter: MemoryReporter
) -> None:
    assert (await client.put(f"/switches/{switch}")).json() == [switch]
    failed = await statuses(client) - {200, 201}
    assert failed == {int(status) for status in re.findall(r"\b[45]\d\d\b", seen)}
    codes = {event.code for event in fault316_reporter.events}
    assert codes == set(re.findall(r"`(316-[A-Z-]+)`", reported))


async def test_the_readme_names_every_switch(module: Any, client: httpx.AsyncClient) -> None:
    assert [switch for switch, _, _ in ROWS] == [fault.value for fault in module.Fault]
    assert (await client.put("/switches/flood")).status_code == 422


async def test_every_failed_order_is_reported_once_with_its_user(
    client: httpx.AsyncClient, fault316_reporter: MemoryReporter
) -> None:
    """And once by the pool; what the middleware sees of it is no third one."""
    await client.put("/switches/promotion")
    orders = await asyncio.gather(
        *(client.post("/orders", json={"user_id": f"u{n}", "product_id": 7}) for n in range(CUSTOMERS))
    )
    refused = {f"u{n}" for n, answer in enumerate(orders) if answer.status_code == 503}
    assert refused
    for code in ("316-ORDER-SUBMIT-ERR", "316-DB-POOL-EXHAUSTED"):
        events = fault316_reporter.of(code, endpoint="/orders")
        assert sorted(str(event.user_id) for event in events) == sorted(refused)
    assert len(fault316_reporter.events) == 2 * len(refused)


async def test_an_order_that_is_refused_is_reported_without_what_was_sent(
    client: httpx.AsyncClient, fault316_reporter: MemoryReporter
) -> None:
    answer = await client.post("/orders", json={"user_id": "", "product_id": 7, "voucher": "O'Hara"})
    assert answer.status_code == 422
    event = fault316_reporter.assert_reported("316-VALIDATION-ERR", times=1, endpoint="/orders")
    assert "body.user_id" in event.to_json().decode()
    assert "Hara" not in event.to_json().decode()
