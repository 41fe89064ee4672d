"""Which number of which stage each metric shows."""

import time
from collections.abc import Sequence

from fault316_streams.detector import Detector
from fault316_streams.health import Component
from fault316_streams.intake.service import IntakeService
from fault316_streams.metrics import Metrics


def follow_waits(metrics: Metrics, components: Sequence[Component]) -> None:
    """Connect what /readyz says."""
    metrics.waiting_seconds.follow(
        lambda: {component.name: component.status().waited_s(time.time()) for component in components}
    )


def follow_intake(metrics: Metrics, intake: IntakeService) -> None:
    """Connect the intake's counters."""
    stats = intake.stats
    metrics.events.follow(lambda: stats.events)
    metrics.event_bytes.follow(lambda: stats.bytes)
    metrics.rejected.follow(lambda: {reason.value: n for reason, n in stats.rejected.items()})
    metrics.late.follow(lambda: stats.late)
    metrics.skewed.follow(lambda: stats.skewed)
    metrics.partials.follow(lambda: stats.partials_sent)
    metrics.dead_letters.follow(lambda: stats.dead_letters)
    metrics.lost_offsets.follow(lambda: stats.lost_offsets)
    metrics.intake_restarts.follow(lambda: stats.restarts)
    metrics.commit_failures.follow(lambda: stats.commit_failures)
    metrics.intake_lag.follow(lambda: {str(p): state.lag for p, state in intake.state.partitions.items()})
    stats.on_flush = metrics.flush_seconds.observe


def follow_detect(metrics: Metrics, detector: Detector) -> None:
    """Connect the detector's counters."""
    pipelines = detector.pipelines
    metrics.merges.follow(lambda: {outcome.value: n for outcome, n in detector.tally.outcomes.items()})
    metrics.lost_partials.follow(lambda: detector.gaps.lost)
    metrics.codes.follow(lambda: {str(p): len(pipeline.codes) for p, pipeline in pipelines.items()})
    metrics.codes_over_limit.follow(lambda: detector.tally.over_limit)
    metrics.storms_active.follow(
        lambda: sum(bool(state.judge.storm) for p in pipelines.values() for state in p.codes.values())
    )
    metrics.checkpoints.follow(lambda: detector.checkpoints)
