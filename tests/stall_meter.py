"""How long an event loop was held up at the longest. Imported as `stall_meter`."""

import asyncio
from typing import Final, Self

TICK_S: Final = 0.002


class StallMeter:
    """Beside the block it asks the loop for a turn every 2 ms, and notes how late it gets it."""

    def __init__(self) -> None:
        self.ticks = 0
        """Turns that it got."""
        self.largest_s = 0.0

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._tick())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            wanted_s = loop.time() + TICK_S
            await asyncio.sleep(TICK_S)
            self.largest_s = max(self.largest_s, loop.time() - wanted_s)
            self.ticks += 1
