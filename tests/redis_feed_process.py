"""A program of somebody on duty without Kafka: takes alerts from the Redis stream, and writes down what it has handled.

`python redis_feed_process.py GROUP CONSUMER FILE SECONDS`: each alert takes so many seconds. Connected as `FAULT316_*`
says.
"""

import sys
import time
from pathlib import Path

from fault316 import SyncAlertFeed


def main(group: str, consumer: str, file: Path, seconds: float) -> None:
    """Until killed."""
    with (
        SyncAlertFeed.from_redis(group=group, consumer=consumer, from_beginning=True) as feed,
        file.open("a") as handled,
    ):
        for alert in feed:
            time.sleep(seconds)
            print(alert.alert_id, file=handled, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), float(sys.argv[4]))
