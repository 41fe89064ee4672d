"""Every metric of a worker, in one place: its name, unit, labels and what it tells an operator.

Labels are bounded: reasons, outcomes and transitions are enums, partitions at most 1,024. A code is never a
label; the counters of codes are in Redis.
"""

from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version as installed_version
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

FLUSH_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
LATENCY_BUCKETS_S: Final = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2.5, 5, 10, 30, 60)

Reading = Callable[[], float | Mapping[str, float]]
"""A metric's value now; one per label value where it has a label."""


class Followed(Collector):
    """A metric whose value lives in a plain int of a stage and is read when someone asks for it.

    So the hot path counts with `stats.events += n`, and imports no metrics.
    """

    def __init__(
        self,
        family: type[CounterMetricFamily] | type[GaugeMetricFamily],
        name: str,
        help_: str,
        label: str = "",
    ) -> None:
        self._family = family
        self._name = name
        self._help = help_
        self._labels = [label] if label else []
        self._reading: Reading | None = None

    def follow(self, reading: Reading) -> None:
        """From now on, `reading` tells the value. Without one the metric is not shown."""
        self._reading = reading

    def describe(self) -> Iterator[Metric]:
        """The name, for the registry."""
        yield self._family(self._name, self._help, labels=self._labels)

    def collect(self) -> Iterator[Metric]:
        """The value, for one scrape."""
        if self._reading is None:
            return
        family = self._family(self._name, self._help, labels=self._labels)
        value = self._reading()
        if isinstance(value, Mapping):
            for label, each in value.items():
                family.add_metric([label], each)
        else:
            family.add_metric([], value)
        yield family


class Metrics:
    """A worker's metrics with a registry of their own, so that tests may have many.

    Those that a stage counts for itself are connected once: `metrics.events.follow(lambda: stats.events)`.
    """

    def __init__(self, version: str | None = None) -> None:
        self.registry = CollectorRegistry()
        self._intake()
        self._detect()
        self._out()
        self._process(version or installed_version("fault316"))

    def _intake(self) -> None:
        # What came in, weighted as it came: records, not the events that a record's `count` stands for.
        self.events = self._counter("fault316_events_total", "Records read that are events.")
        self.event_bytes = self._counter("fault316_event_bytes_total", "Bytes of the records read.")
        # A rise of one reason after a deploy names the client that broke its schema.
        self.rejected = self._counter("fault316_rejected_total", "Records refused.", "reason")
        self.late = self._counter("fault316_late_total", "Events more than 60 s behind their record's time.")
        self.skewed = self._counter("fault316_skewed_total", "Events whose clock cannot be right.")
        self.partials = self._counter("fault316_partials_total", "Partials published.")
        self.dead_letters = self._counter(
            "fault316_dead_letters_total", "Records put on the dead-letter topic."
        )
        # Near the flush interval, the broker is slow to acknowledge: latency grows from here.
        self.flush_seconds = self._histogram(
            "fault316_flush_seconds", "From the begin of a flush to its acknowledgement.", FLUSH_BUCKETS_S
        )
        # Anything but 0: events were deleted before they were counted. Longer retention, or more workers.
        self.lost_offsets = self._counter(
            "fault316_lost_offsets_total",
            "Offsets that retention deleted from where reading was to go on; up to a chunk was counted before.",
        )
        # Rising steadily: sessions with Kafka fail again and again; the log says why.
        self.intake_restarts = self._counter(
            "fault316_intake_restarts_total", "Sessions with Kafka that failed and were begun again."
        )
        # Mostly rebalances; the next commit or the next owner makes up for them.
        self.commit_failures = self._counter(
            "fault316_commit_failures_total", "Commits of source positions that Kafka refused."
        )
        # The one to scale workers by.
        self.intake_lag = self._gauge("fault316_intake_lag_records", "Records not read yet.", "partition")

    def _detect(self) -> None:
        # `already_known` rises with restarts and rebalances, and that is how it should be.
        self.merges = self._counter("fault316_merges_total", "Partials merged.", "outcome")
        # Anything but 0: counts are too low by what these said. Longer retention of the partials, or more workers.
        self.lost_partials = self._counter(
            "fault316_lost_partials_total", "Messages that retention deleted before detect heard them."
        )
        self.codes = self._gauge("fault316_codes", "Codes with a state.", "partition")
        # Anything but 0 means that a client makes up codes, such as with an id in them.
        self.codes_over_limit = self._counter(
            "fault316_codes_over_limit_total", "Events counted under 316-OTHER: too many codes."
        )
        self.storms_active = self._gauge("fault316_storms_active", "Storms that are on.")
        self.alerts = Counter(
            "fault316_alerts_total", "Alerts published.", ["transition", "reason"], registry=self.registry
        )
        self.alert_latency_seconds = self._histogram(
            "fault316_alert_latency_seconds",
            "From the event that decided it to the acknowledged alert.",
            LATENCY_BUCKETS_S,
        )
        self.checkpoints = self._counter(
            "fault316_checkpoints_total", "States of codes written to the table."
        )
        self.checkpoint_seconds = self._histogram(
            "fault316_checkpoint_seconds", "One checkpoint of all codes that were due.", FLUSH_BUCKETS_S
        )

    def _out(self) -> None:
        self.redis_up = Gauge("fault316_redis_up", "1: the last write succeeded.", registry=self.registry)
        self.redis_write_seconds = self._histogram(
            "fault316_redis_write_seconds", "One write of what changed, failed ones too.", FLUSH_BUCKETS_S
        )
        self.redis_retries = Counter(
            "fault316_redis_retries_total", "Writes that failed and were tried again.", registry=self.registry
        )
        self.redis_rebuilds = Counter(
            "fault316_redis_rebuilds_total",
            "Partitions stated anew, because the view had lost them.",
            registry=self.registry,
        )

    def _process(self, version: str) -> None:
        # Alert on it: what is waited for, and what to do about it, is on /readyz.
        self.waiting_seconds = self._gauge(
            "fault316_waiting_seconds", "How long a part has waited for something; 0: ready.", "component"
        )
        # Above the stall limit, the watchdog ends the process.
        self.progress_age_seconds = Gauge(
            "fault316_progress_age_seconds",
            "How long a stage has had work without getting on with it.",
            ["stage"],
            registry=self.registry,
        )
        # Something holds up the loop: everything else is later by this much.
        self.loop_lag_seconds = self._histogram(
            "fault316_loop_lag_seconds", "How late the event loop woke, ten times a second.", FLUSH_BUCKETS_S
        )
        Info("fault316_build", "What runs here.", registry=self.registry).info({"version": version})
        ProcessCollector(registry=self.registry)

    def _counter(self, name: str, help_: str, label: str = "") -> Followed:
        return self._followed(CounterMetricFamily, name.removesuffix("_total"), help_, label)

    def _gauge(self, name: str, help_: str, label: str = "") -> Followed:
        return self._followed(GaugeMetricFamily, name, help_, label)

    def _followed(
        self,
        family: type[CounterMetricFamily] | type[GaugeMetricFamily],
        name: str,
        help_: str,
        label: str,
    ) -> Followed:
        followed = Followed(family, name, help_, label)
        self.registry.register(followed)
        return followed

    def _histogram(self, name: str, help_: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(name, help_, buckets=buckets, registry=self.registry)
