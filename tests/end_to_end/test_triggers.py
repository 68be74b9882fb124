"""Triggers end to end: the real ERP under traffic, a release with one fault, the real pipeline, GitHub and a chat.

What is immediate is taken back by itself and told; with all triggers watched, a good release is confirmed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bot_api
import erp_world
import github_server
import pytest
import yaml
from bot_api import GROUP, Telegram
from github_server import GitHub, ago
from support import snapshot

from deploy_gate.workbench import act, stage
from deploy_gate.workbench.shop import EXAMPLE
from host.state import GUARD

QUICK = {"every": "2s", "failure-limit": 2}
VULNERABLE = {"vulnerable_version_range": ">= 2.0.0, < 2.0.2", "severity": "high"}


@dataclass(frozen=True)
class Bad:
    """What the release does wrong, and what a trigger needs beside the usual."""

    switches: tuple[str, ...] = ()
    faults: dict[str, Any] = field(default_factory=dict)


IMMEDIATE = {"t-critical": Bad(("order-500",))}


@dataclass
class Ship:
    """A consumer of the pipeline whose release `first` is live, and everything around it."""

    consumer: Any
    shop: erp_world.Shop
    github: GitHub
    chat: Telegram
    first: str = ""

    def checklist(self) -> None:
        """The bundled triggers with short times, over lines that go to loopback."""
        there = {"host": self.shop.servers.doors[0].host, "config": str(self.shop.host.config)}
        journey = {"check": "journey", "watch": QUICK}
        items = {
            "log": {"check": "changelog", "phases": ["pre-deploy"]},
            "health": {"check": "http-endpoint", "phases": ["verify"], "watch": QUICK}
            | {"with": {"url": f"{self.shop.front}/health"}},
            "order": {**journey, "phases": ["monitor"], "with": self.walk("order")},
            "gps": {**journey, "phases": ["monitor"], "with": self.walk("gps")},
        }
        errors = {**there, "proves": "error-band", "since": "switch", "min-requests": "30"}
        slow = {**there, "proves": "latency-band", "since": "switch", "min-requests": "30"}
        logs = {**there, "look-for": "database", "max-errors": "4"}
        known = {**there, "repository": github_server.NAME}
        heard = {"repository": github_server.NAME, "environment": "production", "label": "complaint"}
        ways: dict[str, tuple[str, dict[str, Any]]] = {
            "t-health": ("slot-health", {"with": {**there, "slots": "live"}, "witness": "health"}),
            "t-errors": ("traffic", {"with": errors}),
            "t-db": ("server-logs", {"with": logs}),
            "t-critical": ("journey", {"of": ["order"]}),
            "t-latency": ("traffic", {"with": slow}),
            "t-vulnerability": ("vulnerability-alerts", {"with": known}),
            "c-minor": ("journey", {"of": ["gps"]}),
            "c-errors": ("traffic", {"with": errors}),
            "c-latency": ("traffic", {"with": slow}),
            "c-complaints": ("complaints", {"with": heard}),
        }
        bands = {"t": "immediate", "c": "consider"}
        triggers = {
            name: {"title": name, "rule": name, "band": bands[name[0]], "check": check, "watch": QUICK, **more}
            for name, (check, more) in ways.items()
        }
        self.consumer.checklist(items, environments={"production": {"branch": "main"}}, triggers=triggers)

    def walk(self, journey: str) -> dict[str, str]:
        """The inputs of one of the ERP's own journeys."""
        return {"file": f"journeys/{journey}.yml", "url": self.shop.front}

    def workflow(self, window: str) -> None:
        """One that calls the pipeline."""
        given = {
            "environment": "production",
            "host": self.shop.servers.doors[0].host,
            "host-keys": self.shop.servers.doors[0].pins,
            "config": str(self.shop.host.config),
            "watch": "1s",
            "verify-for": window,
            "chat": GROUP,
        }
        names = ("SSH_PRIVATE_KEY", "TELEGRAM_BOT_TOKEN", "DEPLOY_GATE_SECRETS")
        secrets = {name: f"${{{{ secrets.{name} }}}}" for name in names}
        uses = "tsh/deploy-gate/.github/workflows/pipeline.yml@v1"
        jobs = {"ship": {"uses": uses, "with": given, "secrets": secrets}}
        whole = {"on": "push", "permissions": {}, "jobs": jobs}
        self.consumer.write(".github/workflows/ship.yml", yaml.safe_dump(whole))

    def begin(self, window: str = "60s") -> None:
        """The first release is live and confirmed."""
        for journey in ("order", "gps"):
            self.consumer.write(f"journeys/{journey}.yml", (EXAMPLE / "journeys" / f"{journey}.yml").read_text())
        self.consumer.write("requirements.txt", "django==1.9\n")
        self.checklist()
        self.workflow(window)
        self.consumer.commit("feat: the first")
        self.first = self.consumer.git("rev-parse", "HEAD^{tree}")
        self.shop.put_live(self.first)

    def ship(self, bad: Bad, scratch: Path) -> tuple[act.Run, str]:
        """Commit a release, bad from the switch on, and let the pipeline run."""
        self.consumer.write("more.txt", "more\n")
        self.consumer.commit("chore: the second")
        release = self.consumer.git("rev-parse", "HEAD^{tree}")
        self.shop.break_(release, *bad.switches, **bad.faults)
        scratch.mkdir()
        word = self.shop.password
        secrets = {
            "SSH_PRIVATE_KEY": self.shop.servers.key,
            "TELEGRAM_BOT_TOKEN": bot_api.TOKEN,
            "GITHUB_TOKEN": github_server.TOKEN,
            "DEPLOY_GATE_SECRETS": f"JOURNEY_PASSWORD='{word}'\nJOURNEY_CUSTOMER_PASSWORD='{word}'",
        }
        where = act.Stage(scratch, self.consumer.staged.references, secrets, lock="dev")
        with erp_world.people(self.shop.host.front):
            found = act.run(self.consumer.path, "ship.yml", where, timeout=900)
        told = "\n".join(line for job in found.jobs.values() for line in job.log)
        assert not [name for name, value in secrets.items() if value in told], "a secret is in the log"
        return found, release


def record(found: act.Run) -> dict[str, Any]:
    """What the watch wrote down."""
    path = found.artifact("watch-production") / "deploy-gate-watch.json"
    assert path.is_file(), said(found)
    whole: dict[str, Any] = json.loads(path.read_text())
    return whole


def said(found: act.Run) -> str:
    """Everything that the run said."""
    return "\n".join(f"{name}: {line}" for name, job in found.jobs.items() for line in job.log) + found.said


@pytest.fixture(scope="module")
def shop() -> Iterator[erp_world.Shop]:
    """Its guard looks rarely, so that it is the watch that must see it first."""
    with erp_world.serving(guard={"interval": 15, "guard-for": 60, "beat": 120, "sample": 1}) as found:
        yield found


@pytest.fixture(scope="module")
def around() -> Iterator[tuple[GitHub, Telegram]]:
    with github_server.running() as github, bot_api.telegram() as chat:
        yield github, chat


@pytest.fixture(scope="module")
def staged(around: tuple[GitHub, Telegram], tmp_path_factory: pytest.TempPathFactory) -> stage.Staged:
    """The product, its one change: GitHub and the Bot API of these tests, which act cannot be told."""
    github, chat = around
    folder = tmp_path_factory.mktemp("redirected")
    tree = snapshot(folder / "tree")
    found = stage.export(tree, folder / "staged")
    path = found.path / "actions" / "watch" / "action.yml"
    text = path.read_text()
    for old, new in (
        ("default: https://api.telegram.org", f"default: {chat.url}"),
        ("run: python3", f"run: GITHUB_API_URL={github.url} python3"),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    path.write_text(text)
    return found


@pytest.fixture
def ship(shop: erp_world.Shop, around: tuple[GitHub, Telegram], consumer: Any) -> Iterator[Ship]:
    github, chat = around
    github.lists.clear()
    chat.messages.clear()
    one = github.law.example("dependabot-alerts-for-repository")[0]
    one["security_advisory"].pop("epss", None)
    one["dependency"] |= {"manifest_path": "requirements.txt"}
    one["security_vulnerability"] |= VULNERABLE
    empty = dict.fromkeys(("dismissed_at", "dismissed_by", "dismissed_reason", "dismissed_comment"))
    github.list("/dependabot/alerts").append(one | empty | {"state": "open"})
    github.list("/issues")
    deployed = github.example("deployment-items") | {"environment": "production", "created_at": ago(hours=1)}
    github.list("/deployments").append(deployed | {"sha": github_server.SHA})
    status = github.example("deployment-status-items") | {"state": "success", "created_at": ago(hours=1)}
    github.list(f"/deployments/{deployed['id']}/statuses").append(status)
    github.object(f"/git/commits/{github_server.SHA}", github.example("git-commit") | {"sha": github_server.SHA})
    shop.reset()
    yield Ship(consumer, shop, github, chat)
    shop.reset()


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
