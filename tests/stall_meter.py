"""How late an event loop gives its turns. Imported as `stall_meter`."""

import asyncio
import time
from typing import Final, Self

TICK_S: Final = 0.002


class StallMeter:
    """Beside the block it asks the loop for a turn every 2 ms, and notes how late it gets it."""

    def __init__(self) -> None:
        self.late_s: list[float] = []
        """Of each turn that it got."""

    @property
    def largest_s(self) -> float:
        """The longest that the loop was held up."""
        return max(self.late_s, default=0.0)

    def quantile_s(self, share: float) -> float:
        """What that share of the turns was late at most: 0.99 of them, say."""
        return sorted(self.late_s)[int(share * len(self.late_s))]

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._tick())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _tick(self) -> None:
        while True:
            wanted_s = time.monotonic() + TICK_S  # uvloop's own time knows only whole milliseconds
            await asyncio.sleep(TICK_S)
            self.late_s.append(time.monotonic() - wanted_s)
