"""Faults from log records, of the standard library's logging and of structlog."""

import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

import fault316
from fault316 import BackgroundReporter, Connection
from fault316._loop import THREAD_NAME
from fault316.integrations.logs import FaultHandler, FaultProcessor
from fault316.testing import MemoryReporter

CODE = "316-OP-FAIL"


@pytest.fixture
def reporter() -> MemoryReporter:
    return MemoryReporter("shop")


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """A root of our own, so that no other test's records come here, and none of ours go there."""
    root = logging.Logger("root")
    yield root
    for handler in list(root.handlers):
        handler.close()


def logger_of(root: logging.Logger, name: str) -> logging.Logger:
    logger = logging.Logger(name)
    logger.parent = root
    return logger


@pytest.fixture
def logger(root: logging.Logger, reporter: MemoryReporter) -> logging.Logger:
    """`shop.cart`, below a root that has the handler."""
    root.addHandler(FaultHandler(reporter=reporter))
    return logger_of(root, "shop.cart")


def test_an_error_is_reported_with_what_its_record_says(
    logger: logging.Logger, reporter: MemoryReporter
) -> None:
    before = datetime.now(UTC)
    logger.error("no stock for %s", "sku-1", extra={"fault_code": "316-STOCK-EMPTY", "user_id": 7})
    event = reporter.assert_reported("316-STOCK-EMPTY", times=1, message="no stock for sku-1", user_id="7")
    assert event.attributes == {
        "logger": "shop.cart",
        "level": "ERROR",
        "function": "test_an_error_is_reported_with_what_its_record_says",
    }
    assert before <= event.occurred_at <= datetime.now(UTC)


def test_the_time_is_the_records_own(root: logging.Logger, reporter: MemoryReporter) -> None:
    """A queue may stand between the logger and the handler."""
    root.addHandler(FaultHandler(reporter=reporter))
    record = logging.makeLogRecord({"levelno": logging.ERROR, "msg": "late", "created": 1_000_000_000.5})
    root.handle(record)
    assert reporter.events[0].occurred_at == datetime.fromtimestamp(1_000_000_000.5, UTC)


def test_the_level_and_the_code_are_parameters(root: logging.Logger, reporter: MemoryReporter) -> None:
    root.addHandler(FaultHandler("WARNING", code="316-SHOP", reporter=reporter))
    logger = logger_of(root, "shop")
    logger.info("all is well")
    logger.warning("not so well")
    assert [(event.code, event.message) for event in reporter.events] == [("316-SHOP", "not so well")]


def test_below_error_nothing_is_reported(logger: logging.Logger, reporter: MemoryReporter) -> None:
    logger.warning("not so well")
    reporter.assert_nothing_reported()


def test_an_exception_comes_with_its_traceback_and_the_message(
    logger: logging.Logger, reporter: MemoryReporter
) -> None:
    try:
        1 / 0  # noqa: B018
    except ZeroDivisionError:
        logger.exception("cannot divide")
    event = reporter.assert_reported(CODE, times=1, message="cannot divide")
    assert event.exception is not None
    assert event.exception.type == "ZeroDivisionError"
    assert event.exception.stacktrace is not None
    assert "test_logs" in event.exception.stacktrace


def test_one_exception_is_one_fault_whoever_reports_it(
    logger: logging.Logger, reporter: MemoryReporter
) -> None:
    """Logged and raised on to a guard; passed a guard and logged."""

    @reporter.guard("316-OUTER")
    def logs_and_raises() -> None:
        try:
            raise KeyError
        except KeyError:
            logger.exception("inside")
            raise

    with pytest.raises(KeyError) as raised:
        logs_and_raises()
    logger.error("outside", exc_info=raised.value)
    assert [(event.code, event.message) for event in reporter.events] == [(CODE, "inside")]


def test_the_context_around_comes_along(logger: logging.Logger, reporter: MemoryReporter) -> None:
    with fault316.context(request_id="r-1", endpoint="/orders"):
        logger.error("here")
        logger.error("of another request", extra={"request_id": "r-2"})
    assert [event.request_id for event in reporter.events] == ["r-1", "r-2"]
    assert reporter.events[1].endpoint == "/orders"


@pytest.mark.parametrize("name", ["fault316", "fault316.x", "aiokafka", "aiokafka.consumer.fetcher"])
def test_what_reporting_itself_logs_is_left_out(
    root: logging.Logger, reporter: MemoryReporter, name: str
) -> None:
    root.addHandler(FaultHandler(reporter=reporter))
    logger_of(root, name).critical("Kafka is away")
    logger_of(root, "fault316x").critical("another's")
    assert [event.message for event in reporter.events] == ["another's"]


def test_what_the_reporters_own_thread_logs_is_left_out(
    logger: logging.Logger, reporter: MemoryReporter
) -> None:
    log, out = structured(reporter)

    def log_both() -> None:
        logger.error("a task's exception was never retrieved")
        log.error("and here")

    thread = threading.Thread(target=log_both, name=THREAD_NAME)
    thread.start()
    thread.join()
    assert len(out) == 1
    reporter.assert_nothing_reported()


def test_an_argument_that_logs_while_it_is_written_ends_nothing(
    logger: logging.Logger, reporter: MemoryReporter
) -> None:
    class Talkative:
        def __str__(self) -> str:
            logger.error("asked for its text: %s", self)
            return "talkative"

    logger.error("%s", Talkative())
    assert [event.message for event in reporter.events] == ["talkative"]


def test_a_record_whose_arguments_do_not_fit_is_a_fault_nevertheless(
    logger: logging.Logger, reporter: MemoryReporter
) -> None:
    logger.error("%d of %d", "one")
    reporter.assert_reported(CODE, times=1, message="%d of %d")


def test_a_handler_that_fails_is_no_fault_of_the_caller(
    logger: logging.Logger, reporter: MemoryReporter, capsys: pytest.CaptureFixture[str]
) -> None:
    logger.error("wrong code", extra={"fault_code": "no code"})  # which this reporter raises
    assert "--- Logging error ---" in capsys.readouterr().err
    logger.error("a right one")
    reporter.assert_reported(CODE, times=1)


def test_a_reporter_whose_kafka_is_away_does_not_feed_on_its_own_log() -> None:
    """With the handler on the real root, where `fault316` and `aiokafka` say that there is no Kafka."""
    nowhere = Connection(_env_file=None, bootstrap_servers="127.0.0.1:1")
    reporter = BackgroundReporter("shop", connection=nowhere, resources=False)
    handler = FaultHandler(logging.DEBUG, reporter=reporter)
    real = logging.getLogger()
    real.addHandler(handler)
    try:
        logging.getLogger("shop").error("one")
        assert not reporter.close(0.5)
    finally:
        real.removeHandler(handler)
    assert reporter.dropped == 1


def structured(reporter: MemoryReporter, *before: Any, **options: Any) -> tuple[Any, list[Any]]:
    """A logger of structlog's, and what comes out behind our processor."""
    out: list[Any] = []

    def end(logger: Any, method: str, event: Any) -> str:
        out.append(dict(event))
        return "rendered"

    processors = [*before, FaultProcessor(reporter=reporter, **options), end]
    return structlog.wrap_logger(structlog.ReturnLogger(), processors=processors), out


def test_structlog_an_event_is_reported_and_passed_on(reporter: MemoryReporter) -> None:
    log, out = structured(reporter)
    given = {
        "sku": "a",
        "left": 0,
        "ratio": float("nan"),
        "lines": [1],
        "user_id": 7,
        "fault_code": "316-STOCK",
    }
    assert log.bind(request_id="r-1").error("no stock", **given) == "rendered"
    assert out == [{"event": "no stock", "request_id": "r-1", **given}]
    event = reporter.assert_reported("316-STOCK", times=1, message="no stock", user_id="7", request_id="r-1")
    assert event.attributes == {"logger": "?", "level": "error", "sku": "a", "left": 0, "ratio": "nan"}


def test_structlog_levels_are_by_the_methods_name(reporter: MemoryReporter) -> None:
    log, out = structured(reporter, level=logging.WARNING)
    for method in ("debug", "info", "msg", "warning", "warn", "error", "critical", "fatal"):
        getattr(log, method)(method)
    assert [event.message for event in reporter.events] == ["warning", "warn", "error", "critical", "fatal"]
    assert len(out) == 8


@pytest.mark.parametrize("way", ["exception", "true", "object", "tuple"])
def test_structlog_the_exception_is_taken_however_it_is_given(reporter: MemoryReporter, way: str) -> None:
    log, out = structured(reporter)
    try:
        raise KeyError("k")
    except KeyError as error:
        if way == "exception":
            log.exception("failed")
        else:
            given: Any = {"true": True, "object": error, "tuple": (KeyError, error, error.__traceback__)}
            log.error("failed", exc_info=given[way])
        log.exception("again")
    event = reporter.assert_reported(CODE, times=1, message="failed")
    assert event.exception is not None
    assert event.exception.type == "KeyError"
    assert "exc_info" in out[0]


def test_structlog_more_values_than_an_event_takes_lose_no_fault(reporter: MemoryReporter) -> None:
    log, _ = structured(reporter)
    log.error("many", **{f"value_{number}": number for number in range(100)})
    assert len(reporter.assert_reported(CODE, times=1).attributes or {}) == 32


def drop(logger: Any, method: str, event: Any) -> Any:
    raise structlog.DropEvent


def test_structlog_above_the_standard_library_has_the_loggers_name(reporter: MemoryReporter) -> None:
    def log_of(name: str) -> Any:
        processors: list[Any] = [structlog.stdlib.add_logger_name, FaultProcessor(reporter=reporter), drop]
        return structlog.wrap_logger(
            logging.Logger(name), processors=processors, wrapper_class=structlog.stdlib.BoundLogger
        )

    log_of("shop.cart").error("one")
    log_of("aiokafka.conn").error("left out")
    assert [(event.attributes or {})["logger"] for event in reporter.events] == ["shop.cart"]


def test_structlog_a_report_that_fails_is_no_fault_of_the_caller(
    reporter: MemoryReporter, caplog: pytest.LogCaptureFixture
) -> None:
    log, out = structured(reporter)
    with caplog.at_level(logging.ERROR, logger="fault316"):
        log.error("wrong code", fault_code="no code")
    assert len(out) == 1
    assert "not reported" in caplog.text
