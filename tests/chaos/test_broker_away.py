"""The broker is away for longer than any session, backoff or patience."""

import time
from collections.abc import Callable
from typing import Final

from fault316_streams.embedded import Embedded
from fault316_streams.settings import WorkerSettings
from trial import Trial
from worker_process import Workers

AWAY_S: Final = 60.0
BOUNDED: Final = 1 / 3
"""Of it in `make test`: three session timeouts, and several of each client's longest backoffs."""

CPU_SHARE_MAX: Final = 0.5
"""Of one core, of a worker that waits; some hundredths are usual, a tight loop takes all."""
LINES_PER_S_MAX: Final = 10
"""That a waiting worker logs; one or two are usual, of a tight loop there are hundreds."""


def test_a_broker_that_was_away_for_a_minute_costs_nothing(
    pair: Embedded,
    fragile: WorkerSettings,
    workers: Workers,
    calm: str,
    rounds: range,
    trial: Callable[..., Trial],
) -> None:
    """Nor much while it is away: nobody tries without pause, and /readyz says all the while what is waited for."""
    away_s = AWAY_S if len(rounds) > 1 else AWAY_S * BOUNDED
    both = workers.start(fragile, "--processes", "2", "--policy", calm).ready()
    with trial(fragile, f"broker away for {away_s:g} s") as run:
        for _ in rounds:
            run.counting()
            with run.storm() as code:
                pass
            run.resolved(code)
            with run.injected():
                pair.stop_kafka(kill=True)
                cpu_s, lines, began = both.cpu_s(), both.lines(), time.monotonic()
                while time.monotonic() - began < away_s:
                    assert "kafka" in both.until_waiting("intake")
                    time.sleep(1)
                took_s = time.monotonic() - began
                cpu_s, lines = both.cpu_s() - cpu_s, both.lines() - lines
                print(f"2 workers, broker away for {took_s:.0f} s: {cpu_s:.1f} CPU s, {lines} log lines")
                pair.start_kafka()
            both.ready()
            assert cpu_s < 2 * CPU_SHARE_MAX * took_s
            assert lines < 2 * LINES_PER_S_MAX * took_s
        with run.storm():
            pass
    assert both.stop() == 0
