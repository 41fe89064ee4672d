"""`/healthz`, `/readyz` and `/metrics`."""

import errno
import hmac
import ipaddress
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from fault316_streams.errors import Failure, Misuse
from fault316_streams.health import Component, Status
from fault316_streams.intake.reject import shown
from fault316_streams.metrics import Metrics
from fault316_streams.settings import WorkerSettings

DETAIL_CHARS_MAX: Final = 1_000

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = structlog.get_logger("fault316.http")


class HttpServer:
    """What a supervisor, a balancer and Prometheus ask.

    `/healthz` is 200 while the process is worth keeping, `/readyz` while every component is ready; both say why
    not. With a token, all but `/healthz` want it.
    """

    def __init__(
        self, settings: WorkerSettings, metrics: Metrics, alive: Component, components: Sequence[Component]
    ) -> None:
        """`alive` decides on `/healthz`, `components` on `/readyz`.

        Raises:
            Misuse: it would listen beyond this machine without a token.
        """
        token = settings.http_token.get_secret_value() if settings.http_token else ""
        if not token and not is_loopback(settings.http_host):
            raise Misuse(
                f"FAULT316_HTTP_HOST {settings.http_host} is not a loopback address: "
                "set FAULT316_HTTP_TOKEN, which callers then send as a bearer token"
            )
        self._authorization = f"Bearer {token}".encode() if token else None
        self._host, self._port = settings.http_host, settings.http_port
        self._port_is_wish = "http_port" not in settings.model_fields_set
        self._metrics = metrics
        self._alive = alive
        self._components = components
        self._runner: web.AppRunner | None = None

    @property
    def port(self) -> int:
        """The port it listens on; with port 0 in the settings, the one that was free."""
        assert self._runner is not None, "not started"
        port: int = self._runner.addresses[0][1]
        return port

    async def start(self) -> None:
        """Listen.

        Raises:
            Failure: the address cannot be had.
        """
        app = web.Application(middlewares=[self._authorize])
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._show_metrics)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        try:
            await self._listen(self._runner)
        except OSError as error:
            await self.stop()
            raise Failure(
                f"cannot listen on {self._host} port {self._port} ({error.strerror}): "
                "set FAULT316_HTTP_PORT to another port, or to 0 for a free one"
            ) from error
        log.info("listening", host=self._host, port=self.port)

    async def _listen(self, runner: web.AppRunner) -> None:
        """On the port asked for. The default one is only a wish: a second worker on a machine takes another."""
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not self._port_is_wish:
                raise
            await web.TCPSite(runner, self._host, 0).start()

    async def stop(self) -> None:
        """Close the port. May be called twice."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @web.middleware
    async def _authorize(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self._authorization is not None and request.path != "/healthz":
            given = request.headers.get("Authorization", "").encode(errors="surrogateescape")
            if not hmac.compare_digest(given, self._authorization):
                return web.Response(status=401, headers={"WWW-Authenticate": "Bearer"})
        return await handler(request)

    async def _healthz(self, _request: web.Request) -> web.Response:
        status = self._alive.status()
        return web.json_response(_shown(status), status=200 if status.ready else 503)

    async def _readyz(self, _request: web.Request) -> web.Response:
        statuses = {component.name: component.status() for component in self._components}
        ready = all(status.ready for status in statuses.values())
        body = {"ready": ready, "components": {name: _shown(status) for name, status in statuses.items()}}
        return web.json_response(body, status=200 if ready else 503)

    async def _show_metrics(self, _request: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(self._metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it. Names other than localhost count as not."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _shown(status: Status) -> dict[str, Any]:
    since = (
        {} if status.since_s is None else {"since": datetime.fromtimestamp(status.since_s, UTC).isoformat()}
    )
    # It may quote a server, which may quote anything.
    return {"ready": status.ready, "detail": shown(status.detail, DETAIL_CHARS_MAX), **since, **status.facts}
