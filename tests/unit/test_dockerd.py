"""The daemon that other tests build and look at images with."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from deploy_gate.result import CouldNotTell
from deploy_gate.workbench import dockerd, images, packages
from deploy_gate.workbench.dockerd import Docker

_COMPOSE = """
services:
  backend:
    image: shop:1
    deploy: {resources: {limits: {memory: 64M}}}
"""


def test_images_are_built_and_run_without_a_registry(docker: Docker, tmp_path: Path) -> None:
    base = images.python_base(docker)
    found = images.build(docker, "shop:1", f"FROM {base}\nENV NAME=shop\nCOPY a.txt /a.txt\n", {"a.txt": "first"})
    assert images.identity(docker, "shop:1") == found
    program = "import os, ssl, json; print(open('/a.txt').read(), os.environ['NAME'])"
    assert docker.ask("run", "--rm", "--network", "none", "shop:1", "python3", "-c", program) == "first shop"
    # By whatever is called docker in this test's own environment, too.
    (tmp_path / "compose.yaml").write_text(_COMPOSE)
    words = ["docker", "compose", "config", "--format", "json"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    limits = json.loads(done.stdout)["services"]["backend"]["deploy"]["resources"]["limits"]
    assert limits == {"memory": "67108864"}
    with pytest.raises(CouldNotTell) as caught:
        images.build(docker, "shop:2", "FROM scratch\nRUN false\n")
    assert caught.value.found.startswith("docker build failed: ")


def test_without_root_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(CouldNotTell, match="a docker daemon of its own needs root"), dockerd.dockerd():
        raise AssertionError


def test_a_server_that_does_not_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gets that far")
    real = packages.ensure
    monkeypatch.setattr(packages, "ensure", lambda name: Path("/bin/false") if name == "dockerd" else real(name))
    with pytest.raises(CouldNotTell) as caught, dockerd.dockerd():
        raise AssertionError
    assert caught.value.found.startswith("no docker daemon can be started here: overlay2: unshare did not come up")
    assert "; vfs: " in caught.value.found
