"""The Faust application: one agent over the partials topic, one table of code states."""

from collections.abc import Awaitable, Callable
from typing import Any

import faust
import faust.stores
import structlog
from faust.auth import SASLCredentials

from fault316_schemas import Connection
from fault316_streams.detector import Detector
from fault316_streams.faust_consumer import Transport
from fault316_streams.faust_recovery import TableManager
from fault316_streams.settings import WorkerSettings

log = structlog.get_logger("fault316.detect")

MESSAGE_BYTES_MAX = 8 * 1024 * 1024
"""As the partials topic: a chunk of many codes in one message."""

STORE = "memory://"


class App(faust.App):  # type: ignore[misc]  # Faust has no types
    """Faust's app, ours in how it starts."""

    prepare: Callable[[], Awaitable[None]] | None = None
    """Runs before anything of Faust starts, which fails where a topic is missing."""
    detector: Detector
    """Whose partitions these are."""

    async def on_first_start(self) -> None:
        """Faust would make folders for tables on disk; ours are in memory."""

    async def on_start(self) -> None:
        """See `prepare`."""
        if self.prepare:
            await self.prepare()
        await super().on_start()

    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self)


def build_faust_app(
    settings: WorkerSettings, detector: Detector, on_failure: Callable[[BaseException], None]
) -> Any:
    """Wire `detector` to Kafka. `on_failure` hears of what must end the worker.

    Settings that differ from Faust's defaults do so for a reason: see docs/architecture.md, "What Faust does".
    """
    topics = settings.topics
    # It looks through everything that is installed for kinds of stores, a fifth of a second: now rather than in the loop.
    faust.stores.by_url(STORE)
    app = App(
        topics.detect_group,
        broker=[f"kafka://{server}" for server in settings.bootstrap_servers.split(",")],
        broker_credentials=_credentials(settings),
        ssl_context=None,
        store=STORE,
        key_serializer="raw",
        value_serializer="raw",
        topic_partitions=settings.partials_partitions,
        topic_allow_declare=False,  # `fault316 topics` creates them, with the right settings
        topic_disable_leader=True,
        table_standby_replicas=0,
        web_enabled=False,  # by default it serves table contents on all interfaces
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.session_timeout_s / 5,
        broker_rebalance_timeout=max(30.0, settings.session_timeout_s),
        broker_commit_interval=1.0,
        broker_request_timeout=40.0,
        stream_wait_empty=False,  # what is not acknowledged is read again: nothing to wait for
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=MESSAGE_BYTES_MAX,
        producer_max_request_size=MESSAGE_BYTES_MAX,
        producer_request_timeout=60.0,
        producer_acks=-1,
        worker_redirect_stdouts=False,
        TableManager=TableManager,
    )
    app.detector = detector
    partials = app.topic(topics.partials, key_type=bytes, value_type=bytes, value_serializer="raw")
    table = app.Table("codes", key_type=bytes, value_type=bytes, partitions=settings.partials_partitions)

    @app.agent(partials, name="detect", concurrency=1)  # type: ignore[untyped-decorator]
    async def detect(stream: Any) -> None:
        async for event in stream.noack().events():
            try:
                await detector.hear(event, table)
            except Exception as error:
                # Faust would log it and skip the event, that is: miscount.
                log.exception("detect failed", partition=event.message.partition, offset=event.message.offset)
                on_failure(error)
                raise

    @app.on_partitions_revoked.connect  # type: ignore[untyped-decorator]
    async def revoked(_app: Any, _revoked: Any, **_: Any) -> None:
        detector.revoke()

    @app.on_partitions_assigned.connect  # type: ignore[untyped-decorator]
    async def assigned(_app: Any, assigned: Any, **_: Any) -> None:
        detector.revoke()
        detector.assign({tp.partition for tp in assigned if tp.topic == topics.partials})

    return app


def _credentials(connection: Connection) -> Any:
    context = connection.ssl_context()
    if connection.security_protocol.startswith("SASL"):
        assert connection.sasl_password is not None
        return SASLCredentials(
            username=connection.sasl_username,
            password=connection.sasl_password.get_secret_value(),
            mechanism=connection.sasl_mechanism,
            ssl_context=context,
        )
    return context
