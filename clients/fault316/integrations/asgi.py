"""`FaultMiddleware`: unhandled exceptions and 5xx answers of any ASGI application, such as Starlette's and FastAPI's."""

import re
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from types import MappingProxyType
from typing import Any

from fault316._context import context, current
from fault316._reported import Work, is_reported, mark_reported
from fault316.integrations._endpoint import Endpoint
from fault316.integrations._reports import Reports, or_process

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

STATUS_CODES: Mapping[int, str] = MappingProxyType({504: "316-TIMEOUT-ERR"})
"""What an answer says by itself; the others say only that it failed."""

_DISCONNECTS = {"ClientDisconnect", "WebSocketDisconnect"}
"""How Starlette tells that the client has gone. By name, because Starlette need not be there."""
_REQUEST_ID = re.compile(rb"[\w.:/+=@-]{1,128}", re.ASCII)
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")
_ENTERED = "fault316.entered"


class FaultMiddleware:
    """Reports what a request fails with, and changes nothing: neither answers nor exceptions.

        app = FastAPI()
        app.add_middleware(FaultMiddleware)  # or FaultMiddleware(app) around any ASGI application

    An unhandled exception is reported once, also where it makes a 5xx answer, and goes on. A 5xx answer without one is
    reported, unless an exception was reported during the request: that is the same fault. Events have the endpoint as
    the route's template (`/orders/{id}`) and the attributes `method` and `status`. A client that goes away, or a
    request that is cancelled, is no fault.

    All that is reported during the request carries its endpoint and request id: `X-Request-ID`, or the trace id of
    `traceparent`, or a new one.

    Args:
        code: of exceptions and of 5xx answers.
        status_codes: codes of answers by their status, before `code`.
        reporter: by default what `fault316.init` has made.
    """

    def __init__(
        self,
        app: App,
        *,
        code: str = "316-OP-FAIL",
        status_codes: Mapping[int, str] = STATUS_CODES,
        reporter: Reports | None = None,
    ) -> None:
        self._app = app
        self._code = code
        self._status_codes = status_codes
        self._reporter = or_process(reporter)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] not in ("http", "websocket") or _ENTERED in scope:
            return await self._app(scope, receive, send)
        scope[_ENTERED] = True  # applications may be mounted in others that have a middleware of their own
        request_id, trace_id = _ids(scope.get("headers") or ())
        around = context(
            request_id=request_id,
            endpoint=Endpoint(scope),
            trace_id=None if "trace_id" in current() else trace_id,  # the span's own is the better one
        )
        answer = _Answer(send)
        with around, Work() as work:
            try:
                await self._app(scope, receive, answer.send)
            except Exception as error:
                if not is_reported(error) and not answer.is_disconnect(error):
                    self._reporter.report_exception(error, self._code, **answer.details(scope))
                mark_reported(error)
                raise
            finally:
                if answer.status >= 500 and not work.reported:
                    self._reporter.report(
                        self._status_codes.get(answer.status, self._code),
                        message=f"{scope.get('method', 'WEBSOCKET')} answered {answer.status}",
                        **answer.details(scope),
                    )


class _Answer:
    """What the application has sent so far."""

    def __init__(self, send: Send) -> None:
        self.status = 0
        self._send = send
        self._began_s = time.perf_counter()
        self._refused: OSError | None = None

    async def send(self, message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            self.status = message["status"]
        try:
            await self._send(message)
        except OSError as error:  # how a server tells that the client has gone
            self._refused = error
            raise

    def is_disconnect(self, error: BaseException) -> bool:
        if isinstance(error, BaseExceptionGroup):  # the sending task's, and the one's that listened meanwhile
            return all(map(self.is_disconnect, error.exceptions))
        return error is self._refused or any(kind.__name__ in _DISCONNECTS for kind in type(error).__mro__)

    def details(self, scope: Scope) -> Any:
        attributes: dict[str, str | int] = {"method": scope.get("method", "WEBSOCKET")}
        if self.status:
            attributes["status"] = self.status
        return {
            "duration_ms": (time.perf_counter() - self._began_s) * 1_000,
            "attributes": attributes,
        }


def _ids(headers: Iterable[tuple[bytes, bytes]]) -> tuple[str, str | None]:
    """The request's id, and its trace's if the caller has one. What is no plain id is taken for none."""
    given = {name.lower(): value for name, value in headers}
    trace = _TRACEPARENT.fullmatch(given.get(b"traceparent", b"").strip())
    trace_id = trace[1].decode() if trace else None
    request_id = given.get(b"x-request-id", b"").strip()
    if _REQUEST_ID.fullmatch(request_id):
        return request_id.decode(), trace_id
    return trace_id or uuid.uuid4().hex, trace_id
