"""secrets-in-history on real repositories: every ref and every message, incremental, and never the secret itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support import Repository

from deploy_gate.catalog import Catalog
from deploy_gate.facts import scanned, secret_baseline
from deploy_gate.facts.kingfisher import Place
from deploy_gate.inputs import bind
from deploy_gate.problems import Misconfigured
from deploy_gate.result import Result, Status

# Put together here, so that this very file holds no secret.
TOKEN = "7182736459" + ":AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsawx"
OTHER = "7182736458" + ":AAGdqTcvCH2vGWJxfSeofSAs0K5PALDsbwy"
ADDRESS = "postgresql+psycopg://erp:" + "Zq8vT2nL4x@db.internal:5432/erp"
KEY = "JWT_SECRET=" + "f3b1c9d47a6e8052b7f41d9c6a3e5f8071b2c4d6"
MORE = [f"718273645{number}:AA{'GqdTcvCHvGWJxfSeofSAsKPALDsbwyhjk'[number:]}{'Zb7x'[:number]}" for number in range(4)]
RULE = "telegram-token"
HARMLESS = """What only looks like one:

postgresql://postgres:postgres@localhost:5432/test
postgresql://erp:${DB_PASSWORD}@db/erp
redis://[[username]:[password]]@localhost:6379/0
secret_key = settings.secret_key.get_secret_value()
JWT_SECRET=change-me-please-change-me-please
12345678:AA
"""


@pytest.fixture
def look(ask: Callable[..., Result], repository: Repository) -> Callable[..., Result]:
    repository.write("readme", "a shop\n")
    repository.commit("begin")

    def run(**given: object) -> Result:
        result = ask("secrets-in-history", **given)
        assert not [one for one in (TOKEN, OTHER, ADDRESS, KEY[11:], "Zq8vT2nL4x") if one in str(result.as_json())]
        return result

    return run


def test_a_clean_history(look: Callable[..., Result], repository: Repository) -> None:
    repository.write("harmless", HARMLESS)
    repository.git("add", "-A")
    repository.git("commit", "-q", "--amend", "-m", HARMLESS)
    result = look()
    assert (result.status, result.measured) == (Status.PASSED, 0), result
    assert result.found == "0 secrets in 1 commit of all refs (1 new since the last scan), the limit is 0"


def test_every_file_of_every_ref_and_every_message(look: Callable[..., Result], repository: Repository) -> None:
    """Deleted again, on a side branch, asking to be left out, in a message, named by a tag; not what is loose."""
    repository.write("bot.env", f"TOKEN={TOKEN}\n{ADDRESS}\n{KEY}\n")
    added = repository.commit("add")
    repository.git("rm", "-q", "bot.env")
    repository.commit("and away")
    repository.git("switch", "-q", "-c", "side")
    repository.write("a", f"# kingfisher:ignore https://api.telegram.org/bot{MORE[0]}/getMe\n")
    side = repository.commit("side")
    repository.git("switch", "-q", "main")
    repository.git("tag", "-a", "v1", "-m", f"the bot is {MORE[1]}")
    tag = repository.git("rev-parse", "v1")
    repository.git("commit", "-q", "--allow-empty", "-m", f"begin\n\nwith {MORE[2]}")
    said = repository.git("rev-parse", "HEAD")
    repository.git("commit", "-q", "--allow-empty", "-m", "end")
    path = repository.write("loose", f"TOKEN={OTHER}\n")
    repository.git("hash-object", "-w", "loose")
    path.write_text(f"TOKEN={MORE[3]}\n")
    repository.git("tag", "key", repository.git("hash-object", "-w", "loose"))
    path.unlink()
    result = look()
    assert (result.status, result.measured) == (Status.FAILED, 7), result
    found = {(one["rule"], one.get("path"), one["commit"], one.get("line")) for one in result.evidence}
    assert found == {
        (RULE, "bot.env", added, 1),
        ("database-url", "bot.env", added, 2),
        ("signing-key", "bot.env", added, 3),
        (RULE, "a", side, 1),
        (RULE, None, tag, None),
        (RULE, None, said, None),
        (RULE, None, repository.git("rev-parse", "key"), None),
    }


def test_only_new_commits_are_scanned_and_old_finds_stay(
    look: Callable[..., Result], repository: Repository, tmp_path: Path
) -> None:
    cache = tmp_path / "seen.json"
    repository.write("bot.env", f"TOKEN={TOKEN}\n")
    first = repository.commit("add")
    assert look(cache=cache).measured == 1
    kept = cache.read_text()
    assert TOKEN not in kept
    repository.write("bot.env", f"# changed\nTOKEN={TOKEN}\n")
    repository.commit("the same secret again")
    repository.write("new.env", f"TOKEN={OTHER}\n")
    other = repository.commit("another")
    result = look(cache=cache)
    assert (result.status, result.measured) == (Status.FAILED, 2), result
    assert "4 commits of all refs (2 new since" in result.found
    assert [one["commit"] for one in result.evidence] == [other, first], "the newest first, each at its oldest place"
    # A merge that brings in what neither side had.
    repository.git("switch", "-q", "-c", "side", first)
    repository.write("x", "x\n")
    repository.commit("x")
    repository.git("switch", "-q", "main")
    repository.git("merge", "-q", "--no-commit", "--no-ff", "side")
    repository.write("evil", ADDRESS)
    repository.commit("merge")
    assert look(cache=cache).measured == 3
    again = look(cache=cache)
    assert (again.measured, "(0 new since" in again.found) == (3, True)
    # What is forgotten by a rewritten history is no find any more, though its objects are still here.
    repository.git("reset", "-q", "--hard", f"{first}~1")
    repository.git("branch", "-q", "-D", "side")
    assert (look(cache=cache).status, look().status) == (Status.PASSED, Status.PASSED)


def test_a_damaged_cache_is_no_evidence(tmp_path: Path) -> None:
    cache = tmp_path / "seen.json"
    place = Place("rule", "a", 1, "c" * 40, "mark")
    seen = scanned.Seen(("a" * 40,), 7, {"c" * 40: 3}, (place,))
    scanned.write(cache, "this", seen)
    assert scanned.read(cache, "this") == seen
    nothing = scanned.Seen()
    assert scanned.read(cache, "another scanner, or other rules") == nothing
    data = json.loads(cache.read_text())
    wrong: list[dict[str, object]] = [{"places": [{"rule": 1}]}, {"tips": ["a" * 40] * 1001}, {"tips": ["--all\n" * 8]}]
    wrong += [{"commits": "7"}, {"heights": {"c" * 40: None}}, {"heights": []}]
    for text in ("", "{", "[]", '{"schema": 2}', *(json.dumps({**data, **one}) for one in wrong)):
        cache.write_text(text)
        assert scanned.read(cache, "this") == nothing, text[-60:]
    cache.unlink()
    assert scanned.read(cache, "this") == scanned.read(None, "this") == nothing


def test_the_baseline(look: Callable[..., Result], repository: Repository, tmp_path: Path) -> None:
    cache = tmp_path / "seen.json"
    repository.write("bot.env", f"TOKEN={TOKEN}\n")
    commit = repository.commit("add")
    entry = "known:\n  - rule: {}\n    path: bot.env\n    commit: '{}'\n    why: revoked\n    by: ada\n    until: {}\n"
    today = datetime.now(UTC).date()
    repository.write("known.yml", entry.format(RULE, commit[:12], today + timedelta(days=2)))
    result = look(baseline="known.yml", cache=cache)
    assert (result.status, result.measured) == (Status.PASSED, 0), result
    assert result.found.endswith("; 1 more in the baseline")
    assert "revoked" in str(result.evidence[0]["message"])
    repository.write("known.yml", entry.format(RULE, commit[:12], today - timedelta(days=2)))
    result = look(baseline="known.yml", cache=cache)
    assert (result.status, "whose baseline ended on" in result.found) == (Status.FAILED, True)
    repository.write("known.yml", entry.format(RULE, "0" * 12, today + timedelta(days=2)))
    result = look(baseline="known.yml", cache=cache)
    assert (result.status, result.evidence[-1]["rule"]) == (Status.FAILED, "stale-baseline")


@pytest.mark.parametrize(
    "text",
    [
        "known: 1\n",
        "known:\n  - {rule: a}\n",
        "known:\n  - {rule: a, path: b, why: c, by: d, until: 2027-01-01}\n",
        "known:\n  - {rule: a, path: b, commit: z, why: c, by: d, until: 2027-01-01}\n",
        "known:\n  - {rule: a, path: b, commit: 'abcdef1', why: c, by: d, until: soon}\n",
        "known:\n  - {rule: a, path: b, commit: 'abcdef1', why: c, by: d, until: 2027-01-01, more: e}\n",
    ],
)
def test_a_baseline_that_is_none(repository: Repository, text: str) -> None:
    repository.write("known.yml", text)
    with pytest.raises(Misconfigured):
        secret_baseline.read("known.yml", of_commits=True)


@pytest.mark.parametrize("check", ["secrets-in-history", "image-secrets"])
def test_a_baseline_that_does_not_exist(repository: Repository, check: str) -> None:
    """Told before anything is scanned or built, with the file's name and what to do."""
    capability = Catalog().get(check)
    bound = bind(capability.manifest.inputs, capability.hints, {"baseline": "knwon.yml"})
    says = "knwon.yml: this baseline does not exist: correct the path, which is relative to the working directory, or "
    assert capability.faults(bound.values) == [f"{says}leave the input `baseline` empty"]
    repository.write("knwon.yml", "known: []\n")
    assert capability.faults(bound.values) == []


def test_a_clone_that_has_not_everything(
    look: Callable[..., Result], repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit("two")
    repository.git("clone", "-q", "--depth", "1", f"file://{repository.path}", str(tmp_path / "shallow"))
    monkeypatch.chdir(tmp_path / "shallow")
    result = look()
    assert (result.status, "shallow" in result.found, "fetch-depth: 0" in result.fix) == (Status.ERROR, True, True)
    monkeypatch.chdir(tmp_path)
    assert look().status is Status.ERROR
