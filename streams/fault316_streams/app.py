"""The worker as a Faust application: `faust -A fault316_streams.app worker`.

`fault316 worker` is the usual way to run it; this one is for those who deploy Faust applications already. Settings
are the same environment variables.
"""

from fault316_streams import logs
from fault316_streams.settings import WorkerSettings
from fault316_streams.worker import Worker

settings = WorkerSettings()
logs.configure(settings.log_format, settings.log_level)
worker = Worker(settings)
assert worker.detect is not None
app = worker.detect.faust
app.prepare = worker.prepare


@app.task  # type: ignore[untyped-decorator]
async def beside() -> None:
    """Intake, the view, HTTP and the watchdog, on Faust's loop."""
    await worker.beside()
