"""image-build: images that build and do not, on a real daemon; what docker and hadolint say besides."""

from __future__ import annotations

from pathlib import Path

import composed
import pytest
from support import Repository

from deploy_gate.catalog import Catalog
from deploy_gate.facts import dockerfile
from deploy_gate.facts.dockerfile import Base
from deploy_gate.facts.hadolint import Remark
from deploy_gate.facts.imagebuild import Failure
from deploy_gate.result import Result, Status
from deploy_gate.workbench import images
from deploy_gate.workbench.dockerd import Docker

WORD = "marked-Xk29slpQ"
DIGEST = "@sha256:" + "a" * 64


def look(**given: object) -> Result:
    return composed.run("image-build", **given)


def test_images_are_built_and_a_broken_one_fails(repository: Repository, docker: Docker) -> None:
    repository.write(
        "compose.yaml",
        "name: builds\n" + composed.COMPOSE + "  worker:\n    build: .\n  job:\n    build: {context: job}\n",
    )
    repository.write("app.txt", "whole")
    repository.write("Dockerfile", "FROM scratch\nCOPY app.txt /\n")
    repository.write("job/Dockerfile", "FROM scratch\nCOPY . /\n")
    found = look()
    assert found.status is Status.PASSED, found.found
    assert found.found.startswith("3 images built in ")
    assert images.identity(docker, "builds-backend")
    assert images.identity(docker, "builds-job") != images.identity(docker, "builds-backend")
    repository.write("job/Dockerfile", "# the job\nFROM scratch\n\nCOPY gone.txt \\\n  /\n")
    found = look()
    assert found.status is Status.FAILED
    assert found.found.startswith("the image of job does not build: ")
    assert [(one["path"], one["line"], one["rule"]) for one in found.evidence] == [("job/Dockerfile", 4, "build")]
    assert "gone.txt" in found.found


def test_without_a_compose_file_the_dockerfile_counts(repository: Repository, docker: Docker) -> None:
    repository.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")
    found = look()
    assert found.status is Status.PASSED
    assert found.found.endswith("the Dockerfile alone")
    assert images.identity(docker, "shop-app")


@pytest.mark.long
def test_what_a_build_section_says_is_done(repository: Repository, docker: Docker) -> None:
    base = images.shell_base(docker)
    repository.write(
        "compose.yaml",
        f"""
        services:
          backend:
            image: shop/backend:1
            build: {{context: ., dockerfile: docker/Backend, target: two, args: {{WORD: right}}}}
          inline:
            build:
              dockerfile_inline: |
                FROM {base}
                RUN true
        """,
    )
    text = f"FROM {base} AS one\nRUN false\nFROM {base} AS two\nARG WORD\nRUN [ $WORD = right ]\nFROM one\n"
    repository.write("docker/Backend", text.replace("FROM {base} AS one\nRUN false", f"FROM {base} AS one"))
    found = look(base_digest="off")
    # The classic builder builds every stage before the target, so the first one fails here.
    assert found.status is Status.FAILED
    repository.write("docker/Backend", text.replace("RUN false\n", ""))
    found = look(base_digest="off")
    assert found.status is Status.PASSED, found.found
    assert images.identity(docker, "shop/backend:1")
    assert images.identity(docker, "shop-inline")
    found = look()
    assert found.status is Status.WARNED
    assert f"; 2 of 2 base images without a digest: {base}, {base}" in found.found


def pretend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, build: str) -> Path:
    body = f"""case "$1" in
    version) echo 28;;
    build) {build};;
    image) echo '[{{"Id": "sha256:1"}}]';;
    *) exit 1;;
    esac"""
    return composed.pretend_docker(tmp_path / "bin", monkeypatch, body)


@pytest.mark.parametrize(
    "said",
    [
        "toomanyrequests: You have reached your pull rate limit",
        "dial tcp: lookup registry.example: no such host",
        "write /var/lib/docker/tmp: no space left on device",
    ],
)
def test_what_is_no_fault_of_the_image_is_no_answer(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    pretend(tmp_path, monkeypatch, f"echo 'ERROR: {said}' >&2; exit 1")
    repository.write("compose.yaml", composed.COMPOSE)
    repository.write("Dockerfile", "FROM scratch\n")
    found = look()
    assert found.status is Status.ERROR
    assert said.partition(":")[0] in found.found


def test_a_value_is_in_no_process_list_and_no_message(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = pretend(tmp_path, monkeypatch, 'echo "it is $API_TOKEN" >&2; exit 1')
    repository.write(
        "compose.yaml", "services: {a: {build: {context: ., args: {API_TOKEN: WORD}}}}\n".replace("WORD", WORD)
    )
    repository.write("Dockerfile", "FROM scratch\n")
    found = look()
    assert found.found == "the image of a does not build: it is ***"
    assert WORD not in asked.read_text()
    assert f"build --tag shop-a --build-arg API_TOKEN -- {repository.path}\n" in asked.read_text()


def test_no_daemon_and_nothing_to_build(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    composed.pretend_docker(tmp_path / "bin", monkeypatch, composed.DOWN)
    assert "there is no compose file here" in look().found
    repository.write("compose.yaml", "services: {a: {image: a}}\n")
    assert (look().status, look().found) == (Status.ERROR, "none of 1 service has a `build` section")
    repository.write("compose.yaml", composed.COMPOSE)
    found = look()
    assert found.status is Status.ERROR
    assert found.found.startswith("no docker daemon answers: ")


def test_a_build_that_asks_for_secrets_is_left_to_others(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(tmp_path, monkeypatch, "true")
    repository.write("compose.yaml", "services: {a: {build: {context: ., secrets: [x], ssh: [default]}}}\n")
    repository.write("Dockerfile", "FROM scratch\n")
    found = look()
    assert found.status is Status.ERROR
    assert found.found.startswith("the build of a asks for secrets, ssh, which")


def test_hadolint_decides_from_a_level_on(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(tmp_path, monkeypatch, "true")
    repository.write("compose.yaml", composed.COMPOSE)
    repository.write("Dockerfile", f"FROM shop/base:1{DIGEST}\nRUN cd /srv && ls\n")
    found = look()
    assert found.status is Status.PASSED, found.found
    assert found.found.endswith("1 remark of hadolint below error")
    assert [(one["path"], one["line"], one["rule"]) for one in found.evidence] == [("Dockerfile", 2, "DL3003")]
    found = look(lint="warning")
    said = "Dockerfile:2 DL3003 Use WORKDIR to switch to a directory"
    assert (found.status, found.found) == (
        Status.FAILED,
        f"hadolint has 1 remark of level warning or worse, the limit is 0: {said}",
    )
    assert look(lint="off").evidence == ()


# --- judging ---

UNPINNED = [("Dockerfile", Base("python:3.11", 1))]


@pytest.mark.parametrize(("digest", "status"), [("required", "failed"), ("advised", "warned"), ("off", "passed")])
def test_a_base_without_a_digest(digest: str, status: str) -> None:
    module = Catalog().get("image-build").module
    facts = module.Facts(images=["a"], unpinned=UNPINNED, bases=2, resolver="r")
    found = module.judge(facts, "error", digest)
    assert found.status == status
    assert ("1 of 2 base images without a digest: python:3.11" in found.found) == (digest != "off")


def test_a_failed_build_decides_before_remarks() -> None:
    module = Catalog().get("image-build").module
    remark = Remark("Dockerfile", 1, 1, "DL1", "error", "no")
    facts = module.Facts(failures=[Failure("a", "broke")], remarks=[remark], unpinned=UNPINNED)
    found = module.judge(facts, "error", "advised")
    assert found.found == "the image of a does not build: broke"
    assert len(found.evidence) == 3
    assert module.judge(module.Facts(remarks=[remark]), "off", "off").status is Status.PASSED
    strange = Remark("Dockerfile", 1, 1, "DL1", "fatal", "a level of tomorrow")
    assert module.judge(module.Facts(remarks=[strange]), "error", "off").status is Status.FAILED


@pytest.mark.parametrize(
    ("text", "bases"),
    [
        ("FROM python:3", [("python:3", 1, False)]),
        (f"from --platform=linux/amd64 python:3{DIGEST} as One\nFROM one", [(f"python:3{DIGEST}", 1, True)]),
        ("ARG A=python:3\nARG B\nFROM ${A} AS a\nFROM $B", [("given", 4, False), ("python:3", 3, False)]),
        ("FROM scratch\nCOPY --from=tool:1 /a /b\nCOPY --from=0 /a /b", [("tool:1", 2, False)]),
        ("FROM scratch\nRUN --mount=type=bind,from=tool:1 x", [("tool:1", 2, False)]),
        ("FROM ${A:-python:3}", [("python:3", 1, False)]),
        ("# escape=`\nFROM scratch\nRUN a `\n FROM b\n", []),
        ("FROM scratch\nRUN <<-EOF cat\n\tFROM b\n\tEOF\nFROM c", [("c", 5, False)]),
    ],
)
def test_bases_are_read_from_the_dockerfile(text: str, bases: list[tuple[str, int, bool]]) -> None:
    found = dockerfile.stages(text, {"B": "given"})[1]
    assert sorted((one.image, one.line, one.pinned) for one in found) == bases
