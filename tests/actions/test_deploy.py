"""Deployments over real ssh, to real nginx and two slots; what goes wrong leaves production on a good release."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fleet import NEW, OLD, Fleet, fleet


@pytest.fixture(scope="module")
def shared() -> Iterator[Fleet]:
    """Two servers."""
    with fleet(2) as found:
        yield found


@pytest.fixture
def servers(shared: Fleet) -> Fleet:
    """The same, OLD live in blue on both."""
    shared.reset()
    return shared


def test_a_good_release_goes_in(servers: Fleet) -> None:
    told = servers.deploy(smoke="/health\n/orders", smoke_command="sh -c 'test {slot} = green && echo {port}'")
    print(told)
    assert (told.code, told.data["status"]) == (0, "passed"), told
    servers.live((NEW, "green"))
