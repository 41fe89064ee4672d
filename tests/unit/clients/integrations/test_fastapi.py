"""What a FastAPI application refuses is reported by its pattern, and answered as before."""

from functools import partial
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Header, Path, Query, Request, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from fault316.integrations.asgi import FaultMiddleware
from fault316.integrations.fastapi import report_validation_errors
from fault316.testing import MemoryReporter

CODE = "316-VALIDATION-ERR"
SECRET = "hunter2"


class Line(BaseModel):
    sku: str = Field(max_length=4, pattern="^[a-z0-9]+$")
    count: int


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")
    note: str = Field(min_length=1)
    lines: list[Line] = []
    prices: dict[str, int] = {}
    sent_to: str = Field("home", alias="sentTo", pattern="^[a-z]+$")


@pytest.fixture
def reporter() -> MemoryReporter:
    return MemoryReporter("shop")


def shop(reporter: MemoryReporter | None = None) -> FastAPI:
    app = FastAPI()

    @app.post("/shops/{shop_id}/orders")
    def submit(shop_id: Annotated[int, Path(gt=0)], order: Order) -> None:
        """Only orders that are as declared come here."""

    @app.get("/orders")
    def orders(limit: Annotated[int, Query(le=100)], x_token: Annotated[str, Header()]) -> None:
        """Parameters of other places."""

    if reporter is not None:
        report_validation_errors(app, reporter=reporter)
    return app


async def call(app: Any, method: str, path: str, **more: Any) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
        return await client.request(method, path, **more)


async def refused(reporter: MemoryReporter, order: Any) -> dict[str, Any]:
    """The attributes of the one event about this order."""
    reporter.clear()
    answer = await call(shop(reporter), "POST", "/shops/7/orders", json=order)
    assert answer.status_code == 422
    event = reporter.assert_reported(CODE, times=1, endpoint="/shops/{shop_id}/orders")
    assert SECRET not in event.to_json().decode()
    return dict(event.attributes or {})


async def test_a_refused_input_is_one_event_with_all_its_patterns(reporter: MemoryReporter) -> None:
    order = {"note": "", "lines": [{"sku": "x" * 5, "count": 1}, {"sku": "<b>"}]}
    assert await refused(reporter, order) == {
        "method": "POST",
        "pattern": "missing,empty,oversize,special_characters",
        "fields": "body.note,body.lines.*.sku,body.lines.*.count",
        "errors": 4,
    }
    assert reporter.events[0].message == (
        "input refused: body.note empty, body.lines.*.sku oversize, "
        "body.lines.*.sku special_characters, body.lines.*.count missing"
    )
    assert reporter.events[0].exception is None


@pytest.mark.parametrize(
    ("order", "pattern", "fields"),
    [
        ({"note": {"password": SECRET}}, "wrong_type", "body.note"),
        ({"note": "a", SECRET: 1}, "unexpected", "body.*"),
        ({"note": "a", "prices": {SECRET: "dear"}}, "wrong_type", "body.prices.*"),
        ({"note": "a", "sentTo": SECRET}, "wrong_format", "body.sentTo"),
        ([SECRET], "wrong_type", "body"),
    ],
)
async def test_nothing_that_was_sent_is_told(
    reporter: MemoryReporter, order: Any, pattern: str, fields: str
) -> None:
    """Neither values nor names that a client made up."""
    told = await refused(reporter, order)
    assert (told["pattern"], told["fields"]) == (pattern, fields)


async def test_what_is_not_json_is_malformed(reporter: MemoryReporter) -> None:
    app = shop(reporter)
    body, kind = f'{{"note": {SECRET}', {"content-type": "application/json"}
    assert (await call(app, "POST", "/shops/7/orders", content=body, headers=kind)).status_code == 422
    event = reporter.assert_reported(CODE, times=1)
    assert event.attributes is not None
    assert (event.attributes["pattern"], event.attributes["fields"]) == ("malformed", "body.*")
    assert SECRET not in event.to_json().decode()


async def test_parameters_are_told_by_their_place_and_name(reporter: MemoryReporter) -> None:
    app = shop(reporter)
    assert (await call(app, "GET", "/orders?limit=1000")).status_code == 422
    event = reporter.assert_reported(CODE, times=1, endpoint="/orders")
    assert event.attributes == {
        "method": "GET",
        "pattern": "missing,out_of_range",
        "fields": "query.limit,header.x-token",
        "errors": 2,
    }
    await call(app, "POST", "/shops/0/orders", json={"note": "a"})
    event = reporter.assert_reported(CODE, times=1, endpoint="/shops/{shop_id}/orders")
    assert event.attributes is not None
    assert event.attributes["fields"] == "path.shop_id"


async def test_the_answer_is_the_same_as_without_it(reporter: MemoryReporter) -> None:
    for order in ({"note": ""}, {}, {"note": "a", "lines": 1}):
        plain = await call(shop(), "POST", "/shops/7/orders", json=order)
        watched = await call(shop(reporter), "POST", "/shops/7/orders", json=order)
        assert (watched.status_code, watched.json()) == (plain.status_code, plain.json())
    assert (await call(shop(reporter), "POST", "/shops/7/orders", json={"note": "a"})).status_code == 200
    assert len(reporter.events) == 3


def plain_handler(request: Request, error: RequestValidationError) -> JSONResponse:
    return JSONResponse({"own": len(error.errors())}, 400)


async def coroutine_handler(request: Request, error: RequestValidationError) -> JSONResponse:
    return plain_handler(request, error)


@pytest.mark.parametrize("handler", [plain_handler, coroutine_handler, partial(coroutine_handler)])
@pytest.mark.parametrize("before", [True, False])
async def test_a_handler_of_the_users_answers(reporter: MemoryReporter, handler: Any, before: bool) -> None:
    """Whether it was there before, or is added afterwards."""
    app = shop(None if before else reporter)
    app.add_exception_handler(RequestValidationError, handler)
    if before:
        report_validation_errors(app, reporter=reporter)
    answer = await call(app, "POST", "/shops/7/orders", json={})
    assert (answer.status_code, answer.json()) == (400, {"own": 1})
    reporter.assert_reported(CODE, times=1)


async def test_beside_the_middleware_it_has_the_request_and_is_one_fault(reporter: MemoryReporter) -> None:
    """Also where a handler makes a 5xx of it."""
    app = shop(reporter)
    app.add_middleware(FaultMiddleware, reporter=reporter)
    app.add_exception_handler(RequestValidationError, lambda _request, _error: JSONResponse({}, 500))
    await call(app, "POST", "/shops/7/orders", json={}, headers={"x-request-id": "r-1"})
    assert [(event.code, event.request_id) for event in reporter.events] == [(CODE, "r-1")]


async def test_an_included_router_is_told_by_its_whole_path(reporter: MemoryReporter) -> None:
    app, router = FastAPI(), APIRouter(prefix="/carts/{cart}")

    @router.get("/items")
    def items(limit: int) -> None:
        """Never called without."""

    app.include_router(router, prefix="/api")
    report_validation_errors(app, code="316-SHOP-INPUT", reporter=reporter)
    await call(app, "GET", "/api/carts/7/items")
    reporter.assert_reported("316-SHOP-INPUT", times=1, endpoint="/api/carts/{cart}/items")


async def test_a_websockets_parameters_are_validated_too(reporter: MemoryReporter) -> None:
    app = FastAPI()

    @app.websocket("/rooms")
    async def rooms(socket: WebSocket, room: int) -> None:
        raise AssertionError("never called with such a room")

    report_validation_errors(app, reporter=reporter)
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    scope = {
        "type": "websocket",
        "path": "/rooms",
        "query_string": b"room=x",
        "headers": [],
        "subprotocols": [],
    }
    await app(scope, receive, send)
    assert sent == ["websocket.close"]
    event = reporter.assert_reported(CODE, times=1, endpoint="/rooms")
    assert event.attributes is not None
    assert event.attributes["method"] == "WEBSOCKET"


async def test_a_report_that_fails_changes_no_answer(reporter: MemoryReporter) -> None:
    app = shop()
    report_validation_errors(app, code="no code", reporter=reporter)  # which this reporter raises
    assert (await call(app, "POST", "/shops/7/orders", json={})).status_code == 422
