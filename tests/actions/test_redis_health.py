"""What redis-health needs of the server is tested beside redis-ping, on the same one; here that both say so by name."""

from __future__ import annotations

from collections.abc import Callable

from deploy_gate.catalog import Catalog
from deploy_gate.result import Result, Status


def test_without_an_address_nothing_is_passed(ask: Callable[..., Result]) -> None:
    for name in ("redis-ping", "redis-health"):
        result = ask(name, url_variable="NO_SUCH_REDIS")
        assert (result.status, "NO_SUCH_REDIS is not set" in result.found) == (Status.ERROR, True)
        assert Catalog().get(name).about.locks == ("redis",)
