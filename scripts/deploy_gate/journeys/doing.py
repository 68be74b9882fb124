"""Doing one step: a request, opening a stream, or waiting for what it says; what is captured is kept at once."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from deploy_gate.facts import http, marker
from deploy_gate.journeys import expect, streams, template
from deploy_gate.journeys.expect import MISSING, MOST
from deploy_gate.journeys.model import Expectations, Receive, Request, Step, Stream, Until, Wanted
from deploy_gate.result import one_line

REQUEST_SECONDS = 20.0
LONGEST = 4096
LEAST_SECRET = 16


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a step."""

    troubles: list[str]
    seconds: float | None = None
    status: int | None = None
    attempts: int = 1


class Doer:
    """Does steps against one address. `known` holds all names, and takes what steps capture."""

    def __init__(self, base: str, known: dict[str, Any]) -> None:
        self.base, self.known = base.rstrip("/"), known
        self.channels: dict[str, streams.Channel] = {}
        self.kept: set[str] = set()
        self.cleaning = False
        """The clean-up has begun."""

    def named(self, step: Step) -> str:
        """What a step does, as its file says it: nothing is filled in, for it may be secret."""
        action = step.action
        if isinstance(action, Request):
            return f"{action.method} {action.path.partition('?')[0]}"
        return f"{action.kind} {action.path}" if isinstance(action, Stream) else f"message on {action.source}"

    def do(self, step: Step, seconds: float) -> Done:
        """Do it within so many seconds; raises NoAnswer, and NotComputed for what cannot be filled in."""
        if isinstance(step.action, Request):
            return self.ask(step, step.action, seconds)
        if isinstance(step.action, Stream):
            return self.open(step.action, seconds)
        return self.receive(step, step.action, seconds)

    def hidden(self, text: str) -> str:
        """The text without secrets, and without long texts that were captured: those are tokens."""
        values = {str(value) for name, value in self.known.items() if name.startswith("env.")}
        long = {str(self.known[name]) for name in self.kept if len(str(self.known[name])) >= LEAST_SECRET}
        # Also as they stand inside the JSON of an answer.
        every = {json.dumps(value, ensure_ascii=escaped)[1:-1] for value in values | long for escaped in (True, False)}
        for value in sorted(every | values | long, key=len, reverse=True):
            text = text.replace(value, "***") if value else text
        return text

    def close(self) -> None:
        """Close all streams."""
        for channel in self.channels.values():
            channel.close()

    def ask(self, step: Step, request: Request, seconds: float) -> Done:
        """Send a request, again and again where the step says `until`."""
        started = time.monotonic()
        last, attempts = started + min(seconds, step.until.within if step.until else 0), 0
        while True:
            attempts += 1
            left = max(started + seconds - time.monotonic(), 0.05)
            answer = http.send(*self.order(request), timeout=min(left, REQUEST_SECONDS))
            document = expect.parsed(answer)
            untaken = self.capture(step, document)
            found = expect.differences(answer, self.meant(step.expect), self.known)
            troubles = found or untaken
            if not troubles or not _again(step.until, last):
                break
        if troubles and not 200 <= answer.status < 400:
            troubles = [*troubles, *_said(document)]
        if troubles and attempts > 1:
            troubles = [*troubles, f"after {attempts} attempts"]
        return Done(troubles, answer.seconds, answer.status, attempts)

    def order(self, request: Request) -> tuple[http.Address, http.Order]:
        """The address and what is sent there."""
        headers = self.headers(request.headers)
        body: bytes | None = None
        if request.json is not None:
            body = json.dumps(template.fill(request.json, self.known)).encode()
            headers.setdefault("Content-Type", "application/json")
        elif request.form is not None:
            body = urlencode(template.fill(request.form, self.known)).encode()
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        return self.address(request.path), http.Order(request.method, headers, body)

    def address(self, path: str) -> http.Address:
        """The address of a path; what was captured brings no sign of its own into it."""
        try:
            return http.parse(self.base + str(template.fill(path, self.known, _in_path)))
        except ValueError as fault:
            raise template.NotComputed(f"the path cannot be asked for: expected {fault}") from None

    def headers(self, given: Mapping[str, str]) -> dict[str, str]:
        """The headers to send, with the mark on our own requests."""
        filled = {name: str(template.fill(value, self.known)) for name, value in given.items()}
        wrong = [name for name, value in filled.items() if not value.isprintable() or not value.isascii()]
        if wrong:
            raise template.NotComputed(f"the header {wrong[0]} would hold characters that no header may")
        return {**filled, **marker.headers()}

    def capture(self, step: Step, document: Any) -> list[str]:
        """Keep what the step captures; says what is not there."""
        troubles = []
        for name, path in step.capture.items():
            value = MISSING if document is MISSING else expect.value_at(document, self.path(path))
            if isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= LONGEST):
                self.known[name] = value
                self.kept.add(name)
            elif value is not MISSING:
                troubles.append(f"{path} is no text or number of at most {LONGEST} characters")
            elif name not in self.known and not (self.cleaning and name == step.unless):
                # What a clean-up looks for, in case it was lost, need never have been.
                troubles.append(f"{path} is missing, needed as {name}")
        return troubles

    def path(self, path: str) -> str:
        """A JMESPath with its `${…}` filled."""
        return str(template.fill(path, self.known, _in_expression))

    def meant(self, wanted: Expectations) -> Expectations:
        """The expectations with the `${…}` in their JMESPaths filled."""
        values = tuple(Wanted(self.path(one.what), one.operator, one.value) for one in wanted.json)
        return Expectations(wanted.statuses, wanted.headers, values)

    def open(self, action: Stream, seconds: float) -> Done:
        """Open a stream and keep it under its name."""
        address, headers = self.address(action.path), self.headers(action.headers)
        started = time.monotonic()
        try:
            if action.kind == "sse":
                self.channels[action.name] = streams.EventChannel(address, headers, min(seconds, REQUEST_SECONDS))
            else:
                socket = streams.WebSocketChannel(address, headers, min(seconds, REQUEST_SECONDS))
                self.channels[action.name] = socket
                if action.send is not None:
                    socket.send(json.dumps(template.fill(action.send, self.known)))
        except streams.StreamEnded as fault:
            return Done([str(fault)])
        return Done([], time.monotonic() - started)

    def receive(self, step: Step, action: Receive, seconds: float) -> Done:
        """Wait for the message that is meant."""
        wanted, started = self.meant(step.expect).json, time.monotonic()

        def wrong(text: str) -> str:
            document = expect.read_json(text)
            return "no JSON" if document is MISSING else "; ".join(expect.wrong_values(document, wanted, self.known))

        if action.source not in self.channels:
            return Done([f"{action.source} was never opened"])
        limit = min(action.within, seconds)
        try:
            text, count, last = streams.matching(self.channels[action.source], wrong, limit)
        except streams.StreamEnded as fault:
            return Done([str(fault)])
        if text is None:
            others = f"; of {count} others the last differs: {last}" if count else ", nor any other"
            return Done([f"no such message within {limit:.1f} s{others}"])
        return Done(self.capture(step, expect.read_json(text)), time.monotonic() - started)


def _again(until: Until | None, last: float) -> bool:
    """Wait for the next attempt; False when it would come too late."""
    if until is None or time.monotonic() + until.every >= last:
        return False
    time.sleep(until.every)
    return True


def _said(document: Any) -> list[str]:
    """What a refusal says of itself, as RFC 9457 and most frameworks write it."""
    if isinstance(document, dict):
        for key in ("detail", "title", "message", "error"):
            if isinstance(document.get(key), str) and document[key]:
                return [f"it says: {one_line(document[key], MOST)}"]
    return []


def _in_path(text: str) -> str:
    return quote(text, safe="")


def _in_expression(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.@ -]", "", text)
