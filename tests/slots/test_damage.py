"""A state that cannot be read: the journal can, every command says what is known, and the way on works."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from slots.test_crash import no_guard
from slots.test_switch import deploy
from slots.world import NEW, OLD, THIRD, World

from host.damage import last_live


@pytest.fixture(
    params=[
        pytest.param("{", id="half a file"),
        pytest.param("", id="an empty file", marks=pytest.mark.long),
        pytest.param(None, id="gone", marks=pytest.mark.long),
    ]
)
def damaged(host: World, request: pytest.FixtureRequest) -> Iterator[World]:
    """NEW is live in green, and the state is not to be read."""
    deploy(host, NEW)
    path = host.machine.store.path
    whole = path.read_bytes()
    with no_guard(host):
        path.unlink()
        if request.param is not None:
            path.write_text(request.param)
        try:
            yield host
        finally:
            path.write_bytes(whole)
            path.with_name("state.json.damaged").unlink(missing_ok=True)


def test_the_journal_can_be_read(damaged: World) -> None:
    shown = damaged.good("journal", "show", "--lines", "400")
    assert [one for one in shown["entries"] if one.get("step") == "confirm"]
    answer = damaged.run("journal", "verify")
    assert answer.code == 3
    (told,) = answer.data["faults"]
    assert told.endswith(": whether the newest lines are missing cannot be told")
    lines = damaged.machine.journal.path.read_bytes()
    damaged.machine.journal.path.write_bytes(lines.replace(b'"confirm"', b'"cofirmm"', 1))
    try:
        assert len(damaged.run("journal", "verify").data["faults"]) == 2, "a changed line is found all the same"
    finally:
        damaged.machine.journal.path.write_bytes(lines)


def test_every_command_says_what_is_known_and_the_way_on(damaged: World) -> None:
    for words in (("status",), ("rollback", "--from", NEW), ("prepare", THIRD), ("preflight",)):
        answer = damaged.run(*words)
        assert answer.code == 3
        told = rf"\(flag: green; front door: green; blue answers: {OLD[:12]}; green answers: {NEW[:12]}; "
        assert re.search(rf"{told}journal: {NEW[:12]} in green since 2.*\)$", answer.what), answer.what
        assert f"slots init --live green --release {NEW}`" in answer.said
    path = damaged.machine.store.path
    if path.exists():
        path.rename(path.with_name("state.json.damaged"))
    damaged.good("init", "--live", "green", "--release", NEW)
    assert damaged.good("status")["release"] == NEW
    deploy_again(damaged)


def deploy_again(host: World) -> None:
    told = host.good("prepare", THIRD)
    assert told["slot"] == "blue"


@pytest.mark.long
def test_what_the_journal_says_was_live(host: World) -> None:
    assert last_live(host.machine)
    deploy(host, NEW)
    told = last_live(host.machine)
    assert (told["live"], told["release"]) == ("green", NEW)
    host.good("prepare", THIRD)
    host.good("rollback", "--from", NEW)
    told = last_live(host.machine)
    assert (told["live"], told["release"]) == ("blue", OLD)
    with no_guard(host):
        host.good("prepare", THIRD)
        host.run("switch", THIRD, "--confirm-within", "30", die_at="switch.acted")
        assert last_live(host.machine) == told, "a switch without an end did not happen"
        host.good("guard", "restore")
