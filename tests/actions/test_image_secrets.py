"""image-secrets: credentials in real images, and archives that no daemon would give."""

from __future__ import annotations

import gzip
import io
import json
from datetime import date
from pathlib import Path
from typing import Any

import composed
import layouts
import pytest
from layouts import tar
from support import Repository

from deploy_gate.catalog import Catalog
from deploy_gate.facts import imagesecrets, imagetar, layerstream, secret_patterns
from deploy_gate.facts.imagesecrets import Find, Looked
from deploy_gate.facts.secret_baseline import Known
from deploy_gate.result import CouldNotTell, Result, Status
from deploy_gate.workbench import images
from deploy_gate.workbench.dockerd import Docker

KEY = "-" * 5 + "BEGIN PRIVATE KEY" + "-" * 5 + "\n" + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj\n" * 3
TOKEN = "ghp_" + "q9Zx" * 9
WORD = "marked-Xk29slpQ"
SECRETS = (KEY.splitlines()[1], TOKEN, WORD)


def look(**given: object) -> Result:
    found = composed.run("image-secrets", **given)
    said = json.dumps(found.as_json())
    assert not [one for one in SECRETS if one in said], "a credential is in the result"
    return found


def places(found: Result) -> list[tuple[Any, ...]]:
    return [(one["place"], one["rule"], one["layer"]) for one in found.evidence]


# --- real images ---


@pytest.fixture
def base(docker: Docker) -> str:
    try:
        return images.shell_base(docker)
    except CouldNotTell as fault:
        pytest.skip(f"{fault.found}; {fault.fix}")


def test_a_deleted_key_and_settings_are_found(repository: Repository, base: str) -> None:
    repository.write(
        "compose.yaml",
        "{name: leaks, services: {backend: {build: {context: ., args: {API_TOKEN: WORD}}}}}".replace("WORD", WORD),
    )
    (repository.path / "id_rsa").write_text(KEY)
    (repository.path / "app.txt").write_text("nothing")
    whole = f"FROM {base}\nCOPY app.txt /app.txt\nENV MODE=production\nLABEL team=shop\n"
    (repository.path / "Dockerfile").write_text(whole)
    found = look()
    assert found.status is Status.PASSED, found.found
    assert found.found.startswith("no credential in 1 image with 2 layers, ")
    (repository.path / "Dockerfile").write_text(
        f"{whole}COPY id_rsa /srv/id_rsa\nRUN rm /srv/id_rsa\n"
        f"ARG API_TOKEN\nRUN true\nLABEL contact={TOKEN}\nENV DB_PASSWORD={WORD}\nENV DB_PASSWORD=\n"
    )
    found = look()
    assert found.status is Status.FAILED
    assert found.found.partition(": ")[2] == (
        "backend: srv/id_rsa in layer 3 of 4 (private-key), gone in layer 4 but still in the image"
    )
    assert places(found) == [
        ("srv/id_rsa", "private-key", 3),
        ("label:contact", "github-token", 0),
        ("arg:API_TOKEN", "secret-setting", 0),
        ("history", "github-token", 0),
        ("history:DB_PASSWORD", "secret-setting", 0),
    ]
    named = {(one["place"], one.get("path"), one.get("line")) for one in found.evidence}
    assert ("arg:API_TOKEN", "Dockerfile", 7) in named
    assert ("history:DB_PASSWORD", "Dockerfile", 10) in named
    assert found.measured == 5
    # By name, without building, and what somebody answers for.
    answer = {"why": "made up", "by": "ada", "until": "9999-12-31"}
    entries = [{"path": place, "rule": rule, **answer} for place, rule, _ in places(found)]
    (repository.path / "known.yml").write_text(json.dumps({"known": entries}))
    found = look(build="false", baseline="known.yml")
    assert (found.status, found.found.partition("; ")[2]) == (Status.PASSED, "5 in the baseline; the limit is 0")


def test_an_image_that_does_not_build_is_no_answer(repository: Repository, docker: Docker) -> None:
    repository.write("compose.yaml", "name: never-built\n" + composed.COMPOSE)
    repository.write("Dockerfile", "FROM scratch\nCOPY nothing /\n")
    found = look()
    assert (found.status, found.found) == (
        Status.ERROR,
        "the image of backend does not build, so there is nothing to look at",
    )
    found = look(build="false")
    assert (found.status, found.found) == (Status.ERROR, "the image of backend is not on this machine")


# --- no docker, or one that breaks off ---


def test_without_a_daemon_there_is_no_answer(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    composed.pretend_docker(tmp_path / "bin", monkeypatch, composed.DOWN)
    repository.write("compose.yaml", composed.COMPOSE)
    found = look()
    assert found.status is Status.ERROR
    assert found.found.startswith("no docker daemon answers: Cannot connect")
    monkeypatch.setenv("PATH", "/nowhere")
    assert look().found == "no docker here: docker cannot be started: No such file or directory"


def hits(raw: bytes) -> list[tuple[int, str, str, int]]:
    look = imagesecrets._look(secret_patterns.rules())
    contents = imagetar.read(io.BytesIO(raw), look)
    return [(one.layer, one.path, one.rule, one.gone_in) for image in contents.images for one in image.hits]


def test_archives_of_the_older_layout() -> None:
    first = tar({"a/key": KEY.encode(), "b/c/key": KEY.encode(), "d/key": KEY.encode(), "e/key": KEY.encode()})
    second = tar({"a/.wh.key": b"", "b/.wh.c": b"", "d/.wh..wh..opq": b""})
    third = tar({"e/key": b"another"})
    assert hits(layouts.older([first, gzip.compress(second), third])) == [
        (1, "a/key", "private-key", 2),
        (1, "b/c/key", "private-key", 2),
        (1, "d/key", "private-key", 2),
        (1, "e/key", "private-key", 3),
    ]


@pytest.mark.parametrize("before", [0, 1, layerstream.CHUNK - 20, layerstream.CHUNK, 2 * layerstream.CHUNK - 4100])
def test_a_credential_across_pieces_is_found(before: int) -> None:
    raw = b" " * before + TOKEN.encode() + b" " * 5000
    assert hits(layouts.older([tar({"x": raw})])) == [(1, "x", "github-token", 0)]


def test_files_of_settings() -> None:
    files = {
        ".env": f"DB_PASSWORD={WORD}\n",
        "prod.env": f"export SECRET_KEY='{WORD}'\n",
        ".env.example": f"DB_PASSWORD={WORD}\n",
        "plain.py": f"DB_PASSWORD={WORD}\n",
        ".pgpass": f"db:5432:*:shop:{WORD}\n",
        ".netrc": f"machine a login b password {WORD}\n",
        "x/.npmrc": f"//r.example/:_authToken={WORD}\n",
    }
    assert hits(layouts.older([tar({name: text.encode() for name, text in files.items()})])) == [
        (1, ".env", "secret-setting", 0),
        (1, "prod.env", "secret-setting", 0),
        (1, ".pgpass", "login-file", 0),
        (1, ".netrc", "login-file", 0),
        (1, "x/.npmrc", "login-file", 0),
    ]


def test_settings_and_history_of_either_builder() -> None:
    config = {
        "config": {
            "Env": ["PATH=/bin", f"A_TOKEN={WORD}", f"CACHE=redis://:{WORD}@cache/0", "B_PASSWORD_FILE=/run/b"],
            "Labels": {"team": "shop", "deploy.secret": WORD},
            "Cmd": ["serve", "--token", TOKEN],
            "Healthcheck": {"Test": ["CMD", "probe"]},
        },
        "history": [
            {"created_by": f"RUN |2 API_KEY={WORD} MODE=x /bin/sh -c make # buildkit"},
            {"created_by": "/bin/sh -c #(nop)  ENV MODE=x", "empty_layer": True},
            {"created_by": f"|1 OTHER_SECRET={WORD} /bin/sh -c make"},
            {"created_by": f"RUN /bin/sh -c curl -H 'Authorization: {TOKEN}' # buildkit", "comment": "buildkit"},
        ],
    }
    found = imagesecrets._settings(config, secret_patterns.rules())
    assert [(one.place, one.rule, one.layer) for one in found] == [
        ("env:A_TOKEN", "secret-setting", 0),
        ("env:CACHE", "secret-setting", 0),
        ("env:CACHE", "database-url", 0),
        ("label:deploy.secret", "secret-setting", 0),
        ("command", "github-token", 0),
        ("arg:API_KEY", "secret-setting", 1),
        ("arg:OTHER_SECRET", "secret-setting", 2),
        ("history", "github-token", 3),
    ]


WHOLE = layouts.older([tar({"a": b"1"})])


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no archive",
        WHOLE[:600],
        WHOLE[:2200],
        tar({"a": b"1"}),
        layouts.older([tar({"a": b"1"}), tar({"b": b"2"})], leave_out=1),
        layouts.older([b"\x28\xb5\x2f\xfd compressed"]),
        layouts.older([b"no archive"]),
        layouts.older([gzip.compress(tar({"a": b"1" * 5000}))[:60]]),
        tar({"0/layer.tar": tar({"a": b"1"}), "manifest.json": b'[{"Config": "gone", "Layers": ["0/layer.tar"]}]'}),
        tar({"manifest.json": b"{"}),
    ],
)
def test_an_archive_that_is_not_whole_is_no_answer(raw: bytes) -> None:
    with pytest.raises(CouldNotTell):
        hits(raw)
    assert hits(WHOLE) == []


def test_a_save_that_breaks_off_is_no_answer(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "whole.tar").write_bytes(WHOLE)
    body = f"""case "$1 $2" in
    "version --format") echo 28;;
    "image inspect") echo '[{{"Id": "sha256:1"}}]';;
    "save --") cat {tmp_path}/whole.tar; echo it broke >&2; exit 1;;
    *) exit 1;;
    esac"""
    composed.pretend_docker(tmp_path / "bin", monkeypatch, body)
    repository.write("compose.yaml", composed.COMPOSE)
    found = look(build="false")
    assert (found.status, found.found) == (Status.ERROR, "docker save failed: it broke")


# --- judging ---

TODAY = date(2027, 1, 1)
LEAK = Find("app/key", "private-key", 2, 0)


def judge(*known: Known, find: Find = LEAK, layers: int = 3, files: int = 9) -> Result:
    module = Catalog().get("image-secrets").module
    facts = module.Facts(("backend", "job"), Looked(layers, files, 2000, [find], 0), (("", 0),))
    result: Result = module.judge([facts], known, TODAY)
    return result


def answer(rule: str = "private-key", until: date = TODAY) -> Known:
    return Known(rule, "app/*", "a test's", "ada", until)


def test_what_somebody_answers_for_ends() -> None:
    assert judge(answer()).status is Status.PASSED
    assert judge(answer("github-token")).status is Status.FAILED
    yesterday = answer(until=date(2026, 12, 31))
    assert judge(yesterday, answer()).status is Status.PASSED, "the one that counts longest"
    late = judge(yesterday)
    assert late.status is Status.FAILED
    assert late.found == (
        "1 credential in 1 image with 3 layers, 9 files, 2 kB, the limit is 0: "
        "backend, job: app/key in layer 2 of 3 (private-key) (its baseline ended on 2026-12-31)"
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("known: {}", "one list called `known`"),
        ("allowed: []", "one list called `known`"),
        ("known: [{path: a, rule: b, by: c, until: 2027-01-01}]", "why is missing"),
        ("known: [{path: a, rule: b, by: c, why: d, untill: 2027-01-01}]", "did you mean"),
        ("known: [{path: a, rule: b, by: c, why: d, until: soon}]", "until is not a day"),
        ("known: [{path: a, rule: b, by: c, why: d, until: 2027-01-01, commit: abcdef1}]", "unknown key commit"),
        ("known: [text]", "expected the keys rule, path, why, by, until"),
    ],
)
def test_a_baseline_that_is_none_is_told(repository: Repository, text: str, says: str) -> None:
    repository.write("known.yml", text)
    repository.write("compose.yaml", composed.COMPOSE)
    found = look(baseline="known.yml")
    assert found.status is Status.ERROR
    assert says in found.found
