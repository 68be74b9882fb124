"""Each trigger end to end: the real ERP under traffic, a release with one fault, the real pipeline, GitHub and a chat.

What is immediate is taken back by itself and told, what is to be considered is held for a person.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bot_api
import declared
import erp_world
import github_server
import pytest
from bot_api import Telegram
from fleet import let_pass, wait_for
from github_server import GitHub
from shipping import CONSIDER, IMMEDIATE, Bad, Ship, record, said, unwell
from support import snapshot

from deploy_gate.workbench import stage
from host.state import GUARD, HOLD


@pytest.fixture(scope="module")
def shop() -> Iterator[erp_world.Shop]:
    """Its guard looks rarely, so that it is the watch that must see it first."""
    with erp_world.serving(
        erp_world.UNHURRIED, guard={"interval": 15, "guard-for": 60, "beat": 120, "sample": 1}
    ) as found:
        yield found


@pytest.fixture(scope="module")
def around() -> Iterator[tuple[GitHub, Telegram]]:
    with github_server.running() as github, bot_api.telegram() as chat:
        yield github, chat


@pytest.fixture(scope="module")
def staged(around: tuple[GitHub, Telegram], tmp_path_factory: pytest.TempPathFactory) -> stage.Staged:
    """The product, its one change: GitHub of these tests, which act cannot be told."""
    github, _ = around
    folder = tmp_path_factory.mktemp("redirected")
    tree = snapshot(folder / "tree")
    found = stage.export(tree, folder / "staged")
    path = found.path / "actions" / "watch" / "action.yml"
    text = path.read_text()
    old = "run: exec python3"
    assert text.count(old) == 1
    path.write_text(text.replace(old, f"run: GITHUB_API_URL={github.url} exec python3"))
    return found


@pytest.fixture
def ship(shop: erp_world.Shop, around: tuple[GitHub, Telegram], consumer: Any) -> Iterator[Ship]:
    github, chat = around
    unwell(github)
    chat.messages.clear()
    shop.reset()
    yield Ship(consumer, shop, github, chat)
    shop.reset()


def test_every_declared_trigger_has_its_case() -> None:
    assert sorted(declared.faults("triggers").values()) == sorted([one] for one in (*IMMEDIATE, *CONSIDER))


@pytest.mark.long
def test_a_good_release_is_confirmed(ship: Ship, tmp_path: Path) -> None:
    ship.begin("20s")
    found, release = ship.ship(Bad(), tmp_path / "good")
    assert found.code == 0, said(found)
    kept = record(found)
    assert (kept["verdict"], kept["decided_by"]) == ("go", ""), kept
    assert {one["state"] for one in kept["lines"]} == {"fine"}, kept
    assert ship.shop.answers() == release
    assert ship.shop.host.good("status")["watch"]["phase"] == GUARD


@pytest.mark.long
@pytest.mark.parametrize("trigger", list(IMMEDIATE))
def test_what_is_immediate_is_taken_back(ship: Ship, trigger: str, tmp_path: Path) -> None:
    ship.begin()
    found, release = ship.ship(IMMEDIATE[trigger], tmp_path / "bad")
    assert found.code == 1, said(found)
    kept = record(found)
    assert (kept["verdict"], kept["decided_by"]) == ("no-go", trigger), kept
    assert ship.shop.answers() == ship.first
    ship.shop.host.live(ship.first, "green")
    left = ship.shop.host.good("status")["left"][-1]
    assert left["release"] == release, left
    assert left["reason"].startswith(f"watch: {trigger}: ")
    [text] = [one for one in ship.chat.texts() if release in one]
    assert trigger in text
    assert "rolled back" in text
    assert {name for name, value in kept["times"].items() if value > 0} == {"detect", "decide", "restore"}, kept
    summary = found.jobs["verify"].summary
    for name, value in kept["times"].items():
        assert f"{name} {value:.1f} s" in summary.replace("\\", ""), summary


@pytest.mark.long
@pytest.mark.parametrize("trigger", list(CONSIDER))
def test_what_is_to_be_considered_is_held(ship: Ship, trigger: str, tmp_path: Path) -> None:
    ship.begin("20s")
    host = ship.shop.host
    found, release = ship.ship(CONSIDER[trigger], tmp_path / "held")
    assert found.code == 1, said(found)
    kept = record(found)
    assert (kept["verdict"], kept["decided_by"]) == ("could-not-tell", trigger), kept
    assert found.jobs["verify"].outputs["watch.verdict"] == "could-not-tell"
    assert ship.shop.answers() == release
    status = host.good("status")
    assert (status["watch"]["phase"], status["rollback"]["kind"]) == (HOLD, "warm"), status
    assert status["watch"]["seconds_left"] > 600
    [text] = [one for one in ship.chat.texts() if release in one]
    assert (trigger in text, "held for a person" in text) == (True, True), text
    if trigger == "c-minor":
        # A person looked, and takes it.
        host.good("confirm", release)
        assert host.good("status")["watch"]["phase"] == GUARD
        assert ship.shop.answers() == release
    if trigger == "c-complaints":
        # Nobody answers: the server goes back.
        let_pass(host, 7200)
        wait_for(host, ship.first)
        assert ship.shop.answers() == ship.first
        assert host.good("status")["left"][-1]["release"] == release
