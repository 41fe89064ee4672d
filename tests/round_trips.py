"""Counts the round trips that a Redis client makes: requests for which it had to wait. Imported as `round_trips`."""

import socket
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

from fault316_streams.settings import WorkerSettings

CHUNK_BYTES = 65_536


class RoundTrips:
    """A line to Redis. A request begins where the client speaks after the server had spoken."""

    def __init__(self, settings: WorkerSettings) -> None:
        url = urlsplit(settings.redis_url.get_secret_value())
        self._target = (url.hostname or "127.0.0.1", url.port or 6379)
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        self.settings = settings.model_copy(
            update={"redis_url": type(settings.redis_url)(url._replace(netloc=f"127.0.0.1:{port}").geturl())}
        )
        """The same settings, by way of this line."""
        self._trips = 0
        self._client_spoke_last = False
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def used_by(self, call: Callable[[], object]) -> int:
        """How many round trips a call takes."""
        before = self._trips
        call()
        return self._trips - before

    def close(self) -> None:
        """Cut it."""
        self._listener.close()
        for each in self._sockets:
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._target)
            self._sockets += [client, server]
            for source, target, speaks in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._pass, args=(source, target, speaks), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, client_speaks: bool) -> None:
        try:
            while data := source.recv(CHUNK_BYTES):
                with self._lock:
                    self._trips += client_speaks and not self._client_spoke_last
                    self._client_spoke_last = client_speaks
                target.sendall(data)
        except OSError:
            return
