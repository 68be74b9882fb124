"""The ERP's own workflows call ours under a real runner: push, deploy; a bad release; a rollback by hand."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from fleet import OLD, Fleet, fleet, wait_for
from slots.world import World
from support import ROOT

from deploy_gate.workbench import act, stage
from host.state import CONFIRM

UPLOAD = "actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02"


@pytest.fixture(scope="module")
def standing() -> Iterator[Fleet]:
    """Staging and production."""
    with fleet(2) as found:
        yield found


@pytest.fixture
def servers(standing: Fleet) -> Fleet:
    """The same, OLD live in blue on both."""
    standing.reset()
    return standing


def run(
    consumer: Any, servers: Fleet, scratch: Path, workflow: str = "deploy.yml", event: str = "push", **inputs: Any
) -> act.Run:
    """Run a workflow of the consumer."""
    payload = {"inputs": inputs} if inputs else {}
    return act.run(consumer.path, workflow, staged(consumer, servers, scratch, event, payload), timeout=600)


def staged(
    consumer: Any, servers: Fleet, scratch: Path, event: str = "push", payload: dict[str, Any] | None = None
) -> act.Stage:
    """What a run finds in the consumer's settings."""
    scratch.mkdir()
    variables: dict[str, str] = {}
    for name, door in zip(("STAGING", "PRODUCTION"), servers.doors, strict=True):
        variables |= {f"{name}_HOST": door.host, f"{name}_HOST_KEYS": door.pins}
    secrets = {"SSH_PRIVATE_KEY": servers.key}
    return act.Stage(
        scratch, consumer.staged.references, secrets, variables, event=event, payload=payload or {}, lock="dev"
    )


def erp(consumer: Any) -> None:
    """The example's workflows in the consumer; only where the servers keep their configuration is another place."""
    remote = consumer.scratch.parent / "remote.git"
    consumer.git("init", "-q", "--bare", str(remote))
    consumer.git("config", f"url.{remote}.insteadOf", "https://github.com/acme/shop.git")
    for name in ("deploy", "rollback"):
        text = (ROOT / f"examples/erp/.github/workflows/{name}.yml").read_text()
        assert "config: /srv/erp/scripts/deployment/slots.json\n" in text
        short = "config: slots.json\n" + ("      watch: 3s\n" if name == "deploy" else "")
        consumer.write(
            f".github/workflows/{name}.yml", text.replace("config: /srv/erp/scripts/deployment/slots.json\n", short)
        )


def text(found: act.Run) -> str:
    """Everything the run said."""
    return "\n".join(line for job in found.jobs.values() for line in job.log) + found.said


def outcome(found: act.Run) -> str:
    """What became of the deployment. act runs no job after a called workflow that failed, so it is read where it is made."""
    [told] = [json.loads(value) for key, value in found.jobs["deploy"].outputs.items() if key == "deploy.result"]
    return str(told["measured"])


@contextmanager
def ill_once_it_is_live(host: World, release: str) -> Iterator[None]:
    """A release that is well until it has the traffic."""
    over = threading.Event()

    def wait() -> None:
        while not over.wait(0.05):
            if host.machine.load().release() == release:
                host.fault(release, ready=500, live=500)
                return

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_develop_to_staging_main_to_production_and_back(consumer: Any, servers: Fleet, tmp_path: Path) -> None:
    production = servers.hosts[1]
    erp(consumer)
    consumer.git("checkout", "-q", "-b", "develop")
    consumer.commit("feat: the first")
    first = consumer.git("rev-parse", "HEAD^{tree}")
    found = run(consumer, servers, tmp_path / "develop")
    assert (found.code, outcome(found)) == (0, "deployed"), text(found)
    servers.live((first, "green"), (OLD, "blue"))

    consumer.git("checkout", "-q", "-b", "main")
    with ill_once_it_is_live(production, first):
        found = run(consumer, servers, tmp_path / "bad")
    assert (found.code, outcome(found)) == (1, "fell back"), text(found)
    servers.live((first, "green"), (OLD, "blue"))
    assert production.good("status")["left"][-1]["release"] == first
    assert list((tmp_path / "bad" / "artifacts").glob("diagnosis-production/*"))

    consumer.write("shop/price.py", '"""Prices, corrected."""\n')
    consumer.commit("fix: the second")
    good = consumer.git("rev-parse", "HEAD^{tree}")
    found = run(consumer, servers, tmp_path / "good")
    assert (found.code, outcome(found)) == (0, "deployed"), text(found)
    servers.live((first, "green"), (good, "green"))

    inputs = {"environment": "production", "reason": "orders fail"}
    found = run(consumer, servers, tmp_path / "back", "rollback.yml", "workflow_dispatch", **inputs)
    assert found.code == 0, text(found)
    assert found.jobs["rollback"].outputs["rollback.status"] == "passed"
    assert f"would go back: {servers.doors[1].host} serves {good[:12]} from green, before it {OLD[:12]}" in text(found)
    servers.live((first, "green"), (OLD, "blue"))
    assert production.good("status")["left"][-1]["reason"] == "orders fail"
    ledger = consumer.git("-C", str(consumer.scratch.parent / "remote.git"), "show", "deploy-ledger:ledger.jsonl")
    [entry] = map(json.loads, ledger.splitlines())
    assert (entry["kind"], entry["outcome"], entry["reason"]) == ("rollback", "rolled-back", "orders fail")
    assert (entry["from_release"], entry["release"]) == (good, OLD)


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_cut_off_leaves_the_release_before(
    consumer: Any, servers: Fleet, tmp_path: Path, number: signal.Signals
) -> None:
    erp(consumer)
    path = consumer.path / ".github/workflows/deploy.yml"
    path.write_text(path.read_text().replace("      watch: 3s\n", "      watch: 60s\n      confirm-within: 90s\n"))
    consumer.git("checkout", "-q", "-b", "develop")
    consumer.commit("feat: cut off")
    release = consumer.git("rev-parse", "HEAD^{tree}")
    runner = act.start(consumer.path, "deploy.yml", staged(consumer, servers, tmp_path / "run"))
    try:
        wait_for(servers.hosts[0], release, CONFIRM)
        runner.send_signal(number)
        assert runner.wait(timeout=120) != 0
    finally:
        runner.kill()
        runner.wait()
    # By the run itself where it could, else by the server when nobody confirmed.
    wait_for(servers.hosts[0], OLD)
    servers.hosts[0].live(OLD, "blue")
    assert servers.hosts[0].good("status")["left"][-1]["release"] == release


@pytest.mark.long
def test_what_an_earlier_job_made_is_brought(consumer: Any, servers: Fleet, tmp_path: Path) -> None:
    host = servers.hosts[0]
    host.configure(commands={"receive": ["sh", "-c", f"cat > {host.work}/arrived"]})
    erp(consumer)
    path = consumer.path / ".github/workflows/deploy.yml"
    data = yaml.safe_load(path.read_text())
    script = 'mkdir made; echo "layers" > made/images.tar; echo "{\\"revisions\\": []}" > made/manifest.json'
    upload = {"uses": UPLOAD, "with": {"name": "release", "path": "made"}}
    images = {"runs-on": "ubuntu-latest", "steps": [{"run": script}, upload]}
    call = data["jobs"]["deploy"]
    call["with"] |= {"artifact": "release", "manifest": "manifest.json", "archive": "images.tar", "confirm": False}
    data["jobs"] = {"images": images, "deploy": {**call, "needs": "images"}}
    data["on"] = data.pop(True)
    path.write_text(yaml.safe_dump(data))
    consumer.git("checkout", "-q", "-b", "develop")
    consumer.commit("feat: with images")
    found = run(consumer, servers, tmp_path / "run")
    assert (found.code, outcome(found)) == (0, "switched"), text(found)
    assert (host.work / "arrived").read_text() == "layers\n"
    servers.live((consumer.git("rev-parse", "HEAD^{tree}"), "green"))
    assert host.good("status")["watch"]["phase"] == CONFIRM


def test_what_the_stage_changed(staged: stage.Staged) -> None:
    assert {".github/workflows/deploy.yml", ".github/workflows/rollback.yml"} <= set(staged.changes)
    text = (staged.path / ".github/workflows/deploy.yml").read_text()
    assert "queue:" not in text
    assert "cancel-in-progress: false" in text
