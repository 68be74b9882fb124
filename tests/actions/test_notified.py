"""notified: reads what notify recorded against a server that speaks the Bot API, and trusts nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import bot_api
import pytest
from bot_api import GROUP, TOKEN, Telegram, refused

from deploy_gate.catalog import Catalog
from deploy_gate.facts import findings
from deploy_gate.inputs import bind
from deploy_gate.result import Result, Status

RECORD = "told.json"


@pytest.fixture
def bot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Telegram]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", TOKEN)
    with bot_api.telegram() as server:
        yield server


@pytest.fixture
def notify(bot: Telegram, ask: Callable[..., Result]) -> Callable[..., Result]:
    return lambda stage="started", **given: ask(
        "notify", stage=stage, **{"chat": GROUP, "api": bot.url, "record": RECORD, "release": "4f0c", **given}
    )


@pytest.fixture
def notified(bot: Telegram, ask: Callable[..., Result]) -> Callable[..., Result]:
    return lambda proves="announced", **given: ask("notified", proves=proves, **{"record": RECORD, **given})


def report(name: str, *items: tuple[str, str], phase: str = "verify") -> str:
    lines = [{"id": one, "status": status, "found": f"{one} is bad", "fix": ""} for one, status in items]
    Path(name).write_text(json.dumps({"schema": 1, "phase": phase, "verdict": "go", "items": lines}))
    return name


def change(edit: Callable[[dict[str, Any]], object]) -> None:
    data = json.loads(Path(RECORD).read_text())
    edit(data)
    Path(RECORD).write_text(json.dumps(data))


def test_announced(notify: Callable[..., Result], notified: Callable[..., Result]) -> None:
    before = notified()
    assert (before.status, before.found) == (Status.FAILED, f"there is no record {RECORD}: nobody was told anything")
    notify()
    result = notified()
    assert result.status is Status.PASSED
    assert result.found.endswith(f"ago, the limit is 6 h: telegram accepted message 1 in {GROUP}")
    assert (result.evidence[0]["message_id"], result.evidence[0]["chat"]) == (1, GROUP)
    assert notified("success").status is Status.FAILED


def test_a_wrong_token_is_red_and_says_so(
    notify: Callable[..., Result], notified: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", TOKEN[:-1] + "X")
    assert notify().status is Status.WARNED
    result = notified()
    assert result.status is Status.FAILED
    assert (
        "no message for 'started' was accepted, the last stage is 'started': telegram: the Bot API refused"
        in result.found
    )
    assert "does not know this token (401 Unauthorized)" in result.found


def test_success(bot: Telegram, notify: Callable[..., Result], notified: Callable[..., Result]) -> None:
    notify()
    bot.faults.append(refused(403, "Forbidden: bot was blocked by the user"))
    notify("succeeded")
    refused_ = notified("success")
    assert refused_.status is Status.FAILED
    assert "may not write to this chat (403 Forbidden: bot was blocked by the user)" in refused_.found
    notify("succeeded")
    assert notified("success").status is Status.PASSED
    notify("rolled-back")
    taken_back = notified("success")
    assert (taken_back.status, taken_back.found) == (
        Status.FAILED,
        "'succeeded' was told, and 'rolled-back' came after it",
    )


def test_every_finding_must_stand_in_a_message(notify: Callable[..., Result], notified: Callable[..., Result]) -> None:
    first = report("first.json", ("p95", "failed"), ("cpu", "warned"), ("health", "passed"))
    second = report("second.json", ("redis", "error"), ("gps", "skipped"), phase="monitor")
    notify("failed", reports=first)
    assert notified("issues", reports=first).found == "all 2 findings of 3 lines stand in messages that were accepted"
    left_out = notified("issues", reports=f"{first}\n{second}")
    assert (left_out.status, left_out.measured) == (Status.FAILED, 1)
    assert left_out.found == "1 of 3 findings stand in no message that was accepted: redis"
    assert [one["message"] for one in left_out.evidence] == ["not told: redis (error): redis is bad"]
    notify("failed", reports=f"{first}\n{second}")
    assert notified("issues", reports=f"{first}\n{second}").status is Status.PASSED


def test_the_same_item_with_another_finding_is_not_told_yet(
    notify: Callable[..., Result], notified: Callable[..., Result]
) -> None:
    notify("failed", reports=report("report.json", ("p95", "warned")))
    assert notified("issues", reports=report("report.json", ("p95", "failed"))).status is Status.FAILED


def test_a_finding_whose_message_was_refused_is_left_out(
    bot: Telegram, notify: Callable[..., Result], notified: Callable[..., Result]
) -> None:
    notify()
    path = report("report.json", ("p95", "failed"))
    bot.faults += [refused(400, "Bad Request: message is not modified"), refused(403, "Forbidden: bot was kicked")]
    notify("failed", reports=path)
    assert notified("issues", reports=path).status is Status.FAILED


def test_no_finding_needs_no_message(notify: Callable[..., Result], notified: Callable[..., Result]) -> None:
    path = report("report.json", ("health", "passed"), ("audit", "skipped"))
    notify()
    assert notified("issues", reports=path).found == "there is no finding among 2 lines"
    assert notified("issues", reports=report("empty.json")).status is Status.ERROR
    Path("none").mkdir()
    assert notified("issues", reports="none").status is Status.ERROR
    assert notified("issues", reports="missing.json").status is Status.ERROR


def test_another_deployment_does_not_count(
    notify: Callable[..., Result], notified: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    notify(deployment="77")
    assert notified(deployment="77").status is Status.PASSED
    monkeypatch.setenv("GITHUB_RUN_ID", "78")
    result = notified()
    assert (result.status, result.found) == (Status.FAILED, "the record is about deployment 77, this is 78")


def aged(hours: float) -> str:
    return (datetime.now(UTC) - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_old_and_future_messages(notify: Callable[..., Result], notified: Callable[..., Result]) -> None:
    notify()
    change(lambda data: data["messages"][0].update(at=aged(7)))
    old = notified()
    assert old.status is Status.FAILED
    assert "7 h old, the limit is 6 h" in old.found
    assert notified(max_age="8h").status is Status.PASSED
    change(lambda data: data["messages"][0].update(at=aged(-1)))
    assert notified().status is Status.ERROR


@pytest.mark.parametrize(
    "edit",
    [
        lambda data: data["messages"][0].update(at="yesterday"),
        lambda data: data["messages"][0].update(number="1"),
        lambda data: data["messages"][0].update(number=True),
        lambda data: data["messages"][0].pop("sha256"),
        lambda data: data["messages"].append(7),
        lambda data: data.update(more=1),
        lambda data: data.update(schema=2),
        lambda data: data.update(deployment=None),
        lambda data: data.pop("told"),
    ],
)
def test_a_record_that_is_none_is_an_error(
    notify: Callable[..., Result], notified: Callable[..., Result], edit: Callable[[dict[str, Any]], object]
) -> None:
    notify()
    change(edit)
    result = notified()
    assert (result.status, result.found) == (Status.ERROR, f"{RECORD} is not a record of the notify operation")


def test_a_message_of_findings_is_no_announcement(
    notify: Callable[..., Result], notified: Callable[..., Result]
) -> None:
    notify()
    change(lambda data: data["messages"][0].update(kind="findings"))
    assert notified().status is Status.FAILED


def test_a_folder_stands_for_every_report_below_it(
    notify: Callable[..., Result], notified: Callable[..., Result]
) -> None:
    for number, folder in enumerate(["all/report-rest", "all/report-idle/deploy@erp"]):
        Path(folder).mkdir(parents=True)
        report(f"{folder}/report.json", (f"p{number}", "failed"))
    notify("failed", reports="all/report-rest")
    assert "p0" not in notified("issues", reports="all").found
    assert notified("issues", reports="all").status is Status.FAILED
    notify("failed", reports="all")
    assert notified("issues", reports="all").found == "all 2 findings of 2 lines stand in messages that were accepted"


def test_issues_need_reports() -> None:
    capability = Catalog().get("notified")
    bound = bind(capability.manifest.inputs, capability.hints, {"record": RECORD, "proves": "issues"})
    assert "input 'reports' is needed" in "\n".join(capability.faults(bound.values))
    assert bind(capability.manifest.inputs, capability.hints, {}).missing == ["record"]


def test_planned_lines_are_no_findings() -> None:
    """The words by which a line that no machine looks at is told must stay the engine's."""
    binder = Path(str(findings.__file__)).parents[1] / "engine" / "binder.py"
    assert f'State.PLANNED, "{findings.PLANNED}"' in binder.read_text()
