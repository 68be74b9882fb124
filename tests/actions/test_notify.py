"""notify against a server that speaks the Bot API: one message, edited; findings below it; and all its refusals."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import bot_api
import pytest
from bot_api import GROUP, TOKEN, TOPIC, Telegram, refused
from support import ROOT

from deploy_gate.catalog import Catalog
from deploy_gate.facts import botapi, channels, findings, messages, telegram
from deploy_gate.facts.findings import Finding
from deploy_gate.inputs import bind
from deploy_gate.result import Result, Status

RECORD = "told.json"


@pytest.fixture
def bot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Telegram]:
    """The Bot API, its token in the environment; pauses are noted and not waited for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", TOKEN)
    with bot_api.telegram() as server:
        yield server


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    noted: list[float] = []
    monkeypatch.setattr(telegram, "wait", noted.append)
    return noted


@pytest.fixture
def notify(bot: Telegram, pauses: list[float], ask: Callable[..., Result]) -> Callable[..., Result]:
    """The operation with that server; whatever it says, the token is not in it."""

    def run(stage: str = "started", **given: object) -> Result:
        defaults = {
            "chat": GROUP,
            "api": bot.url,
            "record": RECORD,
            "environment": "production",
            "release": "4f0c2d9b6a1e",
        }
        result = ask("notify", stage=stage, **{**defaults, **given})
        assert TOKEN not in str(result)
        if Path(RECORD).is_file():
            assert TOKEN not in Path(RECORD).read_text()
        return result

    return run


def report(name: str, *lines: tuple[str, str, str], phase: str = "verify", verdict: str = "no-go") -> str:
    """A report of the gate with these items: id, status, found."""
    items = [{"id": one, "status": status, "found": found, "fix": f"mend {one}"} for one, status, found in lines]
    Path(name).write_text(json.dumps({"schema": 1, "phase": phase, "verdict": verdict, "items": items}))
    return name


def record() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(RECORD).read_text())
    return found


def test_one_message_edited_as_it_goes(bot: Telegram, notify: Callable[..., Result]) -> None:
    results = [notify(stage) for stage in ("started", "running", "succeeded")]
    assert [one.status for one in results] == [Status.PASSED] * 3
    assert [method for method, _ in bot.asked] == ["sendMessage", "editMessageText", "editMessageText"]
    (text,) = bot.texts()
    lines = text.splitlines()
    assert lines[0] == "✔ Deployment of 4f0c2d9b6a1e to production: succeeded"
    assert [line.split()[0] for line in lines[1:4]] == ["started", "running", "succeeded"]
    assert results[0].found == "1 message accepted for 'started': telegram 1"
    assert results[2].found == "1 message accepted for 'succeeded': telegram 1 (edited)"
    evidence = results[2].evidence[0]
    assert (evidence["message_id"], evidence["chat"]) == (1, GROUP)
    held = record()
    assert [one["stage"] for one in held["stages"]] == ["started", "running", "succeeded"]
    assert held["messages"][-1]["sha256"] == evidence["sha256"]
    assert held["problems"] == []


def test_findings_are_answers_to_it_in_the_same_topic(bot: Telegram, notify: Callable[..., Result]) -> None:
    notify(thread=TOPIC)
    path = report(
        "report.json",
        ("p95", "failed", "p95 is 501 ms, the limit is 500 ms"),
        ("cpu", "warned", "61 %"),
        ("redis", "error", "refused"),
        ("health", "passed", "200"),
        ("gps", "skipped", "none"),
        ("audit", "pending", findings.PLANNED),
        ("qa", "pending", "waits for a person"),
        ("cors", "waived", "waived until 2027"),
    )
    result = notify("failed", thread=TOPIC, reports=path)
    assert result.status is Status.PASSED
    assert "5 findings to tell" in result.found
    answer = bot.messages[2]
    assert (answer["reply_parameters"]["message_id"], answer["message_thread_id"]) == (1, TOPIC)
    assert answer["text"].startswith("✖ p95 (failed, verify): p95 is 501 ms, the limit is 500 ms\n→ mend p95\n\n! cpu")
    assert [one["item"] for one in record()["told"]] == ["p95", "cpu", "redis", "qa", "cors"]
    assert "verify: no-go\n5 of 8 lines did not pass" in bot.messages[1]["text"]
    # The same again tells nothing twice; one more finding is told alone.
    notify("failed", thread=TOPIC, reports=path)
    assert len(bot.messages) == 2
    more = report("more.json", ("memory", "failed", "71 %"), phase="monitor")
    notify("failed", thread=TOPIC, reports=f"{path}\n{more}")
    assert bot.messages[3]["text"] == "✖ memory (failed, monitor): 71 %\n→ mend memory"


def test_many_findings_fill_several_messages_and_none_is_cut(bot: Telegram, notify: Callable[..., Result]) -> None:
    lines = [(f"item-{number}", "failed", "😀" * 150 + str(number)) for number in range(40)]
    assert notify("failed", reports=report("report.json", *lines)).status is Status.PASSED
    answers = bot.texts()[1:]
    assert len(answers) > 3
    assert all(f"item-{number} (failed" in "".join(answers) for number in range(40))
    assert len(record()["told"]) == 40


def test_more_findings_than_may_be_told_are_said(bot: Telegram, notify: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(channels, "MAX_MESSAGES", 2)
    lines = [(f"item-{number}", "failed", "x" * 590) for number in range(40)]
    result = notify("failed", reports=report("report.json", *lines))
    assert result.status is Status.WARNED
    told = len(record()["told"])
    assert f"{40 - told} findings were not told: more than 2 messages in one run" in result.found
    assert len(bot.messages) == 3


@pytest.mark.parametrize(
    "text", ["*a_b[c](d)`<b>&amp;", "/start @everyone", "\x1b[31mred\x00\u202e", "\ud800", "a\r\nb", "😀" * 5000]
)
def test_no_content_can_break_it(bot: Telegram, notify: Callable[..., Result], text: str) -> None:
    assert notify(text=text).status is Status.PASSED
    assert "parse_mode" not in bot.asked[0][1]
    assert "\x1b" not in bot.texts()[0]
    assert "\u202e" not in bot.texts()[0]


def test_the_limit_is_kept_and_the_cut_is_told(bot: Telegram, notify: Callable[..., Result]) -> None:
    assert notify(text="a😀" * 3000).status is Status.PASSED
    (text,) = bot.texts()
    assert messages.units(text) <= messages.LIMIT
    left = int(text.rsplit("\n… ", 1)[1].split()[0])
    kept = text.rsplit("\n… ", 1)[0].split("\n\n", 1)[1]
    assert len(kept) + left == 6000
    assert text.endswith(" more characters left out")


@pytest.mark.parametrize("size", [4095, 4096, 4097, 8192])
def test_cutting_counts_as_telegram_does(size: int) -> None:
    text = "😀" * (size // 2) + "a" * (size % 2)
    cut = messages.cut(text)
    assert messages.units(cut) <= 4096
    assert (cut == text) == (size <= 4096)


# --- refusals ---


@pytest.mark.parametrize(
    ("given", "fault", "says", "fix"),
    [
        ({}, refused(401, "Unauthorized"), "does not know this token (401 Unauthorized)", "BotFather"),
        ({"chat": "-42"}, None, "there is no such chat (400 Bad Request: chat not found)", "a group's number begins with -"),
        ({"thread": 8}, None, "there is no such topic", "correct `thread`"),
        ({}, refused(403, "Forbidden: bot was kicked from the supergroup chat"), "may not write to this chat (403 Forbidden", "add the bot"),
        ({}, refused(400, "Bad Request: group chat was upgraded", migrate_to_chat_id=-100777), "become a supergroup", "set `chat` to -100777"),
        ({}, refused(404, "Not Found"), "does not know this token", "BotFather"),
        ({}, refused(400, "Bad Request: ::error::x\n\x1b[1m"), "does not accept the message", "read what it says"),
    ],
)  # fmt: skip
def test_refusals_warn_and_stand_in_the_record(
    bot: Telegram,
    notify: Callable[..., Result],
    given: dict[str, object],
    fault: bot_api.Fault | None,
    says: str,
    fix: str,
) -> None:
    bot.faults += [fault] if fault else []
    result = notify(**given)
    assert result.status is Status.WARNED
    assert says in result.found
    assert fix in result.found
    assert "\x1b" not in result.found
    assert "\n" not in result.found
    assert says.split(" (", maxsplit=1)[0] in record()["problems"][0]["what"]
    assert record()["messages"] == []
    assert len(bot.asked) == 1


def test_required_makes_it_an_error(bot: Telegram, notify: Callable[..., Result]) -> None:
    bot.faults.append(refused(401, "Unauthorized"))
    assert notify(required="true").status is Status.ERROR
    assert notify(required="true").status is Status.PASSED


def test_too_many_requests_are_waited_for_as_long_as_it_says(
    bot: Telegram, notify: Callable[..., Result], pauses: list[float]
) -> None:
    bot.faults += [refused(429, "Too Many Requests: retry after 17", retry_after=17)] * 2
    assert notify().status is Status.PASSED
    assert pauses == [17, 17]
    assert len(bot.messages) == 1


@pytest.mark.parametrize("after", [61, -1, 10**9, True])
def test_a_delay_past_the_time_allowed_or_out_of_reason_is_not_waited_for(
    bot: Telegram, notify: Callable[..., Result], pauses: list[float], after: int
) -> None:
    bot.faults.append(refused(429, "Too Many Requests", retry_after=after))
    result = notify()
    assert (result.status, pauses) == (Status.WARNED, [])
    assert "too many messages" in result.found
    assert len(bot.asked) == 1


def test_waiting_has_an_end(bot: Telegram, notify: Callable[..., Result], pauses: list[float]) -> None:
    bot.faults += [refused(429, "Too Many Requests", retry_after=1)] * 50
    assert notify().status is Status.WARNED
    assert len(bot.asked) == telegram.MAX_TRIES


def test_trouble_of_the_server_is_tried_again(
    bot: Telegram, notify: Callable[..., Result], pauses: list[float]
) -> None:
    bot.faults += [(502, b"<html>Bad Gateway</html>"), refused(500, "Internal Server Error")]
    assert notify().status is Status.PASSED
    assert (pauses, len(bot.messages)) == ([1, 2], 1)
    bot.faults += [(503, b"")] * 50
    result = notify("running")
    assert result.status is Status.WARNED
    assert "in trouble itself (503" in result.found


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


def test_a_message_that_may_have_been_posted_is_not_posted_again(bot: Telegram, notify: Callable[..., Result]) -> None:
    bot.faults.append(hang_up)
    result = notify()
    assert result.status is Status.WARNED
    assert "whether the message was posted is not known" in result.found
    assert [method for method, _ in bot.asked] == ["sendMessage"]


def test_an_edit_that_broke_off_is_tried_again(bot: Telegram, notify: Callable[..., Result]) -> None:
    notify()
    bot.faults += [hang_up, hang_up]
    assert notify("succeeded").status is Status.PASSED
    assert len(bot.messages) == 1


def silent(handler: BaseHTTPRequestHandler) -> None:
    assert isinstance(handler.server, Telegram)
    handler.server.over.wait(60)


def test_a_server_that_never_answers_is_left(bot: Telegram, notify: Callable[..., Result]) -> None:
    bot.faults.append(silent)
    result = notify(timeout="300ms")
    assert result.status is Status.WARNED
    assert "did not answer in time" in result.found


@pytest.mark.parametrize(
    "raw",
    [b"hello", b"[]", b'{"ok": 1}', b'{"ok": true}', b'{"ok": true, "result": {"message_id": "1"}}', b"[" * 100_000,
     b'{"ok": true, "result": {"message_id": true, "chat": {"id": 1}}}', b'{"ok": false}', b"x" * (botapi.MAX_ANSWER + 1),
     b'{"ok": true, "result": {"message_id": 0, "chat": {"id": 1}}}'],
)  # fmt: skip
def test_an_answer_that_lies_is_no_acceptance(bot: Telegram, notify: Callable[..., Result], raw: bytes) -> None:
    bot.faults.append((200, raw))
    assert notify().status is Status.WARNED
    assert record()["messages"] == []
    assert len(bot.asked) == 1


def test_an_edit_of_another_message_is_no_acceptance(bot: Telegram, notify: Callable[..., Result]) -> None:
    notify()
    bot.faults.append((200, b'{"ok": true, "result": {"message_id": 99, "chat": {"id": -1}}}'))
    result = notify("succeeded")
    assert result.status is Status.WARNED
    assert "it says that it edited message 99, not 1" in result.found


def test_refused_connections(notify: Callable[..., Result], bot: Telegram) -> None:
    with bot_api.telegram() as gone:
        url = gone.url
    result = notify(api=url)
    assert result.status is Status.WARNED
    assert f"the Bot API at {url} was not reached: Connection refused" in result.found


# --- messages that changed meanwhile ---


def test_a_message_that_is_as_it_should_be_is_accepted(bot: Telegram, notify: Callable[..., Result]) -> None:
    notify()
    same = "Bad Request: message is not modified: specified new message content and reply markup are exactly the same"
    bot.faults.append(refused(400, same))
    result = notify("running")
    assert result.status is Status.PASSED
    assert record()["messages"][-1]["stage"] == "running"


def test_a_message_that_somebody_deleted_is_sent_anew(bot: Telegram, notify: Callable[..., Result]) -> None:
    notify()
    del bot.messages[1]
    assert notify("succeeded").status is Status.PASSED
    assert list(bot.messages) == [2]
    notify("succeeded", text="more")
    assert list(bot.messages) == [2]


def test_another_deployment_gets_a_message_of_its_own(bot: Telegram, notify: Callable[..., Result]) -> None:
    notify(deployment="1")
    notify(deployment="2")
    assert len(bot.messages) == 2
    assert record()["deployment"] == "2"


def test_the_run_is_the_deployment(bot: Telegram, notify: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    for name, value in {"RUN_ID": "77", "SERVER_URL": "https://github.example", "REPOSITORY": "acme/erp"}.items():
        monkeypatch.setenv(f"GITHUB_{name}", value)
    notify()
    assert record()["deployment"] == "77"
    assert "https://github.example/acme/erp/actions/runs/77" in bot.texts()[0]


# --- what is missing ---


def test_nobody_to_tell_is_a_warning(notify: Callable[..., Result], bot: Telegram, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    assert notify(chat="").status is Status.WARNED
    monkeypatch.delenv("TELEGRAM_BOT_TOKEN")
    result = notify()
    assert result.status is Status.WARNED
    assert "nobody was told: neither TELEGRAM_BOT_TOKEN and `chat` nor APPRISE_URLS is set" in result.found
    assert bot.asked == []


@pytest.mark.parametrize("token", ["tokentoken", f"bot{TOKEN}", f"{TOKEN}\r\nX: y", f"{TOKEN}/../x", f'"{TOKEN}"'])
def test_what_is_no_token_is_not_sent(
    notify: Callable[..., Result], bot: Telegram, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", token)
    result = notify()
    assert "does not look like a bot's token" in result.found
    assert token not in result.found
    assert bot.asked == []


@pytest.mark.parametrize(
    "content", [None, "{}", "no json", '{"schema": 1, "items": [{"id": 1}]}', '{"schema": 2, "items": []}']
)
def test_a_report_that_cannot_be_read_does_not_keep_the_headline_back(
    bot: Telegram, notify: Callable[..., Result], content: str | None
) -> None:
    if content is not None:
        Path("report.json").write_text(content)
    result = notify("failed", reports="report.json")
    assert result.status is Status.WARNED
    assert "the findings were not told" in result.found
    assert len(bot.messages) == 1


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"schema": 1}',
        '{"schema": 1, "deployment": 3, "stages": [], "messages": [], "told": [], "problems": []}',
    ],
)
def test_a_broken_record_is_begun_anew(bot: Telegram, notify: Callable[..., Result], content: str) -> None:
    Path(RECORD).write_text(content)
    result = notify()
    assert result.status is Status.WARNED
    assert "is not a record of the notify operation" in result.found
    assert len(record()["messages"]) == 1


def test_a_record_that_cannot_be_written_is_told(bot: Telegram, notify: Callable[..., Result]) -> None:
    Path("folder").mkdir()
    result = notify(record="folder")
    assert result.status is Status.WARNED
    assert "folder" in result.found
    assert result.found.count("cannot be written") >= 1


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"chat": "shop"}, "input 'chat' expects a number"),
        ({"chat": "-1/../x"}, "input 'chat'"),
        ({"thread": "-1"}, "input 'thread'"),
        ({"timeout": "11m"}, "input 'timeout'"),
        ({"api": "https://u:p@api.example"}, "input 'api'"),
        ({"api": "file:///etc/passwd"}, "input 'api'"),
    ],
)
def test_wrong_inputs_are_told(given: dict[str, str], says: str) -> None:
    capability = Catalog().get("notify")
    bound = bind(capability.manifest.inputs, capability.hints, {"stage": "started", **given})
    assert bound.wrong == []
    assert says in "\n".join(capability.faults(bound.values))


def test_the_token_is_in_no_output_and_no_process_list(bot: Telegram, tmp_path: Path) -> None:
    """The operation as a step runs it, with every fault that a library could tell with the address in it."""
    seen: list[bytes] = []

    def look(_: BaseHTTPRequestHandler) -> None:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):  # it has ended meanwhile
                seen.append(path.read_bytes())

    bot.faults += [look]
    command = [sys.executable, "-I", str(ROOT / "scripts"), "do", "notify", "--stage", "started", "--chat", GROUP]
    environment = {"PATH": os.environ["PATH"], "HOME": str(Path.home()), "TELEGRAM_BOT_TOKEN": TOKEN}
    # GitHub's own outputs and summary too.
    files = {name: str(tmp_path / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    with bot_api.telegram() as gone:
        nowhere = gone.url
    # Where nothing listens, there is no time for a second try.
    tries = [
        (bot.url, "60s", "warned"),
        (nowhere, "100ms", "warned"),
        (nowhere.replace("http:", "https:"), "100ms", "warned"),
    ]
    # And the last is accepted, with the token in the text that somebody gave.
    for url, limit, status in (*tries, (bot.url, "60s", "passed")):
        done = subprocess.run(
            [*command, "--api", url, "--timeout", limit, "--text", f"see\n{TOKEN} there"], capture_output=True, text=True, timeout=120, cwd=tmp_path, check=False,
            env={**environment, **files, "GITHUB_ACTIONS": "true"},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert TOKEN not in done.stdout + done.stderr
        assert status in done.stdout
    assert "see\n*** there" in bot.texts()[0]
    # Of our own command line alone: the text was given there.
    assert seen
    assert not [one for one in seen if TOKEN.encode() in one.replace(f"see\n{TOKEN} there".encode(), b"")]
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]


def test_findings_are_split_between_messages() -> None:
    many = [Finding(f"i{number}", "failed", "x" * 600, "y" * 600, "verify") for number in range(10)]
    parts = list(messages.told(many))
    assert [one for _, held in parts for one in held] == many
    assert all(messages.units(text) <= messages.LIMIT for text, _ in parts)


def test_a_stage_that_lasts_stands_once_with_its_beginning() -> None:
    moments = [datetime(2026, 11, 24, 12, minute, tzinfo=UTC) for minute in range(5)]
    stages = list(zip(["started", "running", "running", "running", "succeeded"], moments, strict=True))
    text = messages.headline(messages.Deployment("production", "abc", "", ""), stages, findings.Reports())
    told = [line for line in text.splitlines() if line.endswith("UTC")]
    assert told == [
        f"{name} 2026-11-24 12:0{minute}:00 UTC" for name, minute in (("started", 0), ("running", 1), ("succeeded", 4))
    ]
