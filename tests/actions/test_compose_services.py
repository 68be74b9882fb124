"""compose-services: every service has a health check and limits, whoever resolves the compose file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import composed
import pytest
from support import ROOT, Repository

from deploy_gate.facts import composemodel
from deploy_gate.facts.composemodel import Service
from deploy_gate.result import Result, Status
from deploy_gate.workbench.dockerd import Docker

LIMITS = "deploy: {resources: {limits: {memory: 64M, cpus: '0.5'}}}"
HEALTH = "healthcheck: {test: [CMD, probe]}"
WHOLE = f"services:\n  a:\n    image: a:1\n    {HEALTH}\n    {LIMITS}\n"


@pytest.fixture(autouse=True)
def no_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with a docker client and neither a daemon nor `docker compose`."""
    return composed.pretend_docker(tmp_path / "bin", monkeypatch, composed.DOWN)


def look(**given: object) -> Result:
    return composed.run("compose-services", **given)


def test_a_whole_service_passes(repository: Repository) -> None:
    repository.write("compose.yaml", WHOLE)
    found = look()
    assert (found.status, found.found) == (
        Status.PASSED,
        "1 service, each with health check, memory limit, CPU limit (deploy-gate's own reading)",
    )


def test_a_service_with_neither_fails(repository: Repository) -> None:
    repository.write("compose.yaml", WHOLE + "  b:\n    build: .\n")
    repository.write("Dockerfile", "FROM scratch\nCOPY x /x\n")
    found = look()
    assert found.status is Status.FAILED
    assert found.found == (
        "1 of 2 services not complete, the limit is 0: b: no health check, no memory limit, no CPU limit"
    )
    assert [(one["path"], one["line"], one["message"]) for one in found.evidence] == [
        ("compose.yaml", 6, "b: no health check"),
        ("compose.yaml", 6, "b: no memory limit"),
        ("compose.yaml", 6, "b: no CPU limit"),
    ]
    assert look(ignore="b").status is Status.PASSED
    assert look(ignore="b").found.endswith("; ignored: b")


@pytest.mark.parametrize(
    ("dockerfile", "status"),
    [
        ("FROM scratch\nHEALTHCHECK CMD probe\n", Status.PASSED),
        ('FROM scratch\nHEALTHCHECK --interval=5s \\\n  # a word between\n  CMD ["probe", "/"]\n', Status.PASSED),
        ("ARG B=scratch\nFROM $B AS one\nHEALTHCHECK CMD probe\nFROM one\nENV A=b\n", Status.PASSED),
        ("FROM scratch AS one\nHEALTHCHECK CMD probe\nFROM scratch\nCOPY --from=one / /\n", Status.FAILED),
        ("FROM scratch\nHEALTHCHECK CMD probe\nHEALTHCHECK NONE\n", Status.FAILED),
        ("FROM scratch\nHEALTHCHECK CMD exit 0\n", Status.FAILED),
        ("FROM scratch\nRUN <<EOF\nHEALTHCHECK CMD probe\nEOF\n", Status.FAILED),
    ],
)
def test_the_health_check_of_an_image_counts(repository: Repository, dockerfile: str, status: Status) -> None:
    repository.write("compose.yaml", f"services:\n  b:\n    build: .\n    {LIMITS}\n")
    (repository.path / "Dockerfile").write_text(dockerfile)
    assert look().status is status, look().found


@pytest.mark.parametrize(
    ("health", "says"),
    [
        ("{disable: true}", "no health check"),
        ("{test: [NONE]}", "no health check"),
        ("{test: [CMD, 'true']}", "a health check that can never fail"),
        ("{test: exit 0}", "a health check that can never fail"),
        ("{interval: 5s}", ""),
    ],
)
def test_what_is_no_health_check(repository: Repository, health: str, says: str) -> None:
    repository.write("compose.yaml", f"services:\n  b:\n    build: .\n    healthcheck: {health}\n    {LIMITS}\n")
    repository.write("Dockerfile", "FROM scratch\nHEALTHCHECK CMD probe\n")
    found = look()
    assert found.found.partition("the limit is 0: b: ")[2] == says
    assert (found.status is Status.FAILED) == bool(says)


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ("mem_limit: 64m\n    cpus: 0.5", ""),
        ("mem_limit: 67108864\n    cpu_quota: 50000", ""),
        ("deploy: {resources: {limits: {memory: '0', cpus: '0'}}}", "no memory limit, no CPU limit"),
        ("deploy: {resources: {reservations: {memory: 64M, cpus: '1'}}}", "no memory limit, no CPU limit"),
        ("mem_limit: ${MEMORY}\n    cpus: ${CPUS:-1}", "no memory limit"),
        ("mem_limit: ${MEMORY:?set it}\n    cpus: 1", ""),
    ],
)
def test_what_is_a_limit(repository: Repository, limits: str, says: str) -> None:
    repository.write("compose.yaml", f"services:\n  a:\n    image: a:1\n    {HEALTH}\n    {limits}\n")
    found = look(require="memory,cpus")
    assert found.found.partition("the limit is 0: a: ")[2] == says
    assert (found.status is Status.FAILED) == bool(says), found.found


def test_variables_come_from_files_and_from_named_ones(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    repository.write("compose.yaml", f"services:\n  a:\n    image: a:1\n    {HEALTH}\n    mem_limit: $M\n    cpus: 1\n")
    monkeypatch.setenv("M", "64m")
    assert look().status is Status.FAILED
    assert look(env="M").status is Status.PASSED
    repository.write("settings", "M=64m\n")
    assert look(env_file="settings").status is Status.PASSED
    repository.write(".env", "M=64m\n")
    assert look().status is Status.PASSED


def test_an_image_that_is_not_here_is_no_answer(repository: Repository) -> None:
    repository.write("compose.yaml", f"services:\n  a:\n    image: a:1\n    {LIMITS}\n")
    found = look()
    assert found.status is Status.ERROR
    assert found.found.startswith("a: it has no health check of its own, and whether its image has one is not known: ")
    assert look(require="memory").status is Status.PASSED


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"Healthcheck": {"Test": ["CMD", "probe"]}}, Status.PASSED),
        ({"Healthcheck": {"Test": ["NONE"]}}, Status.FAILED),
        ({}, Status.FAILED),
        (None, Status.ERROR),
    ],
)
def test_the_image_here_is_asked(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: object, status: Status
) -> None:
    told = f"echo '{json.dumps([{'Config': answer}])}'" if answer is not None else "echo No such image >&2; exit 1"
    body = f'case "$1 $2" in "image inspect") {told};; *) exit 1;; esac'
    composed.pretend_docker(tmp_path / "other", monkeypatch, body)
    repository.write("compose.yaml", f"services:\n  a:\n    image: a:1\n    {LIMITS}\n")
    assert look().status is status
    # The same image below a Dockerfile without a check of its own.
    repository.write("compose.yaml", f"services:\n  a:\n    build: .\n    {LIMITS}\n")
    repository.write("Dockerfile", "FROM a:1\nENV A=b\n")
    assert look().status is status


def test_without_a_compose_file_there_is_no_answer(repository: Repository) -> None:
    assert look().status is Status.ERROR
    assert "there is no compose file here" in look().found
    assert "there is no compose file other.yaml" in look(file="other.yaml").found
    repository.write("compose.yaml", WHOLE)
    assert look(ignore="a").found == "every service is ignored, so none was looked at"
    assert "no service 'aa', did you mean 'a'" in look(ignore="aa").found.replace("(", "").replace(";", ",")


# --- the compose file itself, as deploy-gate reads it ---


def services(repository: Repository, text: str, *more: str) -> dict[str, Service]:
    repository.write("compose.yaml", text)
    return composemodel.load(["compose.yaml", *more] if more else []).services


def test_files_are_laid_over_each_other(repository: Repository) -> None:
    repository.write(
        "compose.override.yaml", "services: {a: {cpus: 1, mem_limit: !reset null, build: {target: two}}}\n"
    )
    a = services(repository, "services: {a: {build: {context: back, args: [A=1, B=2]}, mem_limit: 1m}}\n")["a"]
    assert (a.cpus, a.memory, a.path, a.line) == ("1", "", "compose.yaml", 1)
    assert a.build is not None
    assert (a.build.target, a.build.args) == ("two", (("A", "1"), ("B", "2")))
    assert a.build.context == str(repository.path / "back")
    assert a.image == "shop-a"


def test_extends_and_include_bring_services_in(repository: Repository) -> None:
    repository.write("base/common.yaml", "services: {web: {build: ., mem_limit: 1m, depends_on: [x], cpus: 1}}\n")
    repository.write("more/compose.yaml", "services: {job: {build: ./src}}\n")
    found = services(
        repository,
        """
        name: Till
        include: [more/compose.yaml]
        services:
          a: {extends: {file: base/common.yaml, service: web}, cpus: 2, profiles: [never]}
          b: {extends: a, mem_limit: 2m}
        """,
    )
    assert {name: (one.memory, one.cpus) for name, one in found.items()} == {
        "job": ("", ""),
        "a": ("1m", "2"),
        "b": ("2m", "2"),
    }
    contexts = {name: one.build.context if one.build else "" for name, one in found.items()}
    assert contexts == {
        "job": str(repository.path / "more" / "src"),
        "a": str(repository.path / "base"),
        "b": str(repository.path / "base"),
    }
    assert found["job"].image == "till-job"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${A}", "x"),
        ("$A-$$B", "x-$B"),
        ("${NONE-y}", "y"),
        ("${EMPTY-y}", ""),
        ("${EMPTY:-y}", "y"),
        ("${NONE:-${A:-z}}", "x"),
        ("${A:+set}${NONE+not}", "set"),
        ("${NONE:?say so}", "1"),
        ("${A:?}$", "x$"),
        ("${broken", "${broken"),
    ],
)
def test_variables_are_filled_in(text: str, value: str) -> None:
    from deploy_gate.facts.composeyaml import interpolate

    assert interpolate(text, {"A": "x", "EMPTY": ""}) == value


BOMB = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 40))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("services: {a: {image: x, image: y}}", "the key image stands there twice (line 1)"),
        ("services:\n\t- a", "it is no YAML (line 2)"),
        ("[1, 2]", "it is no mapping"),
        ("x: " + "[" * 100 + "]" * 100, "nested deeper than 60 levels"),
        ("x: &x {a: *x}\nservices: {a: {image: b}}", "its aliases are nested too deeply"),
        ("services: {a: {extends: b}, b: {extends: a}}", " extends itself"),
        ("services: {a: {extends: nobody}}", "there is no service nobody"),
        ("include: [compose.yaml]\nservices: {a: {image: x}}", "the compose files name more than 50 others"),
        ("include: ['https://shop.example/c.yaml']", "`include` names what is no file of the repository"),
        ("services: {}", "compose.yaml names no service"),
        ("services: {a: {<<: text}}", "line 1 merges what is no mapping"),
    ],
)
def test_a_file_that_cannot_be_resolved_is_no_answer(repository: Repository, text: str, says: str) -> None:
    (repository.path / "compose.yaml").write_text(text)
    found = look()
    assert found.status is Status.ERROR
    assert says in found.found


def test_merges_of_merges_cost_no_more_than_their_length(repository: Repository) -> None:
    assert services(repository, BOMB + WHOLE)["a"].memory == "64M"


def test_the_example_shop_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "examples" / "erp")
    found = look()
    assert found.status is Status.PASSED, found.found
    assert found.found.startswith("4 services, each with health check, memory limit, CPU limit")


@pytest.fixture
def real_compose(docker_daemon: Docker, monkeypatch: pytest.MonkeyPatch) -> Docker:
    for name, value in docker_daemon.environment.items():
        monkeypatch.setenv(name, value)
    return docker_daemon


def test_docker_compose_and_we_read_the_same(
    repository: Repository, real_compose: Docker, no_docker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(ROOT / "examples" / "erp" / "compose.yaml", repository.path / "erp.yaml")
    repository.write("compose.yaml", WHOLE + "  b: {build: {context: ., args: {X: y}}, profiles: [p], mem_limit: 1m}\n")
    read: Callable[[], list[object]] = lambda: [  # noqa: E731 - used twice, just below
        (name, one.image, one.path, one.line, one.build and (one.build.context, one.build.args), bool(one.health))
        for file in ("erp.yaml", "compose.yaml")
        for name, one in sorted(composemodel.load([file]).services.items())
    ]
    assert composemodel.load(["erp.yaml"]).resolver.startswith("docker compose 2.")
    theirs = read()
    assert look(ignore="b").status is Status.PASSED
    assert look(require="memory").status is Status.PASSED
    # A file of secrets that is only on the server must not hinder.
    repository.write("compose.yaml", WHOLE + "    env_file: secrets.env\n")
    assert look().found.endswith("(deploy-gate's own reading, an env_file being absent)")
    repository.write("compose.yaml", WHOLE + "  b: {build: {context: ., args: {X: y}}, profiles: [p], mem_limit: 1m}\n")
    monkeypatch.setenv("PATH", f"{no_docker.parent}:{real_compose.environment['PATH']}")
    assert read() == theirs
