"""Prints storm alerts, and posts each to a webhook at least once.

    python examples/alert_consumer.py --webhook http://localhost:8000/alerts

A webhook that fails is tried again; what it never takes is a dead letter on `316.alerts.dlq`. Started again, the
consumer goes on where it was. Kafka is found by `FAULT316_BOOTSTRAP_SERVERS` and its companions.
"""

import argparse
import asyncio
import contextlib
import signal
import urllib.request
from functools import partial

from fault316 import AlertFeed, StormAlert, Unavailable

WEBHOOK_LIMIT_S = 10.0
ATTEMPTS = 5
"""With their pauses about a minute at the most: Kafka gives a member five minutes for one alert."""


def tell(alert: StormAlert, webhook: str | None) -> None:
    """Print one alert and post it. Raises OSError where the webhook does not take it.

    Blocks, so the feed calls it in a thread. The webhook drops repeats by the key.
    """
    print(f"{alert.transition} {alert.severity} {alert.summary}", flush=True)
    if webhook is None:
        return
    request = urllib.request.Request(  # noqa: S310 - its scheme is looked at below
        webhook,
        data=alert.to_json(),
        headers={"Content-Type": "application/json", "Idempotency-Key": alert.alert_id},
    )
    with urllib.request.urlopen(request, timeout=WEBHOOK_LIMIT_S) as answer:  # noqa: S310
        answer.read()


async def consume(group: str, webhook: str | None, min_severity: str, from_beginning: bool) -> None:
    """Until cancelled. Raises Unavailable where Kafka is not there at the start."""
    async with AlertFeed(group=group, min_severity=min_severity, from_beginning=from_beginning) as feed:
        print(f"waiting for alerts as {group}", flush=True)
        await feed.run(partial(tell, webhook=webhook), attempts=ATTEMPTS)


async def until_stopped(arguments: argparse.Namespace) -> None:
    """Ctrl-C and SIGTERM end it; what was being told then comes again with the next start."""
    consuming = asyncio.create_task(consume(**vars(arguments)))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, consuming.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await consuming


def http_url(text: str) -> str:
    """An argument that should be a URL; `file:` is one for urllib, too."""
    if not text.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError(f"{text} should start with http:// or https://")
    return text


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Prints storm alerts and posts them to a webhook.")
    parser.add_argument("--group", default="webhook", help="whose position is kept")
    parser.add_argument("--webhook", type=http_url, help="where to POST each alert as JSON")
    parser.add_argument("--min-severity", default="P3", choices=("P0", "P1", "P2", "P3"))
    parser.add_argument("--from-beginning", action="store_true", help="where a new group starts")
    try:
        asyncio.run(until_stopped(parser.parse_args()))
    except Unavailable as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
