"""`PoolMonitor`: a SQLAlchemy engine whose connections run out, or whose transactions lock each other out."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import URL, Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import Pool, PoolProxiedConnection, QueuePool

from fault316._reported import mark_reported
from fault316.integrations._crossing import Crossing
from fault316.integrations._reports import Reports, or_process
from fault316.integrations._stacks import report_with_callers
from fault316.integrations._startable import Startable
from fault316_schemas import Resources
from fault316_schemas.event import DbPool

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

POOL_HIGH: Final = "316-DB-POOL-HIGH"
POOL_EXHAUSTED: Final = "316-DB-POOL-EXHAUSTED"
DEADLOCK: Final = "316-DB-DEADLOCK"

WARN_ABOVE: Final = 0.8
"""Of all connections that the pool may open, `pool_size + max_overflow`."""
REARM_AT: Final = 0.75
"""Of the warning's limit: 60 % with the default."""

_DEADLOCK_CODES: Final = frozenset({"40P01", "40001", 1213, 1205})
"""SQLSTATE: deadlock detected, serialization failure. MySQL: deadlock, lock wait timeout; 1205 is SQL Server's, too."""
_SQLITE_LOCKED: Final = frozenset({5, 6})
"""SQLITE_BUSY and SQLITE_LOCKED, in the low byte of what may be an extended code."""
_DEADLOCK_TEXTS: Final = ("deadlock", "database is locked", "database table is locked")


class PoolMonitor(Startable):
    """Watches one engine; the engine and its exceptions behave as without it.

        engine = create_engine(url)
        PoolMonitor(engine).start()

    | reported | when |
    | --- | --- |
    | `316-DB-POOL-HIGH` | more than `warn_above` of the connections are checked out; again after it was lower |
    | `316-DB-POOL-EXHAUSTED` | no connection came free within the pool's timeout |
    | `316-DB-DEADLOCK` | the database gave a transaction up for another one |

    All carry the pool's state in `resources.db_pool`. Pools without a limit are watched for deadlocks only. Of a
    statement its text is told, its parameters are not.

    Args:
        engine: an `AsyncEngine` as well.
        warn_above: share of `pool_size + max_overflow`, above 0 and at most 1.
        reporter: by default what `fault316.init` has made.

    Raises:
        ValueError: `warn_above` is out of range.
    """

    def __init__(
        self,
        engine: "Engine | AsyncEngine",
        *,
        warn_above: float = WARN_ABOVE,
        reporter: Reports | None = None,
    ) -> None:
        if not 0 < warn_above <= 1:
            raise ValueError("warn_above should be above 0 and at most 1")
        self._engine = engine if isinstance(engine, Engine) else engine.sync_engine
        self._reporter = or_process(reporter)
        self._crossing = Crossing(warn_above, REARM_AT * warn_above)
        self._listeners: dict[str, Callable[..., None]] = {
            "checkout": self._on_checkout,
            "handle_error": self._on_error,
            "engine_disposed": self._on_disposed,
        }
        self._watched: Pool | None = None

    def start(self) -> None:
        """See `Startable`."""
        if self._watched is None:
            for name, listener in self._listeners.items():
                event.listen(self._engine, name, listener)
            self._watch(self._engine.pool)

    def stop(self) -> None:
        """See `Startable`."""
        if self._watched is not None:
            for name, listener in self._listeners.items():
                event.remove(self._engine, name, listener)
            vars(self._watched).pop("connect", None)
            self._watched = None

    def _watch(self, pool: Pool) -> None:
        # SQLAlchemy has no event for a pool's timeout: it is neither the pool's nor, as it is no error of the driver,
        # one of `handle_error`. So the one public method is watched that engines get their connections by.
        connect = pool.connect

        @functools.wraps(connect)
        def watched() -> PoolProxiedConnection:
            try:
                return connect()
            except PoolTimeoutError as error:
                report_with_callers(self._reporter, error, POOL_EXHAUSTED, **self._details(pool))
                raise

        pool.connect = watched  # type: ignore[method-assign]
        self._watched = pool

    def _on_disposed(self, engine: Engine) -> None:
        """It has a new pool; its listeners have come along, what is set on the old one has not."""
        self._watch(engine.pool)

    def _on_checkout(self, *_: object) -> None:
        # Looked at here only: on its way up again the number passes all lower ones, which is what arms the warning.
        pool = self._engine.pool
        limit = _limit(pool)
        if isinstance(pool, QueuePool) and limit and self._crossing.look(pool.checkedout() / limit):
            message = f"{pool.checkedout()} of {limit} database connections are in use"
            self._reporter.report(POOL_HIGH, message=message, **self._details(pool))

    def _on_error(self, context: ExceptionContext) -> None:
        error = context.original_exception
        if not is_deadlock(error):
            return
        details = self._details(self._engine.pool)
        if context.statement:
            details["attributes"]["statement"] = context.statement
        # The driver's own: SQLAlchemy's, which goes on, has the parameters in its text.
        report_with_callers(self._reporter, error, DEADLOCK, **details)
        if context.sqlalchemy_exception is not None:
            mark_reported(context.sqlalchemy_exception)

    def _details(self, pool: Pool) -> Any:
        attributes: dict[str, str | int] = {"database": _place(self._engine.url)}
        if not isinstance(pool, QueuePool):
            return {"attributes": attributes}
        if limit := _limit(pool):
            attributes["connections_max"] = limit
        state = DbPool(size=pool.size(), checked_out=max(0, pool.checkedout()), overflow=pool.overflow())
        return {"attributes": attributes, "resources": Resources(db_pool=state)}


def is_deadlock(error: BaseException) -> bool:
    """Whether a driver's error says that transactions locked each other out: by its code, or else by its text."""
    number = error.args[0] if error.args else None
    codes = [getattr(error, name, None) for name in ("sqlstate", "pgcode", "errno")]
    if any(code in _DEADLOCK_CODES for code in [*codes, number] if isinstance(code, str | int)):
        return True
    sqlite = getattr(error, "sqlite_errorcode", None)
    if isinstance(sqlite, int):
        return sqlite & 0xFF in _SQLITE_LOCKED
    if isinstance(number, int) or any(code is not None for code in codes):
        return False
    said = str(error).lower()
    return any(text in said for text in _DEADLOCK_TEXTS)


def _limit(pool: Pool) -> int:
    """How many connections it may open; 0 where there is no limit."""
    if not isinstance(pool, QueuePool) or pool.size() == 0 or pool._max_overflow < 0:
        return 0
    return pool.size() + pool._max_overflow


def _place(url: URL) -> str:
    """Where the database is, without user, password and options."""
    return URL.create(
        url.get_backend_name(), host=url.host, port=url.port, database=url.database
    ).render_as_string()
