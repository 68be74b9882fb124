"""Telegram's Bot API: two methods, bounded in time, tried again only where that cannot post a message twice.

The token stands in the path of every request, so no address and no exception of a library is ever shown.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from deploy_gate.facts import botapi, http
from deploy_gate.facts.botapi import Answer, Lost
from deploy_gate.result import CouldNotTell, brief
from deploy_gate.units import show_duration

MAX_TRIES = 5
MAX_WAIT = 300.0
ONE_TRY = 20.0
_TOKEN = re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]{20,100}")
_NOT_MODIFIED = "message is not modified"
_GONE = re.compile(r"message to edit not found|message can't be edited|message_id_invalid", re.IGNORECASE)
_OTHER = (0, "")
_TOKEN_UNKNOWN = ("it does not know this token", "put the token that BotFather shows into TELEGRAM_BOT_TOKEN")
_MEANINGS = {
    (401, ""): _TOKEN_UNKNOWN,
    (404, ""): _TOKEN_UNKNOWN,
    (403, ""): ("the bot may not write to this chat", "add the bot to the chat again, and let it write there"),
    (400, "chat not found"): (
        "there is no such chat",
        "correct `chat` (a group's number begins with -), and add the bot to it",
    ),
    (400, "thread not found"): ("there is no such topic in the chat", "correct `thread`"),
    _OTHER: ("it does not accept the message", "read what it says, and correct the inputs"),
}
wait = time.sleep


class Refused(CouldNotTell):
    """The Bot API said no, or nothing that can be understood; `code` is 0 where there was no answer at all."""

    def __init__(self, found: str, fix: str, code: int = 0, said: str = "") -> None:
        super().__init__(found, fix)
        self.code, self.said = code, said

    @property
    def gone(self) -> bool:
        """The message that was to be edited is not there, or too old."""
        return self.code == 400 and _GONE.search(self.said) is not None


@dataclass(frozen=True, slots=True)
class Sent:
    """What the Bot API accepted: the message's number and the chat it is in."""

    message: int
    chat: str
    changed: bool = True


@dataclass(frozen=True, slots=True)
class Bot:
    """Where the Bot API is, the token, and until when (time.monotonic) everything must be done."""

    base: http.Address
    token: str = field(repr=False)
    until: float

    def send(self, chat: str, text: str, *, thread: int | None = None, reply: int | None = None) -> Sent:
        """Send a message; Refused when it was not accepted, or nobody knows."""
        body: dict[str, Any] = {"chat_id": chat, "text": text, "link_preview_options": {"is_disabled": True}}
        if thread is not None:
            body["message_thread_id"] = thread
        if reply is not None:
            # A message that somebody deleted meanwhile must not keep the next one back.
            body["reply_parameters"] = {"message_id": reply, "allow_sending_without_reply": True}
        return _sent(_ask(self, "sendMessage", body, again=False))

    def edit(self, chat: str, message: int, text: str) -> Sent:
        """Put another text into a message; Refused when it was not accepted."""
        body = {"chat_id": chat, "message_id": message, "text": text, "link_preview_options": {"is_disabled": True}}
        try:
            sent = _sent(_ask(self, "editMessageText", body, again=True))
        except Refused as fault:
            if fault.code == 400 and _NOT_MODIFIED in fault.said:
                return Sent(message, chat, changed=False)
            raise
        if sent.message != message:
            raise _lied(f"it says that it edited message {sent.message}, not {message}")
        return sent


def bot(token: str, base: str, seconds: float) -> Bot:
    """A bot that must be done in so many seconds; CouldNotTell for what is no token, ValueError for no address."""
    if not _TOKEN.fullmatch(token):
        found = "TELEGRAM_BOT_TOKEN does not look like a bot's token (digits, a colon, 35 signs)"
        raise CouldNotTell(found, "put the token that BotFather shows into that secret, without quotes or blanks")
    return Bot(address(base), token, time.monotonic() + seconds)


def address(base: str) -> http.Address:
    """The Bot API's address; ValueError says what would be legal."""
    parsed = http.parse(base.rstrip("/"))
    if parsed.userinfo or "?" in parsed.path:
        raise ValueError("the address of a Bot API, without user, password and query")
    return parsed


def _ask(bot: Bot, method: str, body: dict[str, Any], *, again: bool) -> Any:
    """The method's result; `again` says that doing it twice does no harm."""
    for turn in range(1, MAX_TRIES + 1):
        try:
            seconds = min(ONE_TRY, max(bot.until - time.monotonic(), 0.01))
            answer = botapi.post(bot.base, bot.token, method, body, seconds)
        except Lost as fault:
            if turn < MAX_TRIES and (again or not fault.sent) and _slept(bot, turn):
                continue
            raise _unreached(bot, method, fault) from None
        if answer.code == 200:
            return answer.result
        pause = _pause(answer, turn)
        if pause is not None and turn < MAX_TRIES and _slept(bot, pause):
            continue
        raise _refused(method, answer)
    raise AssertionError(method)


def _pause(answer: Answer, turn: int) -> float | None:
    """How long to wait before it is tried again; None where that is of no use."""
    if answer.code == 429:
        told = answer.parameters.get("retry_after")
        return float(told) if isinstance(told, int) and not isinstance(told, bool) and 0 <= told <= MAX_WAIT else None
    return float(turn) if 500 <= answer.code <= 599 else None


def _slept(bot: Bot, seconds: float) -> bool:
    """Wait, unless time would be up then."""
    if time.monotonic() + seconds >= bot.until:
        return False
    wait(seconds)
    return True


def _sent(result: Any) -> Sent:
    chat = result.get("chat") if isinstance(result, dict) else None
    message = result.get("message_id") if isinstance(result, dict) else None
    number = chat.get("id") if isinstance(chat, dict) else None
    if not _whole(message) or not _whole(number) or message <= 0:
        raise _lied("it says ok, but names no message")
    return Sent(int(message), str(number))


def _whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _lied(what: str) -> Refused:
    return Refused(f"the Bot API's answer makes no sense: {what}", "see whether `api` names a Bot API")


def _unreached(bot: Bot, method: str, fault: Lost) -> Refused:
    where = f"{bot.base.scheme}://{brief(bot.base.host)}:{bot.base.port}"
    unknown = "; whether the message was posted is not known" if fault.sent and method == "sendMessage" else ""
    found = f"the Bot API at {where} was not reached: {fault.why}{unknown}"
    return Refused(found, "see whether this machine may reach it, and whether `api` is right")


def _refused(method: str, answer: Answer) -> Refused:
    said = f"({answer.code} {answer.said})" if answer.code else f"({answer.said})"
    found, fix = _meaning(answer)
    return Refused(f"the Bot API refused {method}: {found} {said}", fix, answer.code, answer.said)


def _meaning(answer: Answer) -> tuple[str, str]:
    told, moved = (answer.parameters.get(name) for name in ("retry_after", "migrate_to_chat_id"))
    if answer.code == 429:
        after = f", for {show_duration(told)}" if _whole(told) and told >= 0 else ""
        return f"too many messages{after}", "send fewer messages to this chat, or allow more time (`timeout`)"
    if _whole(moved):
        return "the group has become a supergroup", f"set `chat` to {moved}"
    if answer.code >= 500:
        return "it is in trouble itself", "run again later"
    known = ((code, words) for code, words in _MEANINGS if code == answer.code and words in answer.said.lower())
    return _MEANINGS[next(known, _OTHER)]
