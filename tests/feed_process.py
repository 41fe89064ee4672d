"""A program of somebody on duty: takes alerts from its group's feed, and writes down what it has handled.

`python feed_process.py GROUP FILE SECONDS`: each alert takes so many seconds, and is written down
half-way, so that a kill often finds it handled and not committed. Connected as `FAULT316_*` says.
"""

import asyncio
import sys
from pathlib import Path

from fault316 import AlertFeed
from handled_once import HandledOnce


async def handle(group: str, file: Path, seconds: float) -> None:
    """Until killed."""
    async with AlertFeed(group=group, from_beginning=True) as feed:
        with HandledOnce(file) as handled:
            async for alert in feed:
                await asyncio.sleep(seconds / 2)
                handled.write(alert.alert_id)
                await asyncio.sleep(seconds / 2)


if __name__ == "__main__":
    asyncio.run(handle(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])))
