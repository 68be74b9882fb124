"""Tells the team how a deployment stands, and writes down what was accepted."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Literal

from deploy_gate.catalog import About
from deploy_gate.facts import channels, findings, git, messages, notices, telegram
from deploy_gate.facts.channels import Call, News
from deploy_gate.facts.notices import Problem, Record
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, error, passed, warned
from deploy_gate.units import Duration, Variable, counted

TOKEN = "TELEGRAM_BOT_TOKEN"  # noqa: S105 - the name of the variable  # nosec B105
ABOUT = About(secrets=(TOKEN,), timeout=900)
MAX_SECONDS = 600
Stage = Literal["started", "running", "succeeded", "rolled-back", "failed"]


def operate(  # noqa: PLR0913 - one parameter for each input
    *,
    stage: Stage,
    record: Path,
    chat: str,
    thread: int,
    environment: str,
    release: str,
    deployment: str,
    text: str,
    reports: list[str],
    required: bool,
    apprise_variable: Variable,
    api: str,
    timeout: Duration,
) -> Result:
    """Write or edit the headline, then tell the findings; what went wrong is a warning, or an error if `required`."""
    validate(chat=chat, thread=thread, api=api, timeout=timeout)
    about = messages.Deployment(environment, release or git.tree(), run_address(), text)
    name = deployment or os.environ.get("GITHUB_RUN_ID", "") or about.release
    problems: list[str] = []
    known = _loaded(record, Record(brief(name, 200), brief(about.release, 200), brief(environment, 200)), problems)
    known.stages.append(notices.Stage(stage, notices.now()))
    read = _reports(reports, problems)
    stages = [(one.stage, notices.at(one.at)) for one in known.stages]
    news = News(known, record, stage, messages.headline(about, stages, read), read.findings)
    ways = list(_ways(chat, thread, apprise_variable, api))
    if not ways:
        problems.append(f"nobody was told: neither {TOKEN} and `chat` nor {apprise_variable or 'an address'} is set")
    until = monotonic() + timeout
    for channel, tell in ways:
        problems += _tried(channel, tell, news, until)
    known.problems += [Problem("", stage, notices.now(), brief(one, 600)) for one in problems]
    if fault := _saved(record, known):
        problems.append(fault)
    return judge(news, problems, required=required)


def validate(*, chat: str, thread: int, api: str, timeout: Duration, **_: object) -> None:
    """Misconfigured for what can be known wrong before anything is sent."""
    faults = []
    if chat and not channels.is_chat(chat):
        faults.append("input 'chat' expects a number such as -1001234567890, or a name such as @shop_deployments")
    if thread < 0:
        faults.append("input 'thread' expects the number of a topic, or 0")
    if not 0 < timeout <= MAX_SECONDS:
        faults.append("input 'timeout' expects at most 10m")
    try:
        telegram.address(api)
    except ValueError as fault:
        faults.append(f"input 'api' expects {fault}")
    if faults:
        raise Misconfigured(faults)


def run_address() -> str:
    """Where the log of this run is; empty on a laptop."""
    server, repository, run = (os.environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    return f"{server}/{repository}/actions/runs/{run}" if server and repository and run else ""


def _loaded(path: Path, fresh: Record, problems: list[str]) -> Record:
    """The record of this very deployment; a new one where it is another's, or cannot be read."""
    try:
        held = notices.load(path)
    except CouldNotTell as fault:
        problems.append(fault.found)
        return fresh
    return held if held and held.deployment == fresh.deployment else fresh


def _reports(paths: list[str], problems: list[str]) -> findings.Reports:
    try:
        return findings.read(paths)
    except CouldNotTell as fault:
        problems.append(f"the findings were not told: {fault.found}")
        return findings.Reports()


def _ways(chat: str, thread: int, apprise: str, api: str) -> list[tuple[str, Callable[[News, float], None]]]:
    ways: list[tuple[str, Callable[[News, float], None]]] = []
    token = os.environ.get(TOKEN, "")
    if token and chat:
        ways.append(("telegram", lambda news, until: channels.telegram(news, Call(token, api, chat, thread, until))))
    if urls := os.environ.get(apprise, "") if apprise else "":
        ways.append(("apprise", lambda news, until: channels.others(news, urls, until)))
    return ways


def _tried(channel: str, tell: Callable[[News, float], None], news: News, until: float) -> list[str]:
    try:
        tell(news, until)
    except CouldNotTell as fault:
        return [f"{channel}: {fault.found} → {fault.fix}"]
    return []


def _saved(path: Path, record: Record) -> str:
    try:
        notices.save(path, record)
    except CouldNotTell as fault:
        return fault.found
    return ""


def judge(news: News, problems: list[str], *, required: bool) -> Result:
    """All accepted, or a warning (an error, where it is required) that says what was not."""
    accepted = [one for one in news.record.messages if one.stage == news.stage and one in news.accepted]
    evidence = [_evidence(one) for one in accepted]
    told = f"{counted(len(accepted), 'message')} accepted for '{news.stage}'"
    if news.findings:
        told += f", {counted(len(news.findings), 'finding')} to tell"
    if not problems:
        return passed(f"{told}: {_places(accepted)}", evidence=evidence)
    fix = "mend what it says; the team does not know how this deployment stands"
    say = error if required else warned
    return say(f"{'; '.join(problems[:3])}; {told}", fix, evidence=[*evidence, *({"message": one} for one in problems)])


def _places(accepted: list[notices.Message]) -> str:
    heads = [one for one in accepted if one.kind == "main"]
    shown = [f"{one.channel} {one.number or ''}".strip() + (" (edited)" if one.edited else "") for one in heads]
    return ", ".join(shown) or "nothing new to say"


def _evidence(one: notices.Message) -> Evidence:
    doing = "edited" if one.edited else "accepted"
    return {
        "message": f"{one.channel}: {one.kind} message {one.number} {doing} in {brief(one.chat)} at {one.at}",
        "channel": one.channel,
        "chat": one.chat,
        "message_id": one.number,
        "at": one.at,
        "sha256": one.sha256,
    }
