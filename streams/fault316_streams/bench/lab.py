"""Servers and workers of a bench, each on its core, with names that nobody else has."""

import os
import secrets
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

from fault316.redis_client import sync_client
from fault316_streams.embedded import Embedded, Endpoints
from fault316_streams.settings import Stages, WorkerSettings
from fault316_streams.worker_child import WorkerChild

CORES: Final = sorted(os.sched_getaffinity(0))
WORKER_CORE: Final = CORES[0]
SERVERS_CORE: Final = CORES[-1]


@contextmanager
def pinned(core: int | None) -> Iterator[None]:
    """What is started inside runs on this core; None: on any."""
    if core is None:
        yield
        return
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, CORES)


class Lab:
    """A Kafka and a Redis: yours where the environment names them, else embedded in a folder that is removed."""

    def __init__(self, progress: Callable[[str], None], *, pin: bool = True) -> None:
        """`pin`: the servers on the last core, workers on the first. They start inside of `with`."""
        self.pin = pin
        self._progress = progress
        self._folder = Path(tempfile.mkdtemp(prefix="fault316-bench-"))
        self._embedded: Embedded | None = None
        self._endpoints: Endpoints | None = None
        self._workers = 0

    def settings(self, *, events_partitions: int = 8, partials_partitions: int = 8) -> WorkerSettings:
        """Settings with prefixes of their own."""
        assert self._endpoints is not None
        token = f"bench-{secrets.token_hex(3)}"
        return WorkerSettings(
            _env_file=None,
            bootstrap_servers=self._endpoints.bootstrap_servers,
            redis_url=self._endpoints.redis_url,
            topic_prefix=f"{token}.",
            redis_prefix=f"{token}:",
            events_partitions=events_partitions,
            partials_partitions=partials_partitions,
        )

    def environment(self, settings: WorkerSettings) -> dict[str, str]:
        """What a program needs to work with the same servers and names."""
        names = (
            "bootstrap_servers",
            "topic_prefix",
            "redis_prefix",
            "events_partitions",
            "partials_partitions",
        )
        own = {f"FAULT316_{name.upper()}": str(getattr(settings, name)) for name in names}
        return own | {"FAULT316_REDIS_URL": settings.redis_url.get_secret_value()}

    @contextmanager
    def worker(
        self,
        settings: WorkerSettings,
        stages: Stages = Stages.ALL,
        core: int = WORKER_CORE,
        policy: str = "",
    ) -> Iterator[WorkerChild]:
        """A worker process, started and not yet ready; ended with the block. `policy`: TOML, instead of the default."""
        self._workers += 1
        log = self._folder / f"worker-{self._workers}.log"
        options = ["--stages", stages]
        if policy:
            file = log.with_suffix(".toml")
            file.write_text(policy)
            options += ["--policy", str(file)]
        child = WorkerChild(self.environment(settings), options, log)
        with pinned(core if self.pin else None):
            child.start()
        try:
            yield child
        finally:
            child.stop()

    def __enter__(self) -> Self:
        kafka, url = os.environ.get("FAULT316_BOOTSTRAP_SERVERS"), os.environ.get("FAULT316_REDIS_URL")
        if kafka and url:
            self._endpoints = Endpoints(kafka, url)
            return self
        self._embedded = Embedded(self._folder, kafka_port=0, redis_port=0, progress=self._progress)
        with pinned(SERVERS_CORE if self.pin else None):
            self._endpoints = self._embedded.up()
        return self

    def __exit__(self, *_: object) -> None:
        if self._embedded:
            self._embedded.down(wipe=True)
        shutil.rmtree(self._folder, ignore_errors=True)


class View:
    """The counters in Redis."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._redis = sync_client(settings, retries=1)
        self._prefix = settings.redis_prefix

    def totals(self) -> Counter[str]:
        """Code → events, of all codes."""
        codes: Any = self._redis.zrange(f"{self._prefix}codes", 0, -1)
        with self._redis.pipeline(transaction=False) as pipeline:
            for code in codes:
                pipeline.hget(f"{self._prefix}counter:{{{code}}}", "total")
            totals = pipeline.execute()
        return Counter({code: int(total or 0) for code, total in zip(codes, totals, strict=True)})

    def total(self, code: str) -> int:
        """Of one code."""
        total: Any = self._redis.hget(f"{self._prefix}counter:{{{code}}}", "total")
        return int(total or 0)
