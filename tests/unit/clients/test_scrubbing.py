"""What a service reports leaves it without secrets."""

import pytest

from fault316._build import Details, Identity, build
from fault316._text import SLACK_CHARS, stacktrace, text
from fault316_schemas.event import STACKTRACE_CHARS_MAX, TEXT_CHARS_MAX
from fault316_schemas.scrub import SCRUBBED

SHOP = Identity("shop", "web-1")
KEY_BODY = "MIIEpAIBAAKCAQEA1c7+9z5Pad7OejecsQ0bu3aozN3tihPmUWRRgFn2Zz\n" * 20
PRIVATE_KEY = f"-----BEGIN PRIVATE KEY-----\n{KEY_BODY}-----END PRIVATE KEY-----"


def test_no_text_of_an_event_holds_a_secret() -> None:
    details: Details = {
        "message": "login of bob failed: password=hunter2",
        "endpoint": "POST /login?next=/&token=hunter2",
        "component": "redis://:hunter2@cache/0",
        "user_id": "pin=hunter2",
        "request_id": "secret=hunter2",
        "trace_id": "jwt: hunter2",
        "span_id": "--password hunter2",
        "attributes": {
            "db.password": "hunter2",
            "url": "amqp://a:hunter2@mq",
            "password=hunter2": 1,
            "retries": 3,
        },
    }
    try:
        try:
            raise ValueError("Cookie: sid=hunter2")
        except ValueError as error:
            raise RuntimeError({"api_key": "hunter2"}) from error
    except RuntimeError as error:
        details["exception"] = error
    event = build(SHOP, "316-OP-FAIL", details)
    assert "hunter2" not in event.model_dump_json()
    assert event.endpoint == f"POST /login?next=/&token={SCRUBBED}"
    assert event.attributes == {
        "db.password": SCRUBBED,
        "url": f"amqp://a:{SCRUBBED}@mq",
        f"password={SCRUBBED}": 1,
        "retries": 3,
    }


@pytest.mark.parametrize("cut_at", range(4, 16))
def test_the_cut_makes_no_secret_unknown(cut_at: int) -> None:
    """The first digits of a card number would not look like one."""
    message = text("x" * (TEXT_CHARS_MAX - cut_at) + " 4111111111111111 " + "x" * 100)
    assert message is not None
    assert "4111" not in message
    trace = stacktrace("x" * 100 + PRIVATE_KEY + "y" * (STACKTRACE_CHARS_MAX - 100 * cut_at))
    assert "MIIE" not in trace
    assert len(PRIVATE_KEY) < SLACK_CHARS


def test_a_text_of_any_size_costs_no_more_than_a_long_one() -> None:
    """Only what may be kept, and the slack, is looked at."""
    looked_at = "x" * (TEXT_CHARS_MAX + SLACK_CHARS)
    assert text(looked_at + "password=hunter2" * 1_000_000) == text(looked_at)
