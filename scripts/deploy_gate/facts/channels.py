"""How news reaches the team: a headline that is edited, findings as answers to it; each acceptance is written down."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from deploy_gate.facts import messages, notices, otherchannels
from deploy_gate.facts import telegram as bots
from deploy_gate.facts.findings import Finding
from deploy_gate.facts.notices import Message, Record, Told
from deploy_gate.facts.telegram import Bot, Refused
from deploy_gate.result import CouldNotTell, brief

MAX_MESSAGES = 20
_CHAT = re.compile(r"-?[1-9][0-9]{0,18}|@[A-Za-z][A-Za-z0-9_]{3,31}")


@dataclass(slots=True)
class News:
    """What is to be told, and what was accepted of it in this run."""

    record: Record
    path: Path
    stage: str
    headline: str
    findings: tuple[Finding, ...] = ()
    accepted: list[Message] = field(default_factory=list)

    def note(self, message: Message, held: list[Finding] | None = None) -> None:
        """Write down that a message, with these findings in it, was accepted."""
        self.record.messages.append(message)
        self.accepted.append(message)
        for one in held or []:
            self.record.told.append(
                Told(one.key, one.item, one.status, message.channel, message.number, message.at),
            )
        # At once: a run that dies here must not tell the same again.
        notices.save(self.path, self.record)


@dataclass(frozen=True, slots=True)
class Call:
    """A bot, a chat and its topic (0: none), and until when (time.monotonic)."""

    token: str = field(repr=False)
    api: str
    chat: str
    thread: int
    until: float


def is_chat(text: str) -> bool:
    """Whether it can be a chat: a number, or the @name of a public one."""
    return _CHAT.fullmatch(text) is not None


def telegram(news: News, call: Call) -> None:
    """Edit the headline, or send it; then answer it with the findings that stand in no message yet."""
    bot = bots.bot(call.token, call.api, call.until - time.monotonic())
    main = _headline(news, bot, call)
    untold = news.record.untold(news.findings, "telegram")
    for count, (text, held) in enumerate(messages.told(untold)):
        if count == MAX_MESSAGES:
            raise _too_many(news, "telegram")
        sent = bot.send(call.chat, text, thread=call.thread or None, reply=main.number)
        news.note(_message(news, "findings", call.chat, sent, text), held)


def _headline(news: News, bot: Bot, call: Call) -> Message:
    before = news.record.main("telegram", call.chat)
    if before:
        try:
            sent = bot.edit(before.chat, before.number, news.headline)
        except Refused as fault:
            if not fault.gone:
                raise
        else:
            edited = replace(_message(news, "main", call.chat, sent, news.headline), edited=True)
            news.note(edited)
            return edited
    sent = bot.send(call.chat, news.headline, thread=call.thread or None)
    first = _message(news, "main", call.chat, sent, news.headline)
    news.note(first)
    return first


def _message(news: News, kind: str, to: str, sent: bots.Sent, text: str) -> Message:
    digest = notices.digest(text)
    return Message("telegram", kind, news.stage, to, sent.chat, sent.message, notices.now(), digest)


def others(news: News, urls: str, until: float) -> None:
    """The same as messages of their own, since most channels can neither edit nor answer."""
    known = otherchannels.addresses(urls)
    if not known:
        raise CouldNotTell("the variable holds no address", "put Apprise addresses into it, one a line")
    title = brief(news.headline.split("\n", 1)[0], 200)
    _other(news, known, title, (news.headline, [], "main"), until)
    for count, (text, held) in enumerate(messages.told(news.record.untold(news.findings, "apprise"))):
        if count == MAX_MESSAGES:
            raise _too_many(news, "apprise")
        _other(news, known, title, (text, held, "findings"), until)


def _other(news: News, urls: list[str], title: str, what: tuple[str, list[Finding], str], until: float) -> None:
    text, held, kind = what
    outcome = otherchannels.send(urls, title, text, max(until - time.monotonic(), 0.1))
    if outcome.accepted < outcome.asked:
        found = f"{outcome.accepted} of {outcome.asked} addresses took the {kind} message, all must"
        raise CouldNotTell(found, "check the addresses with Apprise's own command line")
    to = f"{outcome.asked} addresses"
    digest = notices.digest(text)
    news.note(Message("apprise", kind, news.stage, to, to, 0, notices.now(), digest), held)


def _too_many(news: News, channel: str) -> CouldNotTell:
    left = len(news.record.untold(news.findings, channel))
    found = f"{left} findings were not told: more than {MAX_MESSAGES} messages in one run"
    return CouldNotTell(found, "read the report for them, and tell the team by hand")
