"""Releases that are images: brought, started, switched to and left again on real docker, by the commands of docs/host.md."""

from __future__ import annotations

import json
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from slots.containers import BROKEN, NEW, OLD, Containers, commands, containers, files, page
from support import ROOT, Repository

from deploy_gate.workbench import compose
from deploy_gate.workbench.dockerd import dockerd
from deploy_gate.workbench.images import python_base
from deploy_gate.workbench.registry import registry

UNKNOWN = "f" * 40
NO_TABLE = "no such table: orders"


@pytest.fixture(scope="module")
def shared() -> Iterator[Containers]:
    """One host for these tests; skipped, with the reason, where there can be no docker daemon."""
    with containers(page(), compose.provide) as found:
        yield found


@pytest.fixture
def docker(shared: Containers) -> Containers:
    """The same, with OLD live in blue and no other release on the host."""
    shared.reset()
    return shared


# --- load


def test_a_release_comes_by_the_layers_it_lacks_and_is_left_again(docker: Containers) -> None:
    image = docker.build(NEW)
    told = docker.deploy(NEW, image)
    assert told.code == 0, (told.data, told.log)
    sent = re.search(r"layers there already: 2; ([0-9.]+) of ([0-9.]+) MB are sent", told.log)
    assert sent, told.log
    assert float(sent[1]) < 0.1
    assert float(sent[2]) > 20
    docker.world.live(NEW, "green")
    assert (docker.image("blue"), docker.image("green")) == (docker.images[OLD], image)
    assert f"alembic upgrade head of {NEW}" in docker.log("green-migrate")
    seen = docker.world.good("logs", "green", "--since", "start", "--match", f"starting {NEW}")
    assert list(seen["counts"].values()) == [1], seen
    told = docker.fleet.do("rollback", from_release=NEW)
    assert told.code == 0, told
    docker.world.live(OLD, "blue")
    # Warm: the way forward again is a switch.
    assert docker.image("green") == image


@pytest.mark.long
def test_a_release_that_does_not_come_up_says_why_and_the_warm_one_is_back(docker: Containers) -> None:
    assert docker.deploy(NEW, docker.build(NEW)).code == 0
    docker.world.configure(**{**docker.world.changes, "limits": {**docker.world.changes["limits"], "start": 30}})
    told = docker.deploy(BROKEN, docker.build(BROKEN, broken=NO_TABLE))
    assert told.code == 1, told
    assert told.found.startswith(f"prepare on {docker.fleet.doors[0].host}: {BROKEN[:12]} did not come up in blue"), (
        told
    )
    assert f"RuntimeError: {NO_TABLE}" in told.log + json.dumps(told.data), told
    docker.world.live(NEW, "green")
    assert (docker.image("blue"), docker.image("green")) == (docker.images[OLD], docker.images[NEW])


def test_another_build_than_the_manifest_says_is_refused(docker: Containers) -> None:
    docker.build(NEW)
    told = docker.deploy(NEW, "sha256:" + "1" * 64)
    assert (told.code, told.data["status"]) == (1, "failed"), told
    assert f"backend is not here as sha256:{'1' * 64}" in told.found
    assert docker.world.run("prepare", NEW).what == f"{NEW[:12]} was not received on this host"
    docker.world.live(OLD, "blue")


@pytest.mark.long
def test_a_store_that_takes_no_gaps_gets_all_of_it(docker: Containers) -> None:
    image = docker.build(NEW)
    # As another kind of store would say it: an archive of a few kilobytes is refused.
    docker.receive_by(
        "sh", "-c", 'cat >"$0" && [ $(stat -c %s "$0") -gt 1000000 ] && docker load <"$0"', docker.scratch
    )
    told = docker.deploy(NEW, image)
    assert told.code == 0, (told.data, told.log)
    assert "it did not take them, so all is sent" in told.log
    docker.world.live(NEW, "green")
    assert docker.image("green") == image


@pytest.mark.long
def test_a_host_without_an_image_gets_all_of_it(docker: Containers) -> None:
    """And what it is told about layers is nothing."""
    image = docker.build(NEW)
    changes = {**docker.world.changes["commands"], "docker": ["false"]}
    docker.world.configure(**{**docker.world.changes, "commands": {**changes, "digests": ["echo", "backend", image]}})
    told = docker.world.good("layers")
    assert told["layers"] == []
    assert told["text"].startswith("archives have to come whole: ended with 1 after ")
    done = docker.deploy(NEW, image)
    assert done.code == 0, (done.data, done.log)
    assert "layers there already" not in done.log


# --- pull and build


@pytest.mark.long
def test_a_release_is_pulled_by_its_digest(docker: Containers, tmp_path: Path) -> None:
    docker.build(NEW)
    with registry(tmp_path / "registry") as address:
        docker.builder.ask("tag", f"erp:{NEW}", f"{address}/erp:{NEW}")
        said = docker.builder.ask("push", f"{address}/erp:{NEW}")
        pulled = f"{address}/erp@{re.findall('sha256:[0-9a-f]{64}', said)[-1]}"
        compose = commands(docker.world.work, page())["start"][:4]
        docker.receive_by(*compose, "-p", "erp-pull", "pull", "--quiet")
        manifest = docker.manifest(NEW, pulled)
        told = docker.fleet.deploy(NEW, manifest=str(manifest))
        assert told.code == 0, (told.data, told.log)
        docker.world.live(NEW, "green")
        assert docker.image("green") == docker.images[NEW]
        # One that the registry has not: nothing is received.
        wrong = docker.manifest(UNKNOWN, f"{address}/erp@sha256:{'2' * 64}")
        answer = docker.world.run("receive", str(wrong))
        assert answer.code == 1
        assert answer.what.startswith("the release could not be brought here: ended with ")
        assert "manifest unknown" in answer.what or "not found" in answer.what, answer.what


@pytest.mark.long
def test_a_release_is_built_from_its_tree(docker: Containers, tmp_path: Path) -> None:
    (tmp_path / "erp").mkdir()
    repository = Repository(tmp_path / "erp")
    for name, text in files("of the tree").items():
        repository.write(name, text).chmod(0o755)
    repository.commit()
    tree = repository.git("rev-parse", "HEAD^{tree}")
    python_base(docker.server)
    build = 'git -C "$0" archive "$RELEASE" | DOCKER_BUILDKIT=0 docker build -q --build-arg RELEASE -t "erp:$RELEASE" -'
    docker.receive_by("sh", "-c", build, str(repository.path))
    told = docker.fleet.deploy(tree)
    assert told.code == 0, (told.data, told.log)
    docker.world.live(tree, "green")
    answer = docker.world.run("receive", str(docker.manifest(UNKNOWN, "")))
    assert answer.code == 1
    assert "could not be brought here" in answer.what


# --- forget


@pytest.mark.long
def test_images_of_old_releases_go_never_those_of_live_and_warm(docker: Containers) -> None:
    known = {NEW: docker.build(NEW)}
    assert docker.deploy(NEW, known[NEW]).code == 0
    many = [digit * 40 for digit in "0123"]
    for release in many[:3]:
        known[release] = docker.build(release)
        docker.receive(release, known[release])
    # The newest is the same build as one that goes: its image must stay.
    docker.receive(many[3], known[many[0]])
    docker.world.configure(**{**docker.world.changes, "retention": {"releases": 2}})
    told = docker.world.good("forget")
    assert sorted(told["forgotten"]) == sorted(many[:2])
    assert docker.has(docker.images[OLD])
    assert [docker.has(known[one]) for one in (NEW, *many[:3])] == [True, True, False, True]
    docker.world.live(NEW, "green")


# --- what stays when whoever started it is killed


@pytest.mark.long
def test_nothing_of_a_daemon_stays_when_its_owner_is_killed(docker: Containers) -> None:
    program = (
        "import os, sys; sys.path[:0] = ['scripts']\n"
        "from deploy_gate.workbench import images\nfrom deploy_gate.workbench.dockerd import dockerd\n"
        "with dockerd() as it:\n"
        "    it.ask('run', '-d', images.python_base(it), 'python3', '-c', 'import time; time.sleep(4242)')\n"
        "    print(os.getpid(), it.folder, flush=True)\n    os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == -9, done.stderr
    number, _, name = done.stdout.strip().partition(" ")
    place = Path(name)
    assert place.name.startswith("deploy-gate-used-")
    until = time.monotonic() + 30
    while (alive := named("4242")) and time.monotonic() < until:
        select.select([], [], [], 0.1)
    assert alive == []
    assert str(place) not in Path("/proc/self/mounts").read_text()
    # What lives outside its namespaces goes when the next one comes.
    with dockerd():
        assert not place.exists()
        assert not list(Path("/sys/class/net").glob(f"dg{int(number):x}-*"))
        assert not list(Path("/sys/fs/cgroup").glob(f"*/dg{int(number):x}-*"))


def named(word: str) -> list[str]:
    """Processes with that word in their arguments."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            text = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            found += [text] if f"time.sleep({word})" in text and "import os, sys" not in text else []
    return found
