"""What the view of the counts takes, whoever keeps it: absolute values with a version.

Writing the same thing twice, late, or from a worker that has lost the partition meanwhile changes nothing:
a value is taken only if it is not older than the one known, an alert only once.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from fault316_schemas import StormAlert


@dataclass(frozen=True, slots=True)
class CodeView:
    """All that the view shows of one code, as of `version`."""

    code: str
    partition: int
    """The partials partition whose owner says this."""
    version: int
    """The partials offset that the values include; a higher one wins."""
    total: int
    severity: tuple[int, int, int, int]
    """Events as P0, P1, P2, P3."""
    late: int
    skewed: int
    first_seen_s: float
    last_seen_s: float
    rates: Mapping[str, float]
    """Window (`10s` `1m` `5m` `15m` `1h`) → events per second."""
    baseline_per_s: float
    state: Literal["quiet", "pending", "storm"]
    series: Mapping[int, int]
    """Epoch minute → events in it. Only the minutes that changed; absolute."""
    active_storm: tuple[str, float] | None = None
    """Storm id and epoch second of its start."""
    ended_storms: tuple[str, ...] = ()
    """Storms that ended since the last write that succeeded."""


class SinkUnavailable(Exception):  # noqa: N818 - named for what happened, as our other errors are
    """The view took nothing, or not all; the same write may be tried again. The message is one line."""


class ViewSink(Protocol):
    """Keeps the view. One contract suite runs over every implementation."""

    async def write(
        self, codes: Sequence[CodeView], alerts: Sequence[StormAlert], partitions: Collection[int]
    ) -> set[int]:
        """Take what changed.

        Args:
            codes: changed codes; at most one entry each.
            alerts: new transitions, a storm's in order.
            partitions: the partials partitions that the caller owns now.

        Returns:
            Those of `partitions` that this view does not hold, or may have lost writes of: it was emptied, or
            someone else wrote it last. The caller states all codes of these anew.

        Raises:
            SinkUnavailable: some of it may be written. Call again with the same or newer values.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
