"""What a code takes in Redis: the arithmetic of docs/scaling.md, "Redis"."""

from typing import Any, Final

import pytest
from redis.asyncio import Redis

from contract.sinks.sink_subjects import T0, make_view
from fault316_streams.settings import WorkerSettings
from fault316_streams.sinks.redis_view import RedisView

HOUR_MINUTES: Final = 60
BUSY: Final[dict[str, Any]] = {
    "total": 123_456_789,
    "severity": (1_234_567, 23_456_789, 98_765_432, 1),
    "rates": {"10s": 1234.5, "1m": 1234.566667, "5m": 1234.123333, "15m": 1200.145556, "1h": 1189.152778},
    "baseline_per_s": 1100.123456,
}


@pytest.mark.parametrize(
    ("hours", "kb_max"),
    [pytest.param(1, 1.6, id="an hour"), pytest.param(49, 33, id="as long as series live")],
)
async def test_what_a_code_takes(settings: WorkerSettings, redis: "Redis", hours: int, kb_max: float) -> None:
    """Nearly all of it are the minutes; each hour is a key of its own, and lives for two days."""
    first = int(T0) // 60
    series = {first + minute: 123_456 for minute in range(hours * HOUR_MINUTES)}
    view = RedisView.connect(settings)
    await view.write([make_view(series=series, **BUSY)], [], {0})
    await view.close()
    keys = [key async for key in redis.scan_iter(f"{settings.redis_prefix}*:{{*")]
    taken = sum([await redis.memory_usage(key) or 0 for key in keys])
    print(f"{taken / 1_000:.1f} kB in {len(keys)} keys")
    assert len(keys) == 2 + hours
    assert taken <= kb_max * 1_000
