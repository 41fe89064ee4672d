"""Integrations that need no library beside the light install load none."""

import subprocess
import sys

PROGRAM = """
import sys
from fault316.integrations import asgi, hooks, logs
print(" ".join({name.partition(".")[0] for name in sys.modules}))
"""


def test_middleware_hooks_and_log_handlers_load_no_framework_and_no_client() -> None:
    """A program that only reports pays for nothing else, and they work where nothing else is installed."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"starlette", "fastapi", "structlog", "aiokafka", "redis", "psutil"}
