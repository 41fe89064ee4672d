"""The endpoint of a request: few names, whatever paths come."""

from types import SimpleNamespace
from typing import Any

import pytest

from fault316.integrations._endpoint import Endpoint, endpoint_of


def scope(path: str, template: str | None = None, /, **params: Any) -> dict[str, Any]:
    route = None if template is None else SimpleNamespace(path_format=template)
    return {"path": path, "route": route, "path_params": params}


@pytest.mark.parametrize(
    ("given", "endpoint"),
    [
        (scope("/orders/7", "/orders/{id}", id=7), "/orders/{id}"),
        (scope("/", "/"), "/"),
        (scope("/files/a/b/c.txt", "/files/{path}", path="a/b/c.txt"), "/files/{path}"),
        (scope("/shops/berlin/orders/7", "/orders/{id}", shop="berlin", id=7), "/shops/{shop}/orders/{id}"),
        (scope("/api/v1/orders/7", "/orders/{id}", id=7), "/api/v1/orders/{id}"),
        (scope("/x/5", "/{a}", a=5), "/x/{a}"),
    ],
)
def test_the_routes_template_with_what_it_is_mounted_under(given: dict[str, Any], endpoint: str) -> None:
    assert endpoint_of(given) == endpoint


@pytest.mark.parametrize(
    ("given", "endpoint"),
    [
        (
            scope("/orders/berlin/7", city="berlin"),
            "/orders/{city}/{id}",
        ),  # routed, by a router that tells no route
        (
            scope("/m/berlin/rest/of/it", "/m/{city}/{path}", city="berlin"),
            "/m/{city}/rest/of/it",
        ),  # in a mount
        (scope("/orders/007", "/orders/{id}", id=7), "/orders/{id}"),  # a convertor changed it
        (scope("/api/v2/s3"), "/api/v2/s3"),
        (scope("/o/8f14e45f-ceea-467f-a9d1-4c1b3d5e6f70"), "/o/{id}"),
        (scope("/o/order-1234/ann@shop.example"), "/o/{id}/{id}"),
        (scope("/o/" + "x" * 33), "/o/{id}"),
        (scope("/" + "/".join("abcdefghijk")), "/a/b/c/d/e/f/g/h/…"),
        ({}, "/"),
    ],
)
def test_without_a_template_what_varies_is_folded(given: dict[str, Any], endpoint: str) -> None:
    assert endpoint_of(given) == endpoint


def test_an_endpoint_is_read_when_it_is_asked_for() -> None:
    request = scope("/orders/berlin")
    endpoint = Endpoint(request)
    request |= scope("/orders/berlin", "/orders/{city}", city="berlin")
    assert str(endpoint) == "/orders/{city}"
