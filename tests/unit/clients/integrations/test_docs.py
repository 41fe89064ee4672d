"""Every Python block of docs/integrations.md runs as it stands and reports what the text says."""

import logging
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import structlog

from fault316.testing import MemoryReporter

TEXT: Final = (Path(__file__).parents[4] / "docs" / "integrations.md").read_text(encoding="utf-8")
SECTIONS: Final = {
    title: re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    for title, text in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
}


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Programs may install what they like for the whole process; the next test should not see it."""
    root = logging.getLogger()
    handlers = list(root.handlers)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    yield
    root.handlers[:] = handlers
    structlog.reset_defaults()


def run(section: str, block: int = 0) -> dict[str, Any]:
    """What the program has defined."""
    names: dict[str, Any] = {"__name__": "shop"}
    exec(compile(SECTIONS[section][block], f"docs/integrations.md, {section}", "exec"), names)
    return names


async def call(app: Any, method: str, path: str, **more: Any) -> httpx.Response:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        return await client.request(method, path, **more)


async def test_web_applications(fault316_reporter: MemoryReporter) -> None:
    app = run("Web applications (ASGI)")["app"]
    assert (await call(app, "GET", "/orders/7", headers={"X-Request-ID": "r-1"})).status_code == 500
    where = {"endpoint": "/orders/{order_id}", "request_id": "r-1", "service": "shop"}
    fault316_reporter.assert_reported("316-CART-ODD", times=1, **where)
    fault316_reporter.assert_reported("316-OP-FAIL", times=1, message="no such order", **where)


async def test_refused_input(fault316_reporter: MemoryReporter) -> None:
    app = run("Refused input (FastAPI)")["app"]
    assert (await call(app, "POST", "/orders", json={"note": "x" * 201})).status_code == 422
    event = fault316_reporter.assert_reported("316-VALIDATION-ERR", times=1, endpoint="/orders")
    assert event.attributes == {
        "method": "POST",
        "pattern": "missing,oversize",
        "fields": "body.note,body.count",
        "errors": 2,
    }


@pytest.mark.parametrize("block", [0, 1])
def test_log_records(
    fault316_reporter: MemoryReporter, block: int, capsys: pytest.CaptureFixture[str]
) -> None:
    run("Log records", block)
    event = fault316_reporter.assert_reported("316-STOCK-EMPTY", times=1)
    assert (event.message or "").startswith("no stock")
    if block == 1:
        assert '"fault_code": "316-STOCK-EMPTY"' in capsys.readouterr().out  # passed on


def test_what_nobody_catches(fault316_reporter: MemoryReporter) -> None:
    before = sys.excepthook
    run("What nobody catches")
    assert sys.excepthook is not before
    event = fault316_reporter.assert_reported("316-OP-FAIL", times=1, service="nightly")
    assert event.exception is not None
    assert event.exception.type == "ZeroDivisionError"


def test_database_connections(
    fault316_reporter: MemoryReporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/shop.db")
    engine = run("Database connections (SQLAlchemy)")["engine"]
    with ExitStack() as held:
        for _ in range(9):
            held.enter_context(engine.connect())
    engine.dispose()
    fault316_reporter.assert_reported("316-DB-POOL-HIGH", times=1)


@pytest.mark.usefixtures("fault316_reporter")
def test_redis_connections() -> None:
    pool = run("Redis connections")["pool"]  # no Redis is asked here
    assert "get_connection" in vars(pool), "it is not watched"


def test_retries(fault316_reporter: MemoryReporter, capsys: pytest.CaptureFixture[str]) -> None:
    run("Retries")
    assert capsys.readouterr().out.endswith("try again later\n")  # after what stamina logs
    event = fault316_reporter.assert_reported("316-RETRY-EXHAUSTED", times=1, endpoint="/pay")
    assert event.attributes == {"function": "pay", "attempts": 3}


async def test_circuit_breakers(fault316_reporter: MemoryReporter) -> None:
    pay = run("Circuit breakers")["pay"]
    for _ in range(5):
        with pytest.raises(ConnectionError):
            await pay(7)
    event = fault316_reporter.assert_reported("316-CIRCUIT-OPEN", times=1)
    assert event.attributes == {"circuit": "payments"}


@pytest.mark.usefixtures("fault316_reporter")
def test_memory() -> None:
    watch = run("Memory")["watch"]
    assert "fault316-memory" in threads()
    watch.stop()
    assert "fault316-memory" not in threads()


@pytest.mark.usefixtures("fault316_reporter")
async def test_hanging_event_loops() -> None:
    app = run("Hanging event loops")["app"]
    async with app.router.lifespan_context(app):
        assert "fault316-loop-watchdog" in threads()
    assert "fault316-loop-watchdog" not in threads()


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def test_every_module_is_in_the_table_and_every_row_leads_to_a_section() -> None:
    folder = Path(__file__).parents[4] / "clients" / "fault316" / "integrations"
    modules = {path.stem for path in folder.glob("[!_]*.py")}
    rows = dict(re.findall(r"^\| \[`(\w+)`\]\(#([\w-]+)\)", TEXT, re.MULTILINE))
    assert rows.keys() == modules
    anchors = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in SECTIONS}
    assert set(rows.values()) <= anchors
