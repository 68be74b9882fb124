"""secrets-in-history on long histories: what is planted is found where it is, and nothing is lost between two runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from histories import History

from deploy_gate.result import Result, Status

RULE = "telegram-token"
Place = tuple[str, str | None, str]
# What looks like a secret at the first glance: the name of a variable, a stand-in, half a token.
LOOKALIKES = ("TOKEN = os.environ['BOT_TOKEN']", "TOKEN = '<bot token>'", "TOKEN = '7182736459:AAHdqTcvCH1v'")
LENGTHS = (10_000, 100_000)

pytestmark = [pytest.mark.long, pytest.mark.parametrize("length", LENGTHS)]


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> History:
    made = History(tmp_path / "shop")
    monkeypatch.chdir(made.path)
    return made


def places(result: Result) -> set[Place]:
    """Rule, path and commit of each find; a message has no path."""
    return {(str(one["rule"]), _text(one.get("path")), str(one["commit"])) for one in result.evidence}


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def planted(history: History, files: dict[int, str], messages: dict[int, str]) -> set[Place]:
    """Where the finds must be."""
    commits = history.commits()
    return {(RULE, history.paths[one], commits[one]) for one in files} | {
        (RULE, None, commits[one]) for one in messages
    }


def test_a_fault_among_many_commits(ask: Callable[..., Result], history: History, tmp_path: Path, length: int) -> None:
    """In the first commit and the last, on the main line, on a side branch, in a merge and in a message."""
    files = {1: "", length // 2 + 3: "", length // 2: "", length // 2 + 1: "", length: ""}
    assert (length // 2 % 10, (length // 2 + 1) % 10) == (0, 1), "on the side branch, and merging it"
    files = {number: f"TOKEN = '{history.token()}'\n" for number in files}
    messages = {length // 3: f"the bot is {history.token()}"}
    lookalikes = {number * 100 + 7: f"{LOOKALIKES[number % 3]}\n" for number in range(length // 200)}
    history.grow(length, {**lookalikes, **files}, messages)
    cache = tmp_path / "seen.json"
    result = ask("secrets-in-history", cache=cache)
    assert (result.status, result.measured) == (Status.FAILED, 6), result
    assert places(result) == planted(history, files, messages)
    assert f"{length} commits of all refs ({length} new" in result.found
    # Fifty more, one of them with another.
    more = {length + 25: f"TOKEN = '{history.token()}'\n"}
    history.grow(50, more)
    result = ask("secrets-in-history", cache=cache)
    assert f"{length + 50} commits of all refs (50 new" in result.found
    assert places(result) == planted(history, {**files, **more}, messages)
    # A push by force leaves both of the last out, and brings one in.
    history.back_to(length - 21)
    forced = {length + 70: f"TOKEN = '{history.token()}'\n"}
    history.grow(50, forced)
    result = ask("secrets-in-history", cache=cache)
    del files[length]
    assert places(result) == planted(history, {**files, **forced}, messages)
    assert f"{length + 29} commits of all refs (50 new" in result.found
    # Nothing was lost on the way: all of it at once says the same.
    whole = ask("secrets-in-history")
    assert (whole.measured, whole.evidence) == (result.measured, result.evidence)


def test_its_twin_without_a_fault(ask: Callable[..., Result], history: History, tmp_path: Path, length: int) -> None:
    rows = {number * 50 + 1: f"{LOOKALIKES[number % 3]}\n" for number in range(length // 50)}
    history.grow(length, rows, {length // 2: "the token of the bot is not told here: 12345678:AA"})
    cache = tmp_path / "seen.json"
    result = ask("secrets-in-history", cache=cache)
    assert (result.status, result.measured, result.evidence) == (Status.PASSED, 0, ()), result
    history.grow(50)
    result = ask("secrets-in-history", cache=cache)
    assert result.status is Status.PASSED
    assert (
        result.found == f"0 secrets in {length + 50} commits of all refs (50 new since the last scan), the limit is 0"
    )
