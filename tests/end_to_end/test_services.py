"""The input `services` on real docker: up, waited for, used by the consumer's tests, and torn down however it ends."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from fleet import wait_until

from deploy_gate.workbench import act
from deploy_gate.workbench.dockerd import Docker
from deploy_gate.workbench.images import python_base

pytestmark = pytest.mark.long
# It answers nobody before its health check was asked twice, so who does not wait for that finds it dumb.
SERVER = """
import http.server, os, time
while not os.path.exists("/tmp/asked-2"):
    time.sleep(0.1)
open("index.html", "w").write("in stock")
http.server.HTTPServer(("0.0.0.0", 8000), http.server.SimpleHTTPRequestHandler).serve_forever()
"""
HEALTH = """
import os, sys, urllib.request
mark = "/tmp/asked-1" if not os.path.exists("/tmp/asked-1") else "/tmp/asked-2"
open(mark, "w").close()
sys.exit("in stock" not in urllib.request.urlopen("http://127.0.0.1:8000/", timeout=5).read().decode())
"""
SICK = "raise SystemExit('ill for ever')\n"
DOCKERFILE = 'FROM {base}\nWORKDIR /app\nCOPY server.py health.py ./\nCMD ["python3", "server.py"]\n'
COMPOSE: dict[str, Any] = {
    "services": {
        "store": {
            "build": "store",
            "ports": ["127.0.0.1::8000"],
            "volumes": ["stock:/stock"],
            "stop_signal": "SIGKILL",
            "healthcheck": {"test": ["CMD", "python3", "health.py"], "interval": "1s", "timeout": "20s", "retries": 20},
        }
    },
    "volumes": {"stock": {}},
}
# Asked at once: the checks begin so much later that they would not notice.
SET_UP = """store=$(docker compose --file "compose test.yaml" port store 8000)
python3 -c "import urllib.request; urllib.request.urlopen('http://$store/', timeout=20)"
echo "STORE=$store" >> "$GITHUB_ENV"
"""
USES = '''"""The store is asked."""

import os
import urllib.request


def test_stock() -> None:
    """It is there."""
    with urllib.request.urlopen(f"http://{os.environ['STORE']}/", timeout=20) as answer:
        assert answer.read() == b"in stock"
'''
WAITS = '''"""For ever."""

import os
import time
from pathlib import Path


def test_waiting() -> None:
    """It is cancelled meanwhile."""
    Path(os.environ["BEGUN"]).touch()
    time.sleep(600)
'''


def made(
    shop: Any, docker: Docker, scratch: Path, *, tests: str = USES, health: str = HEALTH, setup: str = SET_UP
) -> act.Stage:
    """The consumer with its store, and a run of the checklist of a pull request."""
    shop.write("compose test.yaml", yaml.safe_dump(COMPOSE))
    shop.write("store/Dockerfile", DOCKERFILE.format(base=python_base(docker)))
    shop.write("store/server.py", SERVER)
    shop.write("store/health.py", health)
    shop.write("tests/test_price.py", tests)
    asked = {"python": sys.executable, "min-coverage": 0, "min-changed-coverage": 0, "env": ["STORE", "BEGUN"]}
    shop.checklist({"tests": {"check": "pytest-coverage", "with": asked}})
    call = {"uses": "tsh/deploy-gate/.github/workflows/pre-deploy.yml@v1", "permissions": {"contents": "read"}}
    call["with"] = {"services": "compose test.yaml", "setup": setup}
    shop.write(".github/workflows/pr.yml", yaml.safe_dump({"on": "pull_request", "jobs": {"checklist": call}}))
    base = shop.commit("chore: as it is")
    scratch.mkdir()
    payload = {"pull_request": {"base": {"ref": "main", "sha": base}, "head": {"ref": "topic", "sha": base}}}
    environment = {**docker.environment, "BEGUN": str(scratch / "begun")}
    references = shop.staged.references
    return act.Stage(scratch, references, environment=environment, event="pull_request", payload=payload, lock="dev")


def left(docker: Docker) -> dict[str, str]:
    """What there is of compose projects."""
    label = ("--filter", "label=com.docker.compose.project", "--quiet")
    kinds = {"containers": ("ps", "--all"), "networks": ("network", "ls"), "volumes": ("volume", "ls")}
    return {name: found for name, words in kinds.items() if (found := docker.ask(*words, *label))}


def text(found: act.Run) -> str:
    """Everything the run said."""
    return "\n".join(line for job in found.jobs.values() for line in job.log) + found.said


def test_up_waited_for_used_and_torn_down(consumer: Any, docker: Docker, tmp_path: Path) -> None:
    found = act.run(consumer.path, "pr.yml", made(consumer, docker, tmp_path / "run"), timeout=600)
    assert found.code == 0, text(found)
    assert "1 test passed" in text(found)
    assert left(docker) == {}


@pytest.mark.parametrize(
    ("more", "said", "unsaid"),
    [
        ({"tests": USES.replace("in stock", "sold out")}, "1 of 1 tests failed", "never"),
        ({"setup": f"{SET_UP}false | cat\necho never"}, "Healthy", "1 test"),
        ({"health": SICK}, "is unhealthy", "1 test"),
    ],
    ids=["the tests fail", "the set-up fails", "it does not get well"],
)
def test_torn_down_when(
    consumer: Any, docker: Docker, tmp_path: Path, more: dict[str, str], said: str, unsaid: str
) -> None:
    found = act.run(consumer.path, "pr.yml", made(consumer, docker, tmp_path / "run", **more), timeout=600)
    assert found.code == 1, text(found)
    assert found.jobs["code"].result == "failure", text(found)
    log = "\n".join(found.jobs["code"].log)
    assert (said in log, unsaid in log) == (True, False), log
    assert left(docker) == {}


def test_torn_down_when_it_is_cancelled(consumer: Any, docker: Docker, tmp_path: Path) -> None:
    where = made(consumer, docker, tmp_path / "run", tests=WAITS)
    runner = act.start(consumer.path, "pr.yml", where)
    try:
        wait_until((where.scratch / "begun").exists)
        assert set(left(docker)) == {"containers", "networks", "volumes"}
        runner.send_signal(signal.SIGINT)
        assert runner.wait(timeout=120) != 0
    finally:
        runner.kill()
        runner.wait()
    assert left(docker) == {}
