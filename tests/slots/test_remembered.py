"""The host remembers the newest line of the ledger it was told, and no earlier and no other one."""

from __future__ import annotations

import pytest
from slots.world import World

A, B = "a" * 64, "b" * 64


def test_its_number_never_goes_down(host: World) -> None:
    assert host.good("ledger")["ledger"] == ""
    assert host.good("ledger", f"41:{A}")["ledger"] == f"41:{A}"
    # An earlier run that comes late changes nothing, and the same again is no change either.
    lines = len(list(host.machine.journal.entries()))
    assert host.good("ledger", f"40:{B}")["ledger"] == f"41:{A}"
    assert host.good("ledger", f"41:{A}")["ledger"] == f"41:{A}"
    assert len(list(host.machine.journal.entries())) == lines
    told = host.run("ledger", f"41:{B}")
    assert (told.code, told.what) == (1, f"line 41 of the ledger is another one here: {A[:12]}, not {B[:12]}")
    assert host.good("ledger", f"42:{B}")["ledger"] == f"42:{B}"
    assert host.good("journal", "verify")["ledger"] == f"42:{B}"
    kept = [one["data"] for one in host.machine.journal.entries() if one.get("step") == "ledger" and "data" in one]
    assert kept[-2:] == [{"number": 41, "hash": A}, {"number": 42, "hash": B}]


@pytest.mark.parametrize("name", ["guard", "Guard of the shop", " guard"])
def test_nobody_calls_himself_the_guard(host: World, name: str) -> None:
    told = host.run("ledger", "--by", name)
    assert told.code == 2
    assert told.what.endswith("is what the guard calls itself; give your own name")


@pytest.mark.parametrize(
    "head", ["41", f"0:{A}", f"-1:{A}", f"41:{A[1:]}", f"41:{A}0", f"1234567890:{A}", "41:" + "A" * 64]
)
def test_what_is_no_line(host: World, head: str) -> None:
    before = host.good("ledger")["ledger"]
    assert host.run("ledger", head).code == 2
    assert host.good("ledger")["ledger"] == before
