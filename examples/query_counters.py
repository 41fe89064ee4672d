"""Prints what is being counted: the codes with the highest rates, the series of one, the storms that are on.

    python examples/query_counters.py 316-ORDER-SUBMIT-ERR

Redis is found by `FAULT316_REDIS_URL` and its companions.
"""

import argparse

from fault316 import Counters, CountersUnavailable

CODES = 10
MINUTES = 15


def show(counters: Counters, code: str | None) -> None:
    """All of it, in a handful of round trips. Raises CountersUnavailable."""
    top = counters.top(CODES, window="1m")
    print(f"{'code':<28}{'last minute':>14}{'normally':>14}  state")
    for rates in top:
        print(f"{rates.code:<28}{rates.per_s['1m']:>12.2f}/s{rates.baseline:>12.2f}/s  {rates.state}")

    if code and (counter := counters.counter(code)):
        shares = ", ".join(f"{severity} {count}" for severity, count in counter.by_severity.items() if count)
        print(f"\n{code}: {counter.total} in all ({shares}), last seen {counter.last_seen}")
        for minute, events in counters.series(code, minutes=MINUTES):
            print(f"  {minute:%H:%M} {events:>8}")
    elif code:
        print(f"\n{code} has never been seen")

    storms = counters.active_storms()
    print(f"\n{len(storms)} active storms")
    for storm in storms:
        print(f"  {storm.severity} {storm.summary}\n     {storm.runbook}")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Prints what is being counted.")
    parser.add_argument("code", nargs="?", help="one to look at more closely")
    arguments = parser.parse_args()
    try:
        with Counters() as counters:
            show(counters, arguments.code)
    except CountersUnavailable as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
