"""An address from the runner, from the server itself, and from both, which must agree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hosts import Server
from sites import Reply, routes, site

from deploy_gate.catalog import Catalog
from deploy_gate.facts import marker
from deploy_gate.result import Result, Status

Look = Callable[..., Result]


@pytest.fixture
def look(ask: Look, server: Server) -> Look:
    return lambda url, **given: ask("http-endpoint", url=url, host=server.door.host, **given)


def test_from_both_sides(look: Look) -> None:
    known = {
        "/": Reply(302, headers={"Location": "/home"}),
        "/home": Reply(200, {"release": "a" * 40}),
        "/ill": Reply(500),
    }
    with site(routes(known)) as shop:
        result = look(f"{shop.url}/", vantage="both", redirects="true", field="release = " + "a" * 40)
        assert result.status is Status.PASSED, result
        assert result.found.startswith(f"from both sides: GET {shop.url}/home answered 200 in ")
        assert [one.path for one in shop.seen] == ["/", "/home", "/", "/home"]
        # The server's own request bears our mark as well, which no list of processes has shown.
        assert {one.headers[marker.HEADER.lower()] for one in shop.seen} == {marker.token()}
        result = look(f"{shop.url}/ill", vantage="both")
    assert (result.status, result.found) == (
        Status.FAILED,
        f"from both sides: GET {shop.url}/ill answered 500, expected 200",
    )


def test_what_only_one_side_sees_is_not_known(look: Look, server: Server) -> None:
    server.program("python3", "echo no such host >&2; exit 1")
    with site(routes({"/": Reply(200)})) as shop:
        result = look(f"{shop.url}/", vantage="both")
    assert result.status is Status.ERROR, result
    assert result.found.startswith("only the server sees it: ")
    assert "no such host" in result.found


@pytest.mark.long
def test_from_the_server_alone(look: Look) -> None:
    with site(routes({"/": Reply(404)})) as shop:
        result = look(f"{shop.url}/", vantage="host")
    assert (result.status, result.found) == (Status.FAILED, f"GET {shop.url}/ answered 404, expected 200")
    result = look(f"{shop.url}/", vantage="host")
    assert result.status is Status.ERROR
    assert "from the server: " in result.found


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"vantage": "host"}, "input 'host' is '', expected"),
        ({"vantage": "both", "host": "root@x", "url": "https://ada:secret@shop.example"}, "input 'url' names a user"),
        ({"vantage": "runner", "host": ""}, ""),
    ],
)
def test_inputs_that_cannot_be_meant(given: dict[str, Any], told: str) -> None:
    usual = {"url": "https://shop.example", "attempts": 1, "header": "", "field": "", "status": 200, "host": ""}
    more = {"target": None, "warning": None, "critical": None, "release_field": "", "release": ""}
    found = " ".join(Catalog().get("http-endpoint").faults({**usual, **more, **given}))
    assert found.startswith(told) if told else not found
    assert "secret" not in found
