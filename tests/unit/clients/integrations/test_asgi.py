"""The ASGI middleware around Starlette, FastAPI and plain applications: what it tells, and that it changes nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, WebSocket, WebSocketDisconnect
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute

import fault316
from fault316.integrations.asgi import App, FaultMiddleware, Message, Scope
from fault316.testing import MemoryReporter

CODE = "316-OP-FAIL"


@pytest.fixture
def reporter() -> MemoryReporter:
    return MemoryReporter("shop")


def wrapped(reporter: MemoryReporter, *routes: Any, **options: Any) -> Starlette:
    app = Starlette(routes=routes, **options)
    app.add_middleware(FaultMiddleware, reporter=reporter)
    return app


def client(app: Any) -> httpx.AsyncClient:
    """Errors of the application come to the caller, as a server would see them."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop")


async def fails(request: Request) -> Response:
    raise ZeroDivisionError("by design")


async def answers_500(request: Request) -> Response:
    return Response(status_code=500)


async def played(app: App, scope: Scope, *received: Message, refuse: bool = False) -> list[Message]:
    """What an application sends to these messages; `refuse` as a server does whose client has gone."""
    given, sent = iter(received), []

    async def receive() -> Message:
        return next(given)

    async def send(message: Message) -> None:
        if refuse:
            raise OSError("gone")
        sent.append(message)

    await app(scope, receive, send)
    return sent


def http(path: str = "/", **more: Any) -> Scope:
    return {
        "type": "http",
        "method": "GET",
        "path": path,
        "headers": [],
        "asgi": {"spec_version": "2.4"},
    } | more


def websocket(path: str = "/", **more: Any) -> Scope:
    return {"type": "websocket", "path": path, "headers": [], "asgi": {}, "subprotocols": []} | more


async def test_an_unhandled_exception_is_reported_with_its_route_and_goes_on(
    reporter: MemoryReporter,
) -> None:
    app = wrapped(reporter, Route("/orders/{id}", fails))
    async with client(app) as shop:
        with pytest.raises(ZeroDivisionError):
            await shop.get("/orders/7", headers={"X-Request-ID": "r-1"})
    event = reporter.assert_reported(CODE, times=1, endpoint="/orders/{id}", request_id="r-1")
    assert event.attributes == {"method": "GET"}
    assert event.exception is not None
    assert event.exception.type == "ZeroDivisionError"
    assert event.duration_ms is not None


async def test_around_the_whole_application_one_fault_is_one_event(reporter: MemoryReporter) -> None:
    """Out there the framework's answer of 500 passes first, then the exception."""
    app = FaultMiddleware(Starlette(routes=[Route("/a", fails)]), reporter=reporter)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as shop:
        assert (await shop.get("/a")).status_code == 500
    (event,) = reporter.events
    assert (event.endpoint, event.attributes) == ("/a", {"method": "GET", "status": 500})
    assert event.exception is not None


@pytest.mark.parametrize(("status", "code"), [(500, CODE), (503, CODE), (504, "316-TIMEOUT-ERR")])
async def test_a_5xx_answer_is_reported_and_given(reporter: MemoryReporter, status: int, code: str) -> None:
    async def refuse(request: Request) -> Response:
        return PlainTextResponse("sorry", status)

    async with client(wrapped(reporter, Route("/a", refuse, methods=["POST"]))) as shop:
        answer = await shop.post("/a")
    assert (answer.status_code, answer.text) == (status, "sorry")
    event = reporter.assert_reported(code, times=1, endpoint="/a", message=f"POST answered {status}")
    assert event.attributes == {"method": "POST", "status": status}


async def test_other_answers_are_no_fault(reporter: MemoryReporter) -> None:
    async def refuse(request: Request) -> Response:
        raise HTTPException(404)

    async with client(wrapped(reporter, Route("/a", refuse))) as shop:
        assert (await shop.get("/a")).status_code == 404
        assert (await shop.get("/none")).status_code == 404
    reporter.assert_nothing_reported()


async def test_codes_are_parameters(reporter: MemoryReporter) -> None:
    async def refuse(request: Request) -> Response:
        return Response(status_code=int(request.query_params["status"]))

    inner = Starlette(routes=[Route("/a", refuse), Route("/b", fails)])
    app = FaultMiddleware(inner, code="316-SHOP", status_codes={502: "316-CONN-ERR"}, reporter=reporter)
    async with client(app) as shop:
        await shop.get("/a?status=502")
        await shop.get("/a?status=504")
        with pytest.raises(ZeroDivisionError):
            await shop.get("/b")
    assert [event.code for event in reporter.events] == ["316-CONN-ERR", "316-SHOP", "316-SHOP"]


async def test_what_was_reported_inside_is_not_reported_again(reporter: MemoryReporter) -> None:
    """Neither the exception that goes on, nor the answer that the framework makes of it."""

    @reporter.guard("316-DB-DOWN")
    async def guarded(request: Request) -> Response:
        raise ConnectionError

    def in_a_thread(request: Request) -> Response:
        try:
            raise TimeoutError
        except TimeoutError as error:
            reporter.report_exception(error, "316-DB-SLOW")
            raise HTTPException(503) from error

    app = wrapped(reporter, Route("/a", guarded), Route("/b", in_a_thread))
    async with client(app) as shop:
        with pytest.raises(ConnectionError):
            await shop.get("/a")
        assert (await shop.get("/b")).status_code == 503
    assert [event.code for event in reporter.events] == ["316-DB-DOWN", "316-DB-SLOW"]


async def test_a_middleware_inside_another_one_leaves_it_to_that(reporter: MemoryReporter) -> None:
    inner = wrapped(reporter, Route("/a", answers_500))
    async with client(wrapped(reporter, Mount("/inner", inner))) as shop:
        await shop.get("/inner/a")
    assert len(reporter.events) == 1


async def test_reports_inside_carry_the_request_and_the_route_that_it_found(
    fault316_reporter: MemoryReporter,
) -> None:
    app = FastAPI()
    app.add_middleware(FaultMiddleware)

    @app.get("/orders/{order_id}")
    def order(order_id: int) -> None:
        fault316.report("316-CART-ODD")

    async with client(app) as shop:
        await shop.get("/orders/7", headers={"x-request-id": "r-1"})
        fault316.report("316-OUTSIDE")
    fault316_reporter.assert_reported("316-CART-ODD", request_id="r-1", endpoint="/orders/{order_id}")
    fault316_reporter.assert_reported("316-OUTSIDE", request_id=None, endpoint=None)


TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize(
    ("headers", "request_id", "trace_id"),
    [
        ({"x-request-id": "r-1", "traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}, "r-1", TRACE),
        ({"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}, TRACE, TRACE),
    ],
)
async def test_the_request_id_is_the_callers(
    reporter: MemoryReporter, headers: dict[str, str], request_id: str, trace_id: str
) -> None:
    async with client(wrapped(reporter, Route("/a", answers_500))) as shop:
        await shop.get("/a", headers=headers)
    reporter.assert_reported(CODE, request_id=request_id, trace_id=trace_id)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-request-id": ""},
        {"x-request-id": "a b\x1b[31m"},
        {"x-request-id": "x" * 129},
        {"traceparent": f"00-{'0' * 32}-b7ad6b7169203331-01"},
        {"traceparent": "00-no-01"},
    ],
)
async def test_without_an_id_that_is_one_each_request_gets_its_own(
    reporter: MemoryReporter, headers: dict[str, str]
) -> None:
    async with client(wrapped(reporter, Route("/a", answers_500))) as shop:
        await shop.get("/a", headers=headers)
        await shop.get("/a", headers=headers)
    first, second = (event.request_id for event in reporter.events)
    assert first is not None
    assert len(first) == 32
    assert first != second
    assert reporter.events[0].trace_id is None


async def test_routes_keep_their_template_where_they_are_mounted_and_included(
    reporter: MemoryReporter,
) -> None:
    def broken(x: int = 0, y: int = 0) -> Response:
        return Response(status_code=500)

    app, mounted, router = FastAPI(), FastAPI(), APIRouter(prefix="/r/{x}")
    app.add_middleware(FaultMiddleware, reporter=reporter)
    app.get("/plain")(broken)
    mounted.get("/b/{y}")(broken)
    router.get("/c/{y}")(broken)
    router.get("")(broken)
    app.include_router(router, prefix="/api/v1")
    app.mount("/m/{x}", mounted)
    async with client(app) as shop:
        for path in ("/plain", "/m/1/b/2", "/api/v1/r/3/c/4", "/api/v1/r/5"):
            assert (await shop.get(path)).status_code == 500
    assert [event.endpoint for event in reporter.events] == [
        "/plain",
        "/m/{x}/b/{y}",
        "/api/v1/r/{x}/c/{y}",
        "/api/v1/r/{x}",
    ]


async def test_a_stream_passes_as_it_comes_and_its_failure_is_reported(reporter: MemoryReporter) -> None:
    may_go_on = asyncio.Event()

    async def chunks() -> AsyncIterator[str]:
        yield "one"
        await may_go_on.wait()
        raise ZeroDivisionError

    async def stream(request: Request) -> Response:
        return StreamingResponse(chunks())

    seen: list[Message] = []

    async def send(message: Message) -> None:
        seen.append(message)
        if message.get("body") == b"one":  # held back, it would never come, and this would hang
            may_go_on.set()

    async def receive() -> Message:
        raise AssertionError("nobody asks")

    with pytest.raises(ZeroDivisionError):
        await wrapped(reporter, Route("/a", stream))(http("/a"), receive, send)
    assert [message["type"] for message in seen] == ["http.response.start", "http.response.body"]
    event = reporter.assert_reported(CODE, times=1, endpoint="/a")
    assert event.attributes == {"method": "GET", "status": 200}


async def test_a_background_task_that_fails_after_the_answer_is_reported(reporter: MemoryReporter) -> None:
    def later() -> None:
        raise KeyError

    async def answer(request: Request) -> Response:
        return PlainTextResponse("done", background=BackgroundTask(later))

    transport = httpx.ASGITransport(wrapped(reporter, Route("/a", answer)), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as shop:
        assert (await shop.get("/a")).text == "done"
    reporter.assert_reported(CODE, times=1, endpoint="/a")


async def test_a_client_that_goes_away_is_no_fault(reporter: MemoryReporter) -> None:
    async def read(request: Request) -> Response:
        await request.body()
        raise AssertionError("the client has gone before")

    async def stream(request: Request) -> Response:
        return StreamingResponse(iter(["one"]))

    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        await socket.receive_text()

    async def plain(scope: Scope, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 500, "headers": []})

    app = wrapped(reporter, Route("/read", read), Route("/stream", stream), WebSocketRoute("/ws", talk))
    connected = {"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1006}
    with pytest.raises(ClientDisconnect):
        await played(app, http("/read"), {"type": "http.disconnect"})
    with pytest.raises(ClientDisconnect):
        await played(app, http("/stream"), refuse=True)
    with pytest.raises(WebSocketDisconnect):
        await played(app, websocket("/ws"), *connected)

    async def grouped(scope: Scope, receive: Any, send: Any) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(plain(scope, receive, send))

    with pytest.raises(OSError, match="gone"):
        await played(FaultMiddleware(plain, reporter=reporter), http(), refuse=True)
    with pytest.raises(ExceptionGroup):
        await played(FaultMiddleware(grouped, reporter=reporter), http(), refuse=True)
    reporter.assert_nothing_reported()


async def test_a_request_that_is_cancelled_is_no_fault(reporter: MemoryReporter) -> None:
    began = asyncio.Event()

    async def wait(request: Request) -> Response:
        began.set()
        await asyncio.Event().wait()
        raise AssertionError("it waits for ever")

    running = asyncio.create_task(played(wrapped(reporter, Route("/a", wait)), http("/a")))
    await began.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    reporter.assert_nothing_reported()


async def test_websockets_work_and_their_failure_is_reported(reporter: MemoryReporter) -> None:
    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text((await socket.receive_text()).upper())
        if socket.path_params["room"] == "13":
            raise ZeroDivisionError

    app = wrapped(reporter, WebSocketRoute("/rooms/{room}", talk))
    said = {"type": "websocket.connect"}, {"type": "websocket.receive", "text": "hello"}
    sent = await played(app, websocket("/rooms/1"), *said)
    assert sent[1] == {"type": "websocket.send", "text": "HELLO"}
    reporter.assert_nothing_reported()
    with pytest.raises(ZeroDivisionError):
        await played(app, websocket("/rooms/13"), *said)
    event = reporter.assert_reported(CODE, times=1, endpoint="/rooms/{room}")
    assert event.attributes == {"method": "WEBSOCKET"}


async def test_a_websocket_that_is_denied_by_a_5xx_is_reported(reporter: MemoryReporter) -> None:
    async def deny(socket: WebSocket) -> None:
        await socket.send_denial_response(Response(status_code=503))

    scope = websocket("/ws", extensions={"websocket.http.response": {}})
    app = wrapped(reporter, WebSocketRoute("/ws", deny))
    sent = await played(app, scope, {"type": "websocket.connect"})
    assert sent[0]["status"] == 503
    event = reporter.assert_reported(CODE, times=1, endpoint="/ws", message="WEBSOCKET answered 503")
    assert event.attributes == {"method": "WEBSOCKET", "status": 503}


@pytest.mark.parametrize("outside", [True, False])
async def test_beside_middleware_that_has_tasks_of_its_own_it_is_one_fault(
    reporter: MemoryReporter, outside: bool
) -> None:
    """Starlette's `BaseHTTPMiddleware` runs what is inside of it in another task."""

    async def own(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        return await call_next(request)

    app = Starlette(routes=[Route("/a/{x}", fails), Route("/b", answers_500)])
    layers: list[Any] = [(FaultMiddleware, {"reporter": reporter}), (BaseHTTPMiddleware, {"dispatch": own})]
    for layer, options in reversed(layers) if outside else layers:
        app.add_middleware(layer, **options)
    async with client(app) as shop:
        with pytest.raises(ZeroDivisionError):
            await shop.get("/a/1")
        assert (await shop.get("/b")).status_code == 500
    assert [event.endpoint for event in reporter.events] == ["/a/{x}", "/b"]


async def test_the_lifespan_is_the_applications_own(reporter: MemoryReporter) -> None:
    """Its scope and its channels arrive as they are, and its failure is told by the server."""
    heard: list[Any] = []

    async def app(scope: Scope, receive: Callable[[], Awaitable[Message]], send: Any) -> None:
        heard.extend([scope, receive, send])
        raise ZeroDivisionError

    async def receive() -> Message:
        return {"type": "lifespan.startup"}

    async def send(message: Message) -> None:
        raise AssertionError("nothing is sent")

    scope = {"type": "lifespan"}
    with pytest.raises(ZeroDivisionError):
        await FaultMiddleware(app, reporter=reporter)(scope, receive, send)
    assert heard == [scope, receive, send]
    assert scope == {"type": "lifespan"}
    reporter.assert_nothing_reported()
