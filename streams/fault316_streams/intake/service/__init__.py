"""The intake's IO, in the order of the data's way.

stage: sessions, one after the other, for as long as the worker runs ·
session: one membership in the consumer group ·
reader: fetches, and counts into the sources ·
flush: publishes, commits and ticks, in the order that exactness rests on ·
publisher, dead_letters: the two producers ·
status: what is told about all this ·
closing: clients closed also while Kafka is away.
"""

from fault316_streams.intake.service.stage import IntakeService
from fault316_streams.intake.service.status import IntakeState, PartitionStatus

__all__ = ["IntakeService", "IntakeState", "PartitionStatus"]
