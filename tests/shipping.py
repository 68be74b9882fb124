"""A consumer of the pipeline who ships the real ERP: releases with one fault each, GitHub, a chat, and the triggers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bot_api
import erp_world
import github_server
import yaml
from bot_api import GROUP, Telegram
from github_server import GitHub, ago

from deploy_gate.workbench import act
from deploy_gate.workbench.shop import EXAMPLE

QUICK = {"every": "2s", "failure-limit": 2}
VULNERABLE = {"vulnerable_version_range": ">= 2.0.0, < 2.0.2", "severity": "high"}


@dataclass(frozen=True)
class Bad:
    """What the release does wrong, and what a trigger needs beside the usual."""

    switches: tuple[str, ...] = ()
    faults: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    issues: int = 0
    late: bool = False
    """It goes wrong only when the watch looks; what is wrong before is not switched to, or taken back at once."""


IMMEDIATE = {
    "t-health": Bad(("health-503",), late=True),
    "t-errors": Bad(faults={"fail-every": 3}),
    "t-db": Bad(faults={"database": True}),
    "t-critical": Bad(("order-500",)),
    "t-latency": Bad(faults={"delay": 3.0}),
    "t-vulnerability": Bad(files={"requirements.txt": "django==2.0.1\n"}),
}
CONSIDER = {
    "c-minor": Bad(("position-lost",)),
    "c-errors": Bad(faults={"fail-every": 25}),
    "c-latency": Bad(faults={"delay": 0.9}),
    "c-complaints": Bad(issues=11),
}


@dataclass
class Ship:
    """A consumer of the pipeline whose release `first` is live, and everything around it."""

    consumer: Any
    shop: erp_world.Shop
    github: GitHub
    chat: Telegram
    first: str = ""

    def checklist(self, own: Mapping[str, dict[str, Any]] | None = None) -> None:
        """The bundled triggers over lines that go to loopback, with short times; `own`: what is laid over one, by name."""
        there = {"host": self.shop.door.host, "config": str(self.shop.host.config)}
        journey = {"check": "journey", "watch": QUICK}
        items: dict[str, dict[str, Any]] = {
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
        triggers: dict[str, dict[str, Any]] = {
            name: {"title": name, "rule": name, "band": bands[name[0]], "check": check, "watch": QUICK, **more}
            for name, (check, more) in ways.items()
        }
        for name, line in (own or {}).items():
            for lines in (items, triggers):
                if name in lines:
                    given = {**lines[name].get("with", {}), **line.get("with", {})}
                    lines[name] |= line | ({"with": given} if given else {})
        self.consumer.checklist(items, environments={"production": {"branch": "main"}}, triggers=triggers)

    def walk(self, journey: str) -> dict[str, str]:
        """The inputs of one of the ERP's own journeys."""
        return {"file": f"journeys/{journey}.yml", "url": self.shop.front}

    def workflow(self, window: str) -> None:
        """One that calls the pipeline."""
        given = {
            "environment": "production",
            "host": self.shop.door.host,
            "host-keys": self.shop.door.pins,
            "config": str(self.shop.host.config),
            "watch": "1s",
            "verify-for": window,
            "chat": GROUP,
            "bot-api": self.chat.url,
        }
        names = ("SSH_PRIVATE_KEY", "TELEGRAM_BOT_TOKEN", "DEPLOY_GATE_SECRETS")
        secrets = {name: f"${{{{ secrets.{name} }}}}" for name in names}
        uses = "tsh/deploy-gate/.github/workflows/pipeline.yml@v1"
        jobs = {"ship": {"uses": uses, "with": given, "secrets": secrets}}
        whole = {"on": "push", "permissions": {}, "jobs": jobs}
        self.consumer.write(".github/workflows/ship.yml", yaml.safe_dump(whole))

    def begin(self, window: str = "60s") -> None:
        """The first release is live and confirmed, and the pipeline is ready to ship another one."""
        self.checklist()
        self.workflow(window)
        self.settle()

    def settle(self) -> None:
        """The first release is live and confirmed; the ledger goes to a repository beside it."""
        remote = f"{self.consumer.scratch.parent}/remote.git"
        self.consumer.git("init", "-q", "--bare", remote)
        self.consumer.git("config", f"url.{remote}.insteadOf", "https://github.com/acme/shop.git")
        for journey in ("order", "gps"):
            self.consumer.write(f"journeys/{journey}.yml", (EXAMPLE / "journeys" / f"{journey}.yml").read_text())
        self.consumer.write("requirements.txt", "django==1.9\n")
        self.consumer.commit("feat: the first")
        self.first = self.consumer.git("rev-parse", "HEAD^{tree}")
        self.shop.put_live(self.first)

    def commit(self, bad: Bad) -> str:
        """The second release."""
        for name, text in {"more.txt": "more\n", **bad.files}.items():
            self.consumer.write(name, text)
        self.consumer.commit("chore: the second")
        self.complain(bad.issues)
        return str(self.consumer.git("rev-parse", "HEAD^{tree}"))

    @property
    def secrets(self) -> dict[str, str]:
        """What its jobs are given."""
        word = self.shop.password
        return {
            "SSH_PRIVATE_KEY": self.shop.servers.key,
            "TELEGRAM_BOT_TOKEN": bot_api.TOKEN,
            "GITHUB_TOKEN": github_server.TOKEN,
            "DEPLOY_GATE_SECRETS": f"JOURNEY_PASSWORD='{word}'\nJOURNEY_CUSTOMER_PASSWORD='{word}'",
        }

    def ship(self, bad: Bad, scratch: Path) -> tuple[act.Run, str]:
        """Commit a release, bad from the switch on, and let the pipeline run."""
        release = self.commit(bad)
        scratch.mkdir()
        where = act.Stage(scratch, self.consumer.staged.references, self.secrets, lock="dev")
        with erp_world.people(self.shop.host.front), self.breaking(release, bad):
            found = act.run(self.consumer.path, "ship.yml", where, timeout=900)
        told = "\n".join(line for job in found.jobs.values() for line in job.log)
        assert not [name for name, value in self.secrets.items() if value in told], "a secret is in the log"
        return found, release

    @contextmanager
    def breaking(self, release: str, bad: Bad) -> Iterator[None]:
        """Its faults, at once or when it is live."""
        if not bad.late:
            self.shop.break_(release, *bad.switches, **bad.faults)
            yield
            return
        over = threading.Event()

        def wait() -> None:
            while not over.wait(0.2):
                # Told when `verify` begins: before that, the deployment's own short look would take it back.
                if any("\nrunning " in text for text in self.chat.texts()):
                    self.shop.break_(release, *bad.switches, **bad.faults)
                    return

        waiting = threading.Thread(target=wait)
        waiting.start()
        try:
            yield
        finally:
            over.set()
            waiting.join()

    def complain(self, count: int) -> None:
        """So many users complain of what GitHub knows to be deployed."""
        user = self.github.example("issue-comment-items")["user"]
        for number in range(count):
            one = self.github.example("issue") | {"number": number + 1, "created_at": ago(minutes=30), "user": user}
            one |= {"updated_at": ago(minutes=30), "title": "It is broken", "labels": [{"name": "complaint"}]}
            one.pop("pull_request", None)
            self.github.list("/issues").append(one)


def unwell(github: GitHub) -> None:
    """Nothing else than: a vulnerable package, the first release deployed an hour ago, and no complaint."""
    github.lists.clear()
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


def record(found: act.Run) -> dict[str, Any]:
    """What the watch wrote down."""
    path = found.artifact("watch-production") / "deploy-gate-watch.json"
    assert path.is_file(), said(found)
    whole: dict[str, Any] = json.loads(path.read_text())
    return whole


def said(found: act.Run) -> str:
    """Everything that the run said."""
    return "\n".join(f"{name}: {line}" for name, job in found.jobs.items() for line in job.log) + found.said
