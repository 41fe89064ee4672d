"""A program of somebody on duty without Kafka: takes alerts from the Redis stream, and writes down what it has handled.

`python redis_feed_process.py GROUP FILE SECONDS`: each alert takes so many seconds, and is written
down half-way, so that a kill often finds it handled and not acknowledged. Connected as `FAULT316_*` says.
"""

import sys
import time
from pathlib import Path

from fault316 import SyncAlertFeed
from handled_once import HandledOnce


def main(group: str, file: Path, seconds: float) -> None:
    """Until killed."""
    with (
        SyncAlertFeed.from_redis(group=group, consumer="one", from_beginning=True) as feed,
        HandledOnce(file) as handled,
    ):
        for alert in feed:
            time.sleep(seconds / 2)
            handled.write(alert.alert_id)
            time.sleep(seconds / 2)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]))
