"""What an exception and free text become in an event."""

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fault316._exception import describe, fingerprint
from fault316._text import name, stacktrace, text
from fault316_schemas import FaultException
from fault316_schemas.event import NAME_CHARS_MAX, STACKTRACE_CHARS_MAX, TEXT_CHARS_MAX

RELEASE = """
def pay(amount):
{padding}    return charge(amount)

def charge(amount):
    raise ValueError(f"cannot charge {{amount}}")
"""


def raised(function: Callable[..., object], *args: object) -> BaseException:
    try:
        function(*args)
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def release(padding: str = "") -> Callable[[int], object]:
    """The same code, as a later release with other line numbers and another path would have it."""
    scope: dict[str, Any] = {"__name__": "shop.payment"}
    exec(compile(RELEASE.format(padding=padding), f"/srv/{len(padding)}/payment.py", "exec"), scope)
    pay: Callable[[int], object] = scope["pay"]
    return pay


def recurse(depth: int) -> None:
    if depth == 0:
        raise RuntimeError("deep")
    recurse(depth - 1)


def test_fingerprint_is_the_same_across_releases_and_messages() -> None:
    first = raised(release(), 10)
    later = raised(release(padding="    amount += 1\n" * 7), 99)
    assert str(first) != str(later)
    assert fingerprint(first) == fingerprint(later)


def test_fingerprint_tells_another_function_and_another_type_apart() -> None:
    paths = {
        fingerprint(raised(release(), 1)),
        fingerprint(raised(int, "x")),
        fingerprint(raised(recurse, 1)),
    }
    assert len(paths) == 3


def test_fingerprint_tells_causes_apart() -> None:
    def wrap(cause: Exception) -> None:
        try:
            raise cause
        except Exception as error:
            raise RuntimeError("order failed") from error

    assert fingerprint(raised(wrap, KeyError("a"))) == fingerprint(raised(wrap, KeyError("b")))
    assert fingerprint(raised(wrap, KeyError("a"))) != fingerprint(raised(wrap, OSError("a")))


def test_fingerprint_does_not_depend_on_how_deep_a_recursion_went() -> None:
    assert fingerprint(raised(recurse, 3)) == fingerprint(raised(recurse, 300))


def test_fingerprint_ends_on_a_ring_of_causes() -> None:
    first, second = RuntimeError("a"), RuntimeError("b")
    first.__cause__, second.__cause__ = second, first
    assert fingerprint(first)


def test_describe_says_type_message_and_where() -> None:
    described = describe(raised(release(), 10))
    assert described.type == "ValueError"
    assert described.message == "cannot charge 10"
    assert described.stacktrace is not None
    assert "in charge" in described.stacktrace
    assert described.fingerprint


def test_an_exception_without_text_is_still_described() -> None:
    class BrokenError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    described = describe(BrokenError())
    assert described.type.endswith("BrokenError")
    assert described.message is not None
    assert "__str__" in described.message


def test_a_long_stacktrace_keeps_its_innermost_end() -> None:
    cut = stacktrace("outer\n" + "x" * STACKTRACE_CHARS_MAX + "\ninner")
    assert len(cut) == STACKTRACE_CHARS_MAX
    assert cut.endswith("inner")


@given(st.text(alphabet=st.characters(), max_size=400) | st.just("\ud800" * (TEXT_CHARS_MAX + 1)))
def test_any_text_fits_the_contract(value: str) -> None:
    """Nothing that an exception says, lone surrogates included, can keep it from being reported."""
    fitted = FaultException(type=name(value) or "X", message=text(value), stacktrace=stacktrace(value))
    fitted.model_dump_json()
    assert len(fitted.type) <= NAME_CHARS_MAX
