"""What the intakes have said in the end: each range's last statement, read from the partials topic."""

from typing import NamedTuple

from fault316_streams.partial import Contribution, decode, partials_of
from fault316_streams.sim.kafka import Kafka


class Statement(NamedTuple):
    """What was said last of one code in one range of a source partition."""

    start: int
    upto: int
    said: Contribution


Statements = dict[tuple[int, str], list[Statement]]
"""By source partition and code, in order."""


def statements(kafka: Kafka) -> Statements:
    """Of ranges that were said twice one, and none that came when a later one had been heard already."""
    heard: Statements = {}
    for log in kafka.partials:
        for record in log.records:
            for partial in partials_of(decode(record.value or b"")):
                for code, said in partial.codes.items():
                    ranges = heard.setdefault((partial.partition, code), [])
                    _hear(ranges, Statement(partial.start, partial.upto, said))
    return heard


def _hear(ranges: list[Statement], new: Statement) -> None:
    if not ranges or new.start >= ranges[-1].upto:
        ranges.append(new)
    elif new.start == ranges[-1].start and new.upto > ranges[-1].upto:
        ranges[-1] = new
