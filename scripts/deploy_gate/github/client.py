"""The client: questions with a token, limits waited for within reason, lists read whole or not at all, writes once."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import quote, urlencode, urlsplit

from deploy_gate.github import cache, limits, lists, trouble
from deploy_gate.github.transport import Answer, Transport, base
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, brief
from deploy_gate.units import show_duration

TOKEN = "GITHUB_TOKEN"  # noqa: S105 - the variable's name  # nosec B105
READS = ("GITHUB_API_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID", "RUNNER_TEMP")
Write = Literal["POST", "PATCH", "PUT"]
PER_PAGE = 100
MAX_PAGES = 20
MAX_HOPS = 3
READINGS = 3
_NEXT = re.compile(r"<([^<>]{1,2000})>\s*;[^,<]*\brel=\"?next\"?")
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,99}/[A-Za-z0-9._-]{1,100}")


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked or written: a path with its query, how people call it, and the permission (`checks=read`)."""

    path: str
    what: str
    needs: str = ""


class Client:
    """Asks one server with one token; `asked`, `unchanged` and `sent` count what that cost."""

    def __init__(self, token: str, variable: str = TOKEN, *, patience: float = limits.PATIENCE) -> None:
        """Nothing is asked yet; `patience` is how long rate limits are waited for in all, in seconds."""
        self.base, self.token, self.variable, self.patience = base(), token, variable, patience
        self.transport, self.cache = Transport(), cache.Cache(token)
        self.asked = self.unchanged = self.sent = 0
        self.clock: datetime | None = None

    @property
    def now(self) -> datetime:
        """The server's clock as of its last answer."""
        return self.clock or datetime.now(UTC)

    def get(self, question: Question) -> Any:
        """The document; CouldNotTell with what to do when there is none, Missing when GitHub shows none."""
        return _data(self._answer(self.base + question.path, question), question)

    def all(self, question: Question, key: str = "") -> list[dict[str, Any]]:
        """Every entry of a list, however many pages; `key` is where the list stands in its document.

        A list that moves while it is read would lose entries between two pages, so it is read again; CouldNotTell when
        it does not hold still, or when GitHub's own count says that entries are missing.
        """
        trouble_seen = ""
        for reading in range(READINGS):
            found, trouble_seen = self._listed(question, key, fresh=reading > 0)
            if not trouble_seen:
                return found
        fix = "run again in a moment; if it stays, GitHub's answer is not to be relied on now"
        raise CouldNotTell(f"the list of {question.what} cannot be read whole: {trouble_seen}", fix)

    def send(self, method: Write, question: Question, body: Mapping[str, Any] | None) -> Any:
        """Write once, and give what GitHub answers (None where that is nothing); some writes take no document.

        It is sent again only where GitHub said that it did nothing: a rate limit. CouldNotTell for everything else; the
        text says so where it may have been done all the same.
        """
        raw = b"" if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}"}
        url = self.base + question.path
        # What was read before may be another thing after this.
        self.sent += 1
        while True:
            self.asked += 1
            answer = self.transport.send(method, url, headers, raw)
            self.clock = limits.now(answer)
            if not self._waited(answer, f"{question.what} not written"):
                break
        if not 200 <= answer.status < 300:
            raise trouble.refusal(answer, question.what, self.variable, question.needs, writing=True)
        return _data(answer, question) if answer.body.strip() else None

    def _listed(self, question: Question, key: str, *, fresh: bool) -> tuple[list[dict[str, Any]], str]:
        mark = "&" if "?" in question.path else "?"
        url = first = f"{self.base}{question.path}{mark}per_page={PER_PAGE}"
        found: list[dict[str, Any]] = []
        counts: set[int] = set()
        for number in range(MAX_PAGES):
            answer = self._answer(url, question, fresh=fresh or number > 0)
            page, count = lists.page(_data(answer, question), key, question.what)
            found += page
            counts |= set() if count is None else {count}
            url = self._next(answer, question)
            if not url:
                again = self._first(first, question, key) if number and not key else None
                return found, lists.shifted(found, counts, again)
        told = f"there are more than {MAX_PAGES * PER_PAGE} {question.what}"
        raise CouldNotTell(told, "narrow what is asked for; so many cannot be judged")

    def _first(self, url: str, question: Question, key: str) -> list[dict[str, Any]]:
        return lists.page(_data(self._answer(url, question, fresh=True), question), key, question.what)[0]

    def _next(self, answer: Answer, question: Question) -> str:
        link = _NEXT.search(answer.headers.get("link", "")[:8192])
        if not link:
            return ""
        here, there = urlsplit(self.base), urlsplit(link[1])
        # The token goes to the server it was given for, and to no other.
        if (here.scheme, here.netloc) != (there.scheme, there.netloc):
            raise _elsewhere(question, there.netloc)
        return link[1]

    def _answer(self, url: str, question: Question, *, fresh: bool = False) -> Answer:
        with self.cache.held(url) as path:
            kept = self.cache.read(path, url)
            if kept and kept.current and not (fresh or self.sent):
                self.clock = limits.now(kept.answer)
                return kept.answer
            answer = self._patiently(url, question, cache.headers(kept))
            if answer.status == 304 and kept:
                self.unchanged += 1
                answer = Answer(200, {**kept.answer.headers, **_only(answer.headers, "date")}, kept.answer.body)
            if answer.status != 200:
                raise trouble.refusal(answer, question.what, self.variable, question.needs)
            self.cache.write(path, url, answer)
            return answer

    def _patiently(self, url: str, question: Question, more: Mapping[str, str]) -> Answer:
        headers = {"Authorization": f"Bearer {self.token}", **more}
        hops = 0
        while True:
            self.asked += 1
            answer = self.transport.get(url, headers)
            self.clock = limits.now(answer)
            if answer.status in (301, 302, 307, 308) and hops < MAX_HOPS:
                hops, url = hops + 1, self._moved(answer, question)
                continue
            if not self._waited(answer, f"{question.what} not read"):
                return answer

    def _waited(self, answer: Answer, undone: str) -> bool:
        """Whether the answer was a rate limit's, and its time is over now; CouldNotTell where that is too long."""
        wait = limits.delay(answer)
        if wait is None:
            return False
        if wait > self.patience:
            found = f"GitHub's rate limit is used up for another {show_duration(wait)}: {undone}"
            raise CouldNotTell(found, "run again after that; a GitHub App's token has a limit of its own")
        self.patience -= wait
        time.sleep(wait)
        return True

    def _moved(self, answer: Answer, question: Question) -> str:
        """Where a repository went that was renamed: on the same server, or not followed."""
        target = answer.headers.get("location", "")
        here, there = urlsplit(self.base), urlsplit(target)
        if (here.scheme, here.netloc) != (there.scheme, there.netloc):
            raise _elsewhere(question, there.netloc)
        return target


def opened(variable: str = TOKEN) -> Client:
    """A client with the token in that variable; CouldNotTell when there is none."""
    token = os.environ.get(variable, "").strip()
    if not token or not token.isascii() or not token.isprintable():
        fix = f"hand it over in the step: `env: {{{variable}: ${{{{ github.token }}}}}}`"
        raise CouldNotTell(f"{variable} is not set, so GitHub cannot be asked", fix)
    return Client(token, variable)


def repository(given: str) -> str:
    """`/repos/OWNER/NAME`: the given one, or that of this run; Misconfigured for anything else."""
    name = given or os.environ.get("GITHUB_REPOSITORY", "")
    if not name:
        raise CouldNotTell("GITHUB_REPOSITORY is not set, so which repository is not known", "give `repository`")
    if not _REPOSITORY.fullmatch(name) or name.endswith(("/.", "/..")):
        raise Misconfigured([f"the repository is '{brief(name)}', expected OWNER/NAME"])
    return f"/repos/{name}"


def path(*parts: str, **query: str) -> str:
    """A path of these parts, each percent-encoded whole, since a branch's name has slashes."""
    text = "".join(f"/{quote(part, safe='')}" for part in parts)
    return text + (f"?{urlencode(query)}" if query else "")


def _elsewhere(question: Question, place: str) -> CouldNotTell:
    found = f"GitHub sends the question for {question.what} to {brief(place) or 'nowhere'}, which is not followed"
    return CouldNotTell(
        found, "see that GITHUB_API_URL is the server's own address, and that the repository was not moved"
    )


def _only(headers: Mapping[str, str], name: str) -> dict[str, str]:
    return {name: headers[name]} if name in headers else {}


def _data(answer: Answer, question: Question) -> Any:
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        found = f"GitHub's answer for {question.what} is not JSON"
        raise CouldNotTell(found, "see whether a proxy answers in GitHub's place, then run again") from None
