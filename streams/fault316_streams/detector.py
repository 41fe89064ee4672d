"""Detect on Faust: a thin adapter between a stream of partials and one `Pipeline` per partition.

A code's state is written to its table entry as a checkpoint: every few seconds, and at once on a transition. The
partials behind a checkpoint are acknowledged only when the changelog has acknowledged it. What came after it is
read again after a crash, and being repeatable it does no harm. An alert leaves only after the state that holds
it as pending is safe.
"""

import time
from typing import Any, Final

import structlog

from fault316_schemas import StormAlert
from fault316_streams.code_table import CodeTable
from fault316_streams.detect import PolicyBook
from fault316_streams.gaps import Gaps
from fault316_streams.health import Status
from fault316_streams.metrics import Metrics
from fault316_streams.pace import pause_s
from fault316_streams.partial import Partial, decode
from fault316_streams.pipeline import Pipeline, Step, Tally
from fault316_streams.sinks.alerts import AlertSink
from fault316_streams.state import CodeState
from fault316_streams.versioned import FormatError, VersionError
from fault316_streams.view_changes import ViewChanges

UNACKED_MAX: Final = 3_000
"""Partials heard but not acknowledged that force a checkpoint; below Faust's stream buffer of 4,096."""

CHECKPOINT_MAX_S: Final = 10.0
"""What `pace` may make of the pause between two checkpoints: what is heard again after a crash."""

log = structlog.get_logger("fault316.detect")


class Detector:
    """Owns the pipelines of the partials partitions that are assigned to this worker."""

    name = "detect"

    def __init__(self, book: PolicyBook, alerts: AlertSink, metrics: Metrics, checkpoint_s: float) -> None:
        self.pipelines: dict[int, Pipeline] = {}
        self.changes = ViewChanges(self.pipelines)
        self.heard = 0
        """Messages taken in so far; it grows while there is progress."""
        self.busy = False
        """Whether one is being taken in."""
        self.unassigned_since_s = time.time()
        """Epoch second since when we had no partitions; of the last time, while we have."""
        self._book = book
        self._alerts = alerts
        self._metrics = metrics
        self._checkpoint_s = checkpoint_s
        self._assigned: set[int] | None = None
        self._dirty: dict[int, set[str]] = {}
        self._dropped: dict[int, set[str]] = {}
        self._unacked: list[Any] = []
        self._table = CodeTable()
        self._checkpoint_due = 0.0
        self.tally = Tally()
        self.gaps = Gaps()
        self.tenure = 0
        """Grows with each assignment and each revocation."""

    def status(self) -> Status:
        """See `Component`."""
        if self._assigned is None:
            return Status(
                False,
                "waiting for kafka: to assign partitions of the partials topic",
                self.unassigned_since_s,
            )
        if since := self._table.slow_since:
            return Status(False, "waiting for kafka: to acknowledge a checkpoint in the changelog", since)
        facts = {
            "partitions": len(self._assigned),
            "codes": sum(len(pipeline.codes) for pipeline in self.pipelines.values()),
            "storms": sum(bool(s.judge.storm) for p in self.pipelines.values() for s in p.codes.values()),
        }
        waiting = sorted({w for pipeline in self.pipelines.values() for w in pipeline.timeline.waiting_for})
        if waiting:
            return Status(True, f"ok; no word yet of source partitions {waiting}", facts=facts)
        return Status(True, "ok", facts=facts)

    @property
    def checkpoints(self) -> int:
        """Table entries written so far."""
        return self._table.written

    def assign(self, partitions: set[int]) -> None:
        """These partials partitions are ours from now on; their states are read when their first message comes."""
        self._assigned = partitions
        self.tenure += 1
        log.info("assigned", partitions=sorted(partitions))

    def confirm(self, tenure: int) -> None:
        """The group has taken a commit that began in this `tenure`: the partitions are really ours."""
        if tenure == self.tenure and self._assigned is not None:
            self._table.confirmed = True
            for pipeline in self.pipelines.values():
                pipeline.forgets = True

    def revoke(self) -> None:
        """Let go of everything: what is ours again after the rebalance is read from the table anew."""
        if self._assigned is not None:
            self.unassigned_since_s = time.time()
        self._assigned = None
        self.tenure += 1
        for partition in list(self.pipelines):
            self.changes.forget(partition)
            del self.pipelines[partition]
        self.gaps.forget()
        self._table.forget()
        self._dirty.clear()
        self._dropped.clear()
        self._unacked.clear()

    async def hear(self, event: Any, table: Any) -> None:
        """Take in one Faust event of the partials topic.

        Raises:
            VersionError: it, or a table entry, is of a version that this worker does not read.
            FormatError: a table entry is damaged.
        """
        self.busy = True
        try:
            await self._hear(event, table)
        finally:
            self.busy = False

    async def _hear(self, event: Any, table: Any) -> None:
        partition: int = event.message.partition
        if self._assigned is None or partition not in self._assigned:
            return  # a leftover of the time before a rebalance
        pipeline = self.pipelines.get(partition) or await self._restore(
            partition, event.message.offset, table
        )
        if pipeline is not self.pipelines.get(partition):
            return  # revoked while it was restored
        self.heard += 1
        self.gaps.hear(partition, event.message.offset)
        self._unacked.append(event)
        try:
            message = decode(event.value)
        except VersionError:
            raise
        except FormatError as error:
            # Nobody but an intake writes here. It says nothing of the log, so leaving it out miscounts nothing.
            log.error("skipped", partition=partition, offset=event.message.offset, error=str(error))
            return
        step = pipeline.feed(message, event.message.offset)
        self._note(partition, step)
        if step.alerts:
            await self._publish(partition, step, message, table)
        due = time.monotonic() >= self._checkpoint_due
        if due or len(self._unacked) >= UNACKED_MAX:
            await self._checkpoint(table)

    async def _restore(self, partition: int, resume_at: int, table: Any) -> Pipeline:
        states = self._table.read(table, partition)
        pipeline = Pipeline(partition, self._book, tally=self.tally)
        pipeline.forgets = self._table.confirmed
        pipeline.restore(states)
        self.pipelines[partition] = pipeline
        self.changes.rebuild([partition])
        # What is read again from here on is known to these already, so nothing would write them; but it may be a late
        # entry of a former owner that the owner in between, stopped in his checkpoint, is just about to delete.
        if ahead := {state.code for state in states if state.offset >= resume_at}:
            self._dirty.setdefault(partition, set()).update(ahead)
        if states:
            log.info("restored", partition=partition, codes=len(states))
        # Alerts that a crash kept from being sent: their state is safe, or we would not have read it.
        await self._send([state for state in states if state.alerts.pending], partition)
        return pipeline

    def _note(self, partition: int, step: Step) -> None:
        if step.dropped:
            self._dirty.setdefault(partition, set()).difference_update(step.dropped)
            self._dropped.setdefault(partition, set()).update(step.dropped)
        if step.changed:
            self._dirty.setdefault(partition, set()).update(step.changed)
            # One that came back before its entry was deleted keeps it.
            self._dropped.setdefault(partition, set()).difference_update(step.changed)
            self.changes.note(partition, step.changed)

    async def _publish(self, partition: int, step: Step, message: Any, table: Any) -> None:
        """Write the states that hold the new alerts, then send these."""
        codes = self.pipelines[partition].codes
        states = [codes[code] for code in dict.fromkeys(alert.code for alert in step.alerts)]
        if any(state.overflow for state in states):
            await self._checkpoint(table)  # it may not be ahead of the codes that have a place of their own
        else:
            await self._table.write(table, [(partition, state) for state in states])
        await self._send(states, partition)
        for alert in step.alerts:
            self._metrics.alerts.labels(alert.transition, alert.reason).inc()
            log.info("alert", id=alert.alert_id, reason=alert.reason.value, summary=alert.summary)
        if isinstance(message, Partial) and message.caught_up:
            self._metrics.alert_latency_seconds.observe(max(0.0, time.time() - message.log_ms / 1_000))

    async def _send(self, states: list[CodeState], partition: int) -> None:
        alerts = [StormAlert.from_json(alert) for state in states for alert in state.alerts.pending]
        if not alerts:
            return
        self.changes.announce(alerts)
        await self._alerts.send(alerts)
        for state in states:
            state.alerts.pending.clear()
        if partition in self.pipelines:
            self._dirty.setdefault(partition, set()).update(state.code for state in states)

    async def _checkpoint(self, table: Any) -> None:
        """Write every changed code, then acknowledge all that was heard before."""
        states = [
            (partition, self.pipelines[partition].codes[code])
            for partition, codes in self._dirty.items()
            for code in codes
        ]
        dropped = [(partition, code) for partition, codes in self._dropped.items() for code in codes]
        unacked, self._unacked = self._unacked, []
        self._dirty, self._dropped = {}, {}
        began = time.monotonic()
        with self._metrics.checkpoint_seconds.time():
            await self._table.write(table, states, dropped)
        ended = time.monotonic()
        self._checkpoint_due = ended + max(self._checkpoint_s, pause_s(ended - began, CHECKPOINT_MAX_S))
        for event in unacked:
            event.ack()
