"""The programs of examples/ as processes of their own, and what they talk to. Imported as `example_programs`."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from web_load import Request

EXAMPLES = Path(__file__).parents[1] / "examples"
STOP_LIMIT_S = 15.0


@contextmanager
def program(
    command: Iterable[object], environment: dict[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run beside the block, with its output in `log`; ended by SIGTERM, which it has to follow."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            [str(word) for word in command], env=environment, cwd=log.parent, stdout=file, stderr=file
        )
    try:
        yield process
        process.terminate()
        process.wait(STOP_LIMIT_S)
    finally:
        process.kill()
        process.wait()
        print(f"{log.name}: exit code {process.returncode}\n{log.read_text(errors='replace')[-4_000:]}")


def shop(port: int) -> list[object]:
    """The command of the shop."""
    served = ["-m", "uvicorn", "--app-dir", EXAMPLES, "shop.app:app", "--port", port]
    return [sys.executable, *served, "--log-level", "warning"]


class Webhook:
    """Somebody's web server that takes alerts, and fails at first."""

    def __init__(self, failing: int) -> None:
        """`failing`: so many requests get a 503."""
        self.posts: list[tuple[str, dict[str, Any], int]] = []
        """Key, alert and answer of each request."""
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                alert = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status = 503 if len(webhook.posts) < failing else 200
                webhook.posts.append((self.headers["Idempotency-Key"], alert, status))
                self.send_response(status)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)

    @property
    def url(self) -> str:
        """Where to post."""
        return f"http://127.0.0.1:{self._server.server_port}/alerts"

    def taken(self, code: str) -> list[str]:
        """The transitions of a code's alerts that were answered with 200."""
        return [
            alert["transition"] for _, alert, status in self.posts if status == 200 and alert["code"] == code
        ]

    def __enter__(self) -> "Webhook":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def view(number: int) -> Request:
    """Of one of 50 products."""
    return "view", "GET", f"/products/{number % 50 + 1}", None


def order(number: int) -> Request:
    """By a user of its own."""
    return "order", "POST", "/orders", {"user_id": f"u{number}", "product_id": number % 50 + 1}
