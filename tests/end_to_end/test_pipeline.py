"""A consumer's workflows, as `init` writes them, run the whole way: checked, switched to, looked at, confirmed or not."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from bot_api import GROUP, TOKEN, telegram
from fleet import OLD, Fleet, fleet
from listeners import listening
from slots.world import World
from support import ROOT

from deploy_gate.commands import init_command
from deploy_gate.facts.repository_facts import Facts
from deploy_gate.workbench import act
from host import sampler
from host.state import GUARD, HOLD

LINT = {
    "check": "ruff-lint",
    "phases": ["pull-request", "pre-deploy"],
    "with": {"path": "shop", "python": sys.executable},
}
LOG = {"check": "changelog", "phases": ["pull-request", "pre-deploy"]}
# What tests need is no secret, though it looks like one, also where the environment is protected.
# Put together here, so that no scanner takes this very file for a leak.
DATABASE = 'echo "DATABASE_URL=postgresql://ada:' + 'only-for-tests@localhost/shop" >> "$GITHUB_ENV"'
HIDDEN = "a value for nobody else"
# What the repository brings itself is nobody's report.
FORGED = (
    '{"schema": 1, "started": "2026-11-25T02:30:00Z", "phase": "idle-slot", "server": "forged", "verdict": "go",'
    ' "decided_by": null, "items": []}'
)
UPLOAD = "actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02"


@pytest.fixture(scope="module")
def server() -> Iterator[Fleet]:
    """One server, OLD live in blue."""
    with fleet(1) as found:
        yield found


@pytest.fixture
def shop(consumer: Any, server: Fleet) -> Any:
    """A consumer with what `init` writes and a checklist of three lines; the server as it was."""
    server.reset()
    # The ledger's branch is pushed to a repository beside it; the name stays, since the runner reads it.
    consumer.git("init", "-q", "--bare", str(consumer.scratch.parent / "remote.git"))
    consumer.git("config", f"url.{consumer.scratch.parent}/remote.git.insteadOf", "https://github.com/acme/shop.git")
    url = f"http://127.0.0.1:{server.hosts[0].front}/orders"
    orders = {"check": "http-endpoint", "phases": ["verify"], "with": {"url": url}}
    lines = {"lint": LINT, "log": LOG, "orders": orders}
    consumer.checklist(lines, environments={"production": {"branch": "main", "protected": True}})
    setup = ['test -z "${SSH_PRIVATE_KEY-}${DEPLOY_GATE_SECRETS-}"', 'echo "the project is installed"', DATABASE]
    for path, name in init_command.WORKFLOWS.items():
        text = init_command.workflow(Facts("main", setup), name)
        short = "slots.json\n      watch: 1s\n      verify-for: 0s" if name == "deploy" else "slots.json"
        consumer.write(str(path), text.replace('"/srv/app/scripts/deployment/slots.json"', short))
    return consumer


def run(shop: Any, server: Fleet, scratch: Path, workflow: str = "deploy.yml", **more: Any) -> act.Run:
    """Run a workflow of the consumer's; no value of a secret is in what it says."""
    scratch.mkdir()
    secrets = {"SSH_PRIVATE_KEY": server.key, "DEPLOY_GATE_SECRETS": f"ODD='{HIDDEN}'", "TELEGRAM_BOT_TOKEN": TOKEN}
    login = server.inputs(len(server.doors))
    variables = {"PRODUCTION_HOST": login["host"], "PRODUCTION_HOST_KEYS": login["host-keys"]}
    where = act.Stage(scratch, shop.staged.references, secrets, variables, lock="dev", **more)
    found = act.run(shop.path, workflow, where, timeout=600)
    assert HIDDEN not in text(found)
    return found


def written(shop: Any) -> list[dict[str, Any]]:
    """The lines of the ledger at the remote."""
    remote = str(shop.scratch.parent / "remote.git")
    return [json.loads(line) for line in shop.git("-C", remote, "show", "deploy-ledger:ledger.jsonl").splitlines()]


def evidence(shop: Any, number: int) -> Any:
    """What stands beside a line of the ledger."""
    remote = str(shop.scratch.parent / "remote.git")
    return json.loads(shop.git("-C", remote, "show", f"deploy-ledger:entries/{number}.json"))


def text(found: act.Run) -> str:
    """Everything the run said."""
    return "\n".join(line for job in found.jobs.values() for line in job.log) + found.said


def critical(host: World) -> dict[str, Any]:
    """A trigger that fires when orders fail at the front door."""
    url = f"http://127.0.0.1:{host.front}/orders"
    return {"title": "Orders", "rule": "r", "band": "immediate", "check": "http-endpoint", "with": {"url": url}}


def results(found: act.Run) -> dict[str, str]:
    """How its jobs ended; one that did not run is not there."""
    return {name: job.result for name, job in found.jobs.items() if job.result}


def test_red_after_the_switch_is_taken_back_told_and_written_down(shop: Any, server: Fleet, tmp_path: Path) -> None:
    host = server.hosts[0]
    shop.commit("feat: the first")
    # Its health is good, so only the checklist sees it.
    with telegram() as bot:
        path = shop.path / ".github/workflows/deploy.yml"
        told = f"watch: 1s\n      chat: '{GROUP}'\n      bot-api: {bot.url}"
        path.write_text(path.read_text().replace("watch: 1s", told))
        shop.commit("chore: tell them")
        bad = shop.git("rev-parse", "HEAD^{tree}")
        host.fault(bad, status=500)
        found = run(shop, server, tmp_path / "bad")
        headline, *findings = bot.texts()
    assert found.code == 1, text(found)
    assert results(found) == {
        **dict.fromkeys(("code", "rest", "deploy", "rollback", "close"), "success"),
        **dict.fromkeys(("verify", "gate"), "failure"),
    }, text(found)
    assert [word for word in ("started", "running", "rolled back") if word not in headline.lower()] == [], headline
    assert len(findings) == 1
    assert "answered 500, expected 200" in findings[0]
    [line] = written(shop)
    assert (line["release"], line["environment"], line["outcome"]) == (bad, "production", "fell-back")
    assert line["decided_by"] == "orders"
    assert json.loads(found.jobs["deploy"].outputs["deploy.result"])["measured"] == "switched"
    assert found.jobs["verify"].outputs["watch.verdict"] == "no-go"
    assert "the project is installed" in found.jobs["code"].log
    host.live(OLD, "blue")
    left = host.good("status")["left"][-1]
    assert (left["release"], left["reason"]) == (bad, "pipeline: deploy switched, verdict no-go")


@pytest.mark.long
def test_what_the_watch_sees_is_taken_back_by_itself(shop: Any, server: Fleet, tmp_path: Path) -> None:
    host = server.hosts[0]
    triggers = {"t-critical": {**critical(host), "watch": {"every": "1s", "failure-limit": 2}}}
    proof = {"check": "watch-result", "phases": ["verify"], "with": {"min-looks": 1}}
    where: dict[str, Any] = {"host": server.doors[0].host, "config": str(host.config)}
    asked = {"proves": "interventions", "environment": "production", **where}
    hands: dict[str, Any] = {"check": "ledger", "phases": ["close"], "severity": "warn", "with": asked}
    lines = {"lint": LINT, "watched": proof, "interventions": hands}
    shop.checklist(lines, environments={"production": {}}, triggers=triggers)
    path = shop.path / ".github/workflows/deploy.yml"
    path.write_text(path.read_text().replace("verify-for: 0s", "verify-for: 3s"))
    # Also where nobody wrote another over it.
    shop.write("deploy-gate-report/report.json", FORGED)
    shop.commit("feat: the first")
    good = shop.git("rev-parse", "HEAD^{tree}")
    found = run(shop, server, tmp_path / "good")
    assert found.code == 0, text(found)
    assert json.loads(found.jobs["verify"].outputs["watching.result"])["measured"] == "go"
    host.live(good, "green")

    host.good("lease", "acquire", "--by", "grace", "--manual", "--reason", "disk change")
    host.good("lease", "break", "--by", "grace", "--reason", "over")
    shop.write("more.txt", "more\n")
    shop.commit("feat: the second")
    bad = shop.git("rev-parse", "HEAD^{tree}")
    host.fault(bad, status=500)
    found = run(shop, server, tmp_path / "bad")
    assert found.code == 1, text(found)
    assert results(found) == {
        **dict.fromkeys(("code", "rest", "deploy", "rollback", "close"), "success"),
        **dict.fromkeys(("verify", "gate"), "failure"),
    }, text(found)
    told = found.jobs["verify"].outputs
    assert (told["watch.verdict"], "look.verdict" in told) == ("no-go", False)
    host.live(good, "green")
    left = host.good("status")["left"][-1]
    assert (left["release"], left["reason"].partition(": GET")[0]) == (bad, "watch: t-critical")
    first, line = written(shop)
    assert [(one["outcome"], one["decided_by"]) for one in (first, line)] == [
        ("deployed", None),
        ("fell-back", "t-critical"),
    ]
    document = evidence(shop, 2)
    assert {one["phase"] for one in document["reports"]} == {"pre-deploy", "close"}
    [hands] = [one for report in document["reports"] for one in report["items"] if one["id"] == "interventions"]
    assert [one for one in hands["evidence"] if "lease-break by grace: over" in one["message"]], hands
    assert (document["watch"]["verdict"], document["watch"]["decided_by"]) == ("no-go", "t-critical")
    assert line["times"]["restore"] == document["watch"]["times"]["restore"]


@pytest.mark.long
def test_good_is_confirmed(shop: Any, server: Fleet, tmp_path: Path) -> None:
    host = server.hosts[0]
    shop.commit("feat: the first")
    good = shop.git("rev-parse", "HEAD^{tree}")
    found = run(shop, server, tmp_path / "good")
    assert found.code == 0, text(found)
    assert results(found) == dict.fromkeys(("code", "rest", "deploy", "verify", "close", "gate"), "success"), text(
        found
    )
    host.live(good, "green")
    assert host.good("status")["watch"]["phase"] == GUARD


@pytest.mark.long
def test_what_nobody_can_tell_is_held_and_a_person_answers(shop: Any, server: Fleet, tmp_path: Path) -> None:
    host = server.hosts[0]
    item = {"check": "todo-comments", "phases": ["verify"], "with": {"paths": ["no-such-folder"]}}
    shop.checklist({"lint": LINT, "log": LOG, "odd": item}, environments={"production": {}})
    shop.commit("feat: the first")
    release = shop.git("rev-parse", "HEAD^{tree}")
    found = run(shop, server, tmp_path / "held")
    assert found.code == 1, text(found)
    assert results(found) == {
        **dict.fromkeys(("code", "rest", "deploy", "close"), "success"),
        **dict.fromkeys(("verify", "gate"), "failure"),
    }, text(found)
    host.live(release, "green")
    assert host.good("status")["watch"]["phase"] == HOLD
    [entry] = written(shop)
    # Nobody knows yet how it ends.
    assert (entry["release"], entry["outcome"], entry["decided_by"]) == (release, "unknown", "odd")

    payload = {"inputs": {"environment": "production", "reason": "I looked", "answer": "confirm"}}
    more: dict[str, Any] = {"event": "workflow_dispatch", "environment": {"GITHUB_TRIGGERING_ACTOR": "grace"}}
    found = run(shop, server, tmp_path / "yes", "rollback.yml", payload=payload, **more)
    assert found.code == 0, text(found)
    assert results(found) == {"rollback": "success", "close": "success"}, text(found)
    host.live(release, "green")
    assert host.good("status")["watch"]["phase"] == GUARD
    confirm = written(shop)[1]
    assert (confirm["kind"], confirm["release"], confirm["outcome"]) == ("confirm", release, "deployed")
    assert (confirm["reason"], confirm["actor"]) == ("I looked", "grace")


@pytest.mark.long
def test_the_first_hour_is_looked_back_at(shop: Any, server: Fleet, tmp_path: Path) -> None:
    host = server.hosts[0]
    shop.checklist({"lint": LINT}, environments={"production": {}}, triggers={"t-critical": critical(host)})
    shop.commit("feat: the first")
    release = shop.git("rev-parse", "HEAD^{tree}")
    host.receive(release)
    host.good("prepare", release)
    host.good("switch", release, "--confirm-within", "60")
    host.good("confirm", release)
    for ago in range(600, 0, -5):
        sampler.keep(host.home, {"at": time.time() - ago, "release": release[:12], "front": {"status": 200}, "p95": 80})
    found = run(shop, server, tmp_path / "well", "monitor.yml", event="schedule")
    assert (found.code, results(found)) == (0, {"look-back": "success"}), text(found)
    server.live((release, "green"))

    host.fault(release, status=500)
    found = run(shop, server, tmp_path / "ill", "monitor.yml", event="schedule")
    assert (found.code, results(found)) == (1, {"look-back": "failure", "close": "success"}), text(found)
    server.live((OLD, "blue"))
    [entry] = written(shop)
    assert (entry["kind"], entry["outcome"]) == ("rollback", "rolled-back")
    assert (entry["from_release"], entry["release"]) == (release, OLD)
    assert entry["reason"].startswith("t-critical: roll back: ")


@pytest.mark.long
def test_red_on_the_idle_slot_is_never_switched_to(shop: Any, server: Fleet, tmp_path: Path) -> None:
    line = {"check": "http-endpoint", "phases": ["idle-slot", "verify"], "with": {"url": "${url}/orders"}}
    url = f"http://127.0.0.1:{server.hosts[0].front}"
    shop.checklist({"lint": LINT, "log": LOG, "orders": line}, environments={"production": {"url": url}})
    shop.commit("feat: the first")
    bad = shop.git("rev-parse", "HEAD^{tree}")
    server.hosts[0].fault(bad, status=500)
    found = run(shop, server, tmp_path / "bad")
    assert found.code == 1, text(found)
    assert results(found) == {
        **dict.fromkeys(("code", "rest", "rollback", "close"), "success"),
        **dict.fromkeys(("deploy", "gate"), "failure"),
    }, text(found)
    server.live((OLD, "blue"))
    assert server.hosts[0].good("status")["left"] == []
    [entry] = written(shop)
    assert (entry["release"], entry["outcome"], entry["decided_by"]) == (bad, "not-switched", "orders")


@pytest.mark.long
def test_each_servers_idle_slot_is_told_kept_and_written_down(shop: Any, tmp_path: Path) -> None:
    line = {"check": "http-endpoint", "phases": ["idle-slot"], "with": {"url": "${url}/orders"}}
    shop.checklist({"lint": LINT, "log": LOG, "orders": line}, environments={"production": {}})
    for folder in ("deploy-gate-report", "deploy-gate-evidence/report-idle-production"):
        shop.write(f"{folder}/forged/report.json", FORGED)
    shop.commit("feat: the first")
    bad = shop.git("rev-parse", "HEAD^{tree}")
    with fleet(2) as two:
        two.hosts[1].fault(bad, status=500)
        found = run(shop, two, tmp_path / "bad")
        two.live((OLD, "blue"), (OLD, "blue"))
    assert results(found)["deploy"] == "failure", text(found)
    well, ill = (one.host for one in two.doors)
    heads = [one for one in found.jobs["deploy"].summary.splitlines() if one.startswith("## ")]
    # act tells what a composite action wrote once for its step, and once for the step that uses it.
    assert [one.replace("&#64;", "@").rpartition(" · ")[2] for one in heads] == [well, ill] * 2
    kept = found.artifact("report-idle-production")
    assert sorted(one.name for one in kept.iterdir()) == sorted(one.replace(":", "+") for one in (well, ill))
    [entry] = written(shop)
    assert (entry["release"], entry["outcome"], entry["decided_by"]) == (bad, "not-switched", "orders")
    assert entry["why"].startswith(f"{ill}: ")
    reports = [one for one in evidence(shop, 1)["reports"] if one["phase"] == "idle-slot"]
    assert [one["server"] for one in reports] == [well, ill]
    told = [(item["id"], item["status"]) for one in reports for item in one["items"]]
    assert told == [("orders", "passed"), ("orders", "failed")]


@pytest.mark.long
def test_red_before_the_switch_touches_nothing(shop: Any, server: Fleet, tmp_path: Path) -> None:
    shop.write("shop/broken.py", '"""Broken."""\n\nimport os\n')
    shop.commit("feat: unused")
    found = run(shop, server, tmp_path / "red")
    assert found.code == 1
    assert results(found) == {"code": "failure", "rest": "success", "close": "success", "gate": "failure"}, text(found)
    server.live((OLD, "blue"))
    assert server.hosts[0].good("status")["left"] == []
    [entry] = written(shop)
    assert (entry["outcome"], entry["decided_by"]) == ("not-switched", "lint")


@pytest.mark.long
@pytest.mark.parametrize("swapped", [False, True])
def test_the_images_are_those_that_were_signed(shop: Any, server: Fleet, tmp_path: Path, swapped: bool) -> None:
    """A job of the run puts another archive in the artifact's place while `rest` looks, after it has read it."""
    host = server.hosts[0]
    came = host.work / f"arrived-{swapped}"
    host.configure(commands={"receive": ["sh", "-c", f"cat > {came}"]})
    kept = tmp_path / "run" / "artifacts" / "release" / "images.tar"

    def answer(connection: socket.socket, _: threading.Event) -> None:
        connection.recv(4096)
        if swapped:
            kept.write_text("others\n")
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")

    with listening(answer) as port:
        at = {"url": f"http://127.0.0.1:{port}/"}
        line = {"check": "http-endpoint", "phases": ["pre-deploy", "verify"], "with": at}
        shop.checklist({"lint": LINT, "orders": line}, environments={"production": {}})
        path = shop.path / ".github/workflows/deploy.yml"
        data = yaml.safe_load(path.read_text())
        script = 'mkdir made; echo "layers" > made/images.tar; echo "{\\"revisions\\": []}" > made/manifest.json'
        upload = {"uses": UPLOAD, "with": {"name": "release", "path": "made"}}
        [(name, call)] = data["jobs"].items()
        call["with"] |= {"artifact": "release", "manifest": "manifest.json", "archive": "images.tar"}
        images = {"runs-on": "ubuntu-latest", "steps": [{"run": script}, upload]}
        data["jobs"] = {"images": images, name: {**call, "needs": "images"}}
        data["on"] = data.pop(True)
        path.write_text(yaml.safe_dump(data))
        shop.commit("feat: with images")
        found = run(shop, server, tmp_path / "run")
    if swapped:
        assert results(found)["deploy"] == "failure", text(found)
        [told] = [one["message"] for one in found.jobs["deploy"].annotations]
        assert told.startswith("The artifact is not the one that the job rest read, so nothing is deployed")
        assert not came.exists()
        server.live((OLD, "blue"))
    else:
        assert found.code == 0, text(found)
        assert came.read_text() == "layers\n"
        server.live((shop.git("rev-parse", "HEAD^{tree}"), "green"))


@pytest.mark.long
def test_the_live_release_stays_when_a_second_run_of_it_is_refused(shop: Any, server: Fleet, tmp_path: Path) -> None:
    host = server.hosts[0]
    shop.commit("feat: the first")
    release = shop.git("rev-parse", "HEAD^{tree}")
    host.receive(release)
    host.good("prepare", release)
    host.good("switch", release, "--confirm-within", "60")
    host.good("confirm", release)
    host.good("lease", "acquire", "--by", "grace", "--manual", "--reason", "disk change")
    found = run(shop, server, tmp_path / "again")
    host.good("lease", "break", "--reason", "over")
    assert found.code == 1
    assert results(found)["deploy"] == "failure", text(found)
    assert "there is nothing to take back" in text(found)
    server.live((release, "green"))


def test_a_pull_request_needs_one_check_and_sees_no_secret(shop: Any, server: Fleet, tmp_path: Path) -> None:
    shop.commit("feat: the first")
    base, head = shop.git("rev-parse", "HEAD"), shop.git("rev-parse", "HEAD")
    payload = {"pull_request": {"base": {"ref": "main", "sha": base}, "head": {"ref": "topic", "sha": head}}}
    found = run(shop, server, tmp_path / "good", "deploy-gate.yml", event="pull_request", payload=payload)
    assert found.code == 0, text(found)
    assert results(found) == dict.fromkeys(("code", "rest", "gate"), "success"), text(found)
    assert found.jobs["gate"].outputs["verdict.verdict"] == "go"
    assert "pull-request" in found.jobs["code"].summary.splitlines()[0]


@pytest.mark.parametrize(
    ("deploy", "verify", "rolls_back"),
    [
        ("skipped", "skipped", False),
        ("success", "echo verdict=go >> $GITHUB_OUTPUT", False),
        ("success", "echo verdict=could-not-tell >> $GITHUB_OUTPUT; false", False),
        ("success", "echo verdict=no-go >> $GITHUB_OUTPUT; false", True),
        ("success", "false", True),
        ("success", "true", True),
        ("failure", "skipped", True),
    ],
)
def test_when_it_is_rolled_back(consumer: Any, tmp_path: Path, deploy: str, verify: str, rolls_back: bool) -> None:
    """The condition of the pipeline itself, on jobs that end as they are told."""
    condition = yaml.safe_load((ROOT / ".github/workflows/pipeline.yml").read_text())["jobs"]["rollback"]["if"]
    plain = {"runs-on": "ubuntu-latest", "steps": [{"run": "true"}]}
    steps = [{"id": "watch", "run": verify}]
    jobs = {
        "rest": {**plain, "steps": [{"run": "false" if deploy == "skipped" else "true"}]},
        "deploy": {**plain, "needs": "rest", "steps": [{"run": "false" if deploy == "failure" else "true"}]},
        "verify": {
            **plain,
            "needs": ["rest", "deploy"],
            "steps": steps,
            "outputs": {"verdict": "${{ steps.watch.outputs.verdict }}"},
        },
        "rollback": {**plain, "needs": ["rest", "deploy", "verify"], "if": condition},
    }
    consumer.write(".github/workflows/when.yml", yaml.safe_dump({"on": "push", "jobs": jobs}))
    consumer.commit("chore: when")
    (tmp_path / "run").mkdir()
    found = act.run(consumer.path, "when.yml", act.Stage(tmp_path / "run", {}, lock="dev"), timeout=120)
    assert ("rollback" in results(found)) == rolls_back, text(found)
