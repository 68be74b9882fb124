"""config-parity on two servers in network namespaces of their own, whose kernels and limits really differ."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pairs_apart
import pytest
from pairs import Pair

from deploy_gate.result import CouldNotTell, Result, Status

LIMITS = "limits,python,timezone,settings"


@pytest.fixture(scope="module")
def machines() -> Iterator[Pair]:
    """Skipped, with the reason, where no namespace can be made."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    try:
        with pairs_apart.apart((411, 412), (2048, 4096)) as found:
            yield found
    except CouldNotTell as fault:
        pytest.skip(f"no network namespaces: {fault.found}; {fault.fix}")


def test_what_the_kernels_say_differs_by_name(
    ask: Callable[..., Result], machines: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in machines.keys.items():
        monkeypatch.setenv(name, value)
    both = (machines.production, machines.staging)
    for machine in both:
        machine.reset()
    before = [pairs_apart.connections(one) for one in both]
    result = ask("config-parity", **machines.inputs, families=LIMITS)
    assert [pairs_apart.connections(one) for one in both] == [one + 1 for one in before], "one connection each"
    assert (result.status, result.measured) == (Status.FAILED, 2), result
    assert [one["message"] for one in result.evidence] == [
        "limit.nofile is 2048 / 2048 on production, 4096 / 4096 on staging",
        "sysctl.net.core.somaxconn is 411 on production, 412 on staging",
    ]
    # The twin: what differs is declared, each with its reason.
    allow = "limit.nofile: staging is smaller\nsysctl.net.core.somaxconn: moved on Monday"
    assert ask("config-parity", **machines.inputs, families=LIMITS, allow=allow).status is Status.PASSED
