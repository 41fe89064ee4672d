"""`PoolMonitor` on a real SQLAlchemy: what is reported, and that the engine behaves as without it."""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import NullPool, QueuePool

import fault316
from fault316.integrations.sqlalchemy import PoolMonitor, is_deadlock
from fault316.testing import MemoryReporter


@pytest.fixture
def reporter() -> MemoryReporter:
    return MemoryReporter()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """Ten connections at the most; whoever waits for an eleventh gives up at once."""
    engine = create_engine(
        f"sqlite:///{tmp_path}/shop.db",
        poolclass=QueuePool,
        pool_size=6,
        max_overflow=4,
        pool_timeout=0.01,
        connect_args={"timeout": 0, "check_same_thread": False},
    )
    yield engine
    engine.dispose()


def take(engine: Engine, connections: int) -> ExitStack:
    """Check out that many, until the stack is closed."""
    held = ExitStack()
    for _ in range(connections):
        held.enter_context(engine.connect())
    return held


def test_a_pool_above_its_limit_is_told_once(engine: Engine, reporter: MemoryReporter) -> None:
    with PoolMonitor(engine, reporter=reporter), take(engine, 8):
        reporter.assert_nothing_reported()  # 80 % are not more than 80 %
        with engine.connect(), engine.connect():
            pass
        with engine.connect():
            pass
        event = reporter.assert_reported("316-DB-POOL-HIGH", times=1)
    assert event.message == "9 of 10 database connections are in use"
    assert event.resources is not None
    assert event.resources.db_pool is not None
    assert (event.resources.db_pool.size, event.resources.db_pool.checked_out) == (6, 9)
    assert event.resources.db_pool.overflow == 3


def test_a_pool_that_was_low_in_between_is_told_again(engine: Engine, reporter: MemoryReporter) -> None:
    with PoolMonitor(engine, reporter=reporter):
        take(engine, 9).close()
        take(engine, 9).close()
    reporter.assert_reported("316-DB-POOL-HIGH", times=2)


def test_a_timeout_of_the_pool_is_reported_with_who_waited_and_goes_on(
    engine: Engine, reporter: MemoryReporter
) -> None:
    def submit_order() -> None:
        with engine.connect():
            raise AssertionError("there is no connection left")

    with (
        PoolMonitor(engine, reporter=reporter),
        take(engine, 10),
        pytest.raises(PoolTimeoutError, match="QueuePool limit"),
    ):
        submit_order()
    event = reporter.assert_reported("316-DB-POOL-EXHAUSTED", times=1)
    assert event.exception is not None
    assert event.exception.type == "sqlalchemy.exc.TimeoutError"
    assert "submit_order" in str(event.exception.stacktrace)
    assert event.attributes is not None
    assert event.attributes["connections_max"] == 10


def test_a_timeout_is_one_fault_for_a_guard_around_it(engine: Engine, reporter: MemoryReporter) -> None:
    with (
        PoolMonitor(engine, reporter=reporter),
        take(engine, 10),
        pytest.raises(PoolTimeoutError),
        reporter.guard("316-ORDER-SUBMIT-ERR"),
    ):
        engine.connect()
    assert [event.code for event in reporter.events] == ["316-DB-POOL-HIGH", "316-DB-POOL-EXHAUSTED"]


def test_the_pool_that_comes_after_a_dispose_is_watched_as_well(
    engine: Engine, reporter: MemoryReporter
) -> None:
    with PoolMonitor(engine, reporter=reporter):
        engine.dispose()
        with take(engine, 10), pytest.raises(PoolTimeoutError):
            engine.connect()
    assert [event.code for event in reporter.events] == ["316-DB-POOL-HIGH", "316-DB-POOL-EXHAUSTED"]


def test_an_engine_with_options_of_its_own_shares_the_pool_and_the_watch(
    engine: Engine, reporter: MemoryReporter
) -> None:
    with PoolMonitor(engine, reporter=reporter), take(engine, 10), pytest.raises(PoolTimeoutError):
        engine.execution_options(isolation_level="AUTOCOMMIT").connect()
    reporter.assert_reported("316-DB-POOL-EXHAUSTED", times=1)


def test_what_is_stopped_reports_nothing_and_leaves_no_trace(
    engine: Engine, reporter: MemoryReporter
) -> None:
    monitor = PoolMonitor(engine, reporter=reporter)
    for _ in range(2):
        monitor.start()
        monitor.start()
        engine.dispose()
        monitor.stop()
        monitor.stop()
    with take(engine, 10), pytest.raises(PoolTimeoutError):
        engine.connect()
    reporter.assert_nothing_reported()
    assert "connect" not in vars(engine.pool)
    assert not engine.pool.dispatch.checkout
    assert not engine.dialect.dispatch.handle_error


def test_two_transactions_that_lock_each_other_out_are_a_deadlock(
    engine: Engine, reporter: MemoryReporter
) -> None:
    customer = "-".join(["Ada", "Lovelace"])  # not as it is: a traceback shows the lines of code
    with PoolMonitor(engine, reporter=reporter), engine.connect() as one, engine.connect() as other:
        one.execute(text("CREATE TABLE carts (customer TEXT)"))
        one.commit()
        one.execute(text("INSERT INTO carts VALUES ('first')"))
        with pytest.raises(OperationalError, match="database is locked"):  # noqa: SIM117 - the guard is inside
            with reporter.guard("316-ORDER-SUBMIT-ERR"):
                other.execute(text("INSERT INTO carts VALUES (:customer)"), {"customer": customer})
    event = reporter.assert_reported("316-DB-DEADLOCK", times=1)
    assert len(reporter.events) == 1, "the guard around it has told it again"
    assert event.exception is not None
    assert event.exception.type == "sqlite3.OperationalError"
    assert "test_two_transactions_that" in str(event.exception.stacktrace)
    assert event.attributes is not None
    assert event.attributes["statement"] == "INSERT INTO carts VALUES (?)"
    assert customer not in event.to_json().decode(), "a statement's parameters are nobody's business"


def test_other_errors_of_the_database_are_left_to_others(engine: Engine, reporter: MemoryReporter) -> None:
    with PoolMonitor(engine, reporter=reporter), engine.begin() as connection:
        connection.execute(text("CREATE TABLE users (name TEXT PRIMARY KEY)"))
        connection.execute(text("INSERT INTO users VALUES ('deadlock')"))
        with pytest.raises(IntegrityError):
            connection.execute(text("INSERT INTO users VALUES ('deadlock')"))
    reporter.assert_nothing_reported()


def test_a_pool_without_a_limit_is_watched_for_deadlocks_only(
    tmp_path: Path, reporter: MemoryReporter
) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/a.db", poolclass=NullPool, connect_args={"timeout": 0})
    with PoolMonitor(engine, reporter=reporter), engine.connect() as one, engine.connect() as other:
        one.execute(text("BEGIN IMMEDIATE"))
        with pytest.raises(OperationalError):
            other.execute(text("BEGIN IMMEDIATE"))
    assert reporter.assert_reported("316-DB-DEADLOCK", times=1).resources is None
    unlimited = create_engine("sqlite://", poolclass=QueuePool, pool_size=1, max_overflow=-1)
    with PoolMonitor(unlimited, reporter=reporter), take(unlimited, 3):
        assert len(reporter.events) == 1
    unlimited.dispose()


async def test_an_async_engine_is_watched_as_well(tmp_path: Path, reporter: MemoryReporter) -> None:
    pytest.importorskip("aiosqlite")
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import AsyncAdaptedQueuePool

    engine = create_async_engine(
        f"sqlite+aiosqlite:///{tmp_path}/a.db",
        poolclass=AsyncAdaptedQueuePool,
        pool_size=1,
        max_overflow=1,
        pool_timeout=0.01,
        connect_args={"timeout": 0},
    )
    with PoolMonitor(engine, reporter=reporter):
        async with engine.connect() as one, engine.connect() as other:
            await one.execute(text("BEGIN IMMEDIATE"))
            with pytest.raises(OperationalError):
                await other.execute(text("BEGIN IMMEDIATE"))
            with pytest.raises(PoolTimeoutError):
                await engine.connect()
    await engine.dispose()
    told = [event.code for event in reporter.events]
    assert told == ["316-DB-POOL-HIGH", "316-DB-DEADLOCK", "316-DB-POOL-EXHAUSTED"]


def test_without_a_reporter_it_is_the_processs_own(engine: Engine, fault316_reporter: MemoryReporter) -> None:
    with fault316.context(endpoint="/orders"), PoolMonitor(engine), take(engine, 9):
        fault316_reporter.assert_reported("316-DB-POOL-HIGH", times=1, endpoint="/orders")


@pytest.mark.parametrize("warn_above", [0, 1.1])
def test_a_share_that_is_none_is_refused(engine: Engine, warn_above: float) -> None:
    with pytest.raises(ValueError, match="warn_above"):
        PoolMonitor(engine, warn_above=warn_above)


class DriverError(Exception):
    """As drivers make them: a code by one attribute or another, or as the first argument."""

    def __init__(self, *args: object, **codes: object) -> None:
        super().__init__(*args)
        for name, code in codes.items():
            setattr(self, name, code)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (DriverError("deadlock detected", sqlstate="40P01"), True),  # psycopg, asyncpg
        (DriverError("could not serialize access", pgcode="40001"), True),  # psycopg2
        (DriverError(1213, "Deadlock found when trying to get lock"), True),  # PyMySQL, mysqlclient
        (DriverError(1205, "Lock wait timeout exceeded"), True),
        (DriverError("1205 (HY000): …", errno=1205, sqlstate="HY000"), True),  # mysql-connector
        (DriverError("40001", "[40001] chosen as the deadlock victim"), True),  # pyodbc
        (DriverError("database is locked", sqlite_errorcode=sqlite3.SQLITE_BUSY), True),
        (DriverError("…", sqlite_errorcode=sqlite3.SQLITE_BUSY_SNAPSHOT), True),
        (DriverError("ORA-00060: deadlock detected while waiting for resource"), True),
        (DriverError("duplicate key (name)=(deadlock)", sqlstate="23505"), False),
        (DriverError(1062, "Duplicate entry 'deadlock'"), False),
        (DriverError("no such table: deadlocks", sqlite_errorcode=sqlite3.SQLITE_ERROR), False),
        (DriverError("server closed the connection"), False),
        (DriverError(), False),
    ],
)
def test_a_deadlock_is_known_by_its_code_else_by_its_text(error: Exception, expected: bool) -> None:
    assert is_deadlock(error) is expected
