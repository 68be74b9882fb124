"""image-size: real images against their limits, and what made them grow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import composed
import pytest
from support import Repository

from deploy_gate.catalog import Catalog
from deploy_gate.problems import Misconfigured
from deploy_gate.result import Result, Status
from deploy_gate.workbench import images
from deploy_gate.workbench.dockerd import Docker

MB = 1_000_000


def look(**given: object) -> Result:
    return composed.run("image-size", **given)


def test_a_real_image_against_its_limit(repository: Repository, docker: Docker) -> None:
    repository.write("compose.yaml", "name: weighed\n" + composed.COMPOSE + "  cache:\n    image: weighed-other:1\n")
    (repository.path / "heavy.bin").write_bytes(b"1" * 3 * MB)
    repository.write("app.txt", "small")
    repository.write("Dockerfile", "FROM scratch\nCOPY app.txt /\n")
    found = look(max_size="1MB")
    assert (found.status, found.found) == (Status.PASSED, "backend has 5 B, the limit is below 1 MB")
    docker.ask("tag", "weighed-backend", "weighed-live:1")
    repository.write("Dockerfile", "FROM scratch\nCOPY app.txt /\nCOPY heavy.bin /\n")
    assert look(max_size="4MB").status is Status.PASSED
    found = look(limits="backend=2MB", live="backend=weighed-live:1")
    assert found.status is Status.FAILED
    assert found.found.startswith("backend has 3 MB, the limit is below 2 MB; most by COPY ")
    assert found.found.endswith(" (+3 MB since the live image)")
    assert found.measured == 3 * MB + 5
    assert found.evidence[-1]["rule"] == "grown"
    found = look(build="false", live="backend=weighed-gone:1")
    assert found.evidence[-1]["message"] == "backend: the live image weighed-gone:1 is not here, so nothing is compared"
    found = look(build="false", limits="cache=1MB")
    assert (found.status, found.found) == (Status.ERROR, "the image of cache, weighed-other:1, is not on this machine")
    assert images.identity(docker, "weighed-backend")


# --- judging ---


def judge(sizes: dict[str, Any], limit: int = 500 * MB, **single: int) -> Result:
    module = Catalog().get("image-size").module
    found = [module.Image(name, layers) for name, layers in sizes.items()]
    result: Result = module.judge(found, module.Limits(limit, single))
    return result


@pytest.mark.parametrize(
    ("size", "status", "found"),
    [
        (501 * MB, Status.FAILED, "a has 501 MB, the limit is below 500 MB"),
        (500 * MB, Status.FAILED, "a has 500 MB, the limit is below 500 MB"),
        (500 * MB - 1, Status.PASSED, "a has 499999999 B, the limit is below 500000000 B"),
        (12, Status.PASSED, "a has 12 B, the limit is below 500 MB"),
    ],
)
def test_the_limit_is_exact(size: int, status: Status, found: str) -> None:
    result = judge({"a": [(size, "COPY x")]})
    assert (result.status, result.found, result.target, result.measured) == (status, found, 500 * MB, size)


def test_the_one_nearest_to_its_limit_is_named() -> None:
    result = judge({"a": [(100, "x")], "b": [(90, "x")]}, limit=200, b=91)
    assert result.found == "b has 90 B, the limit is below 91 B; 2 images, this one nearest to its limit"
    result = judge({"a": [(300, "x")], "b": [(90, "x")]}, limit=200, b=10)
    assert result.found == "b has 90 B, the limit is below 10 B; and 1 more"


def test_layers_are_compared_by_their_instruction() -> None:
    module = Catalog().get("image-size").module
    live = [(50, "/bin/sh -c #(nop) COPY file:a in / "), (10, "|1 A=b /bin/sh -c pip install")]
    now = [(80, "COPY file:a in / # buildkit"), (10, "RUN |1 A=c /bin/sh -c pip install"), (5, "ADD x")]
    image = module.Image("a", now, live, "weighed-live:1")
    assert module._grown(image) == [(30, "COPY file:a in /"), (5, "ADD x")]
    found = module.judge([image], module.Limits(90))
    assert found.found == ("a has 95 B, the limit is below 90 B; most by COPY file:a in / (+30 B since the live image)")


def test_wrong_limits_are_told(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    composed.pretend_docker(tmp_path / "bin", monkeypatch, composed.DOWN)
    module = Catalog().get("image-size").module
    with pytest.raises(Misconfigured, match="expected a size such as 500MB"):
        module.validate(limits=["a=much"], live=[])
    with pytest.raises(Misconfigured, match="input 'live' has 'a', expected SERVICE=IMAGE such as backend="):
        module.validate(limits=[], live=["a"])
    repository.write("compose.yaml", composed.COMPOSE)
    found = look(limits="backnd=1MB")
    assert found.found == "the compose file has no service 'backnd'; did you mean 'backend'?"
    assert look().status is Status.ERROR
