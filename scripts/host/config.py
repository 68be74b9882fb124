"""Reading the configuration file: every mistake at once, each with its place."""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
import typing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from host.settings import Settings
from host.trouble import WRONG, Trouble

LONGEST = 64 * 1024
RELEASE = re.compile(r"[0-9a-f]{40}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_KNOWN = {"slot", "port", "release", "message", "since"}


def load(path: Path) -> Settings:
    """The settings of a host; Trouble holds every mistake."""
    try:
        text = path.read_text(encoding="utf-8")[: LONGEST + 1]
    except (OSError, UnicodeDecodeError) as fault:
        raise Trouble(
            f"{path} cannot be read: {fault}",
            "the configuration is somewhere else, or belongs to another user",
            "name it with `--config FILE`, or run as the user who owns it",
            WRONG,
        ) from fault
    wrong: list[str] = []
    settings = parse(text, wrong)
    if wrong or settings is None:
        raise Trouble(
            f"{path} is wrong: " + "; ".join(wrong),
            "the file was edited by hand",
            "correct every place named, then run `slots preflight`; docs/host.md has a whole file",
            WRONG,
        )
    return settings


def parse(text: str, wrong: list[str]) -> Settings | None:
    """Settings of a JSON text; mistakes are added to `wrong`."""
    if len(text) > LONGEST:
        wrong.append(f"longer than {LONGEST} characters")
        return None
    try:
        data = json.loads(text)
    except ValueError as fault:
        wrong.append(f"not JSON: {fault}")
        return None
    settings: Settings = _section(Settings, data, "", wrong)
    if not wrong:
        wrong += _sense(settings)
    return settings


def _section(kind: Any, data: Any, place: str, wrong: list[str]) -> Any:
    if not isinstance(data, dict):
        wrong.append(f"{place or 'the file'}: an object is wanted")
        return kind()
    hints = typing.get_type_hints(kind)
    known = {one.name.replace("_", "-"): one.name for one in dataclasses.fields(kind)}
    given: dict[str, Any] = {}
    for key, value in data.items():
        if key in known:
            given[known[key]] = _value(hints[known[key]], value, f"{place}{key}", wrong)
        else:
            near = difflib.get_close_matches(key, list(known), 1)
            wrong.append(f"{place}{key}: not known" + (f", did you mean {near[0]}?" if near else ""))
    return kind(**given)


def _value(hint: Any, value: Any, place: str, wrong: list[str]) -> Any:
    if dataclasses.is_dataclass(hint):
        return _section(hint, value, f"{place}.", wrong)
    if hint is str and isinstance(value, str):
        return value
    if hint in (int, float) and isinstance(value, (int, float)) and not isinstance(value, bool):
        return hint(value)
    if hint == dict[str, int] and _is_ports(value):
        return value
    if hint == tuple[str, ...] and isinstance(value, list) and all(isinstance(word, str) for word in value):
        return tuple(value)
    wrong.append(f"{place}: {_WANTED.get(hint, 'a list of texts')} is wanted, not {json.dumps(value)[:60]}")
    return dataclasses.MISSING


_WANTED = {str: "a text", int: "a whole number", float: "a number of seconds", dict[str, int]: "slots with their ports"}


def _is_ports(value: Any) -> bool:
    return isinstance(value, dict) and all(type(port) is int for port in value.values())


def _sense(settings: Settings) -> list[str]:
    """What is well formed and cannot be meant."""
    found = []
    names = [settings.application, *settings.slots]
    found += [f"{name!r}: a name has small letters, digits and _ only" for name in names if not _NAME.fullmatch(name)]
    ports = list(settings.slots.values())
    if len(ports) != 2 or len(set(ports)) != 2:
        found.append("slots: two of them are wanted, with ports that differ")
    found += [f"slots: {port} is no port" for port in ports if not 1 <= port <= 65535]
    for place, text in (("home", settings.home), ("nginx.snippets", settings.nginx.snippets)):
        found += _absolute(place, text)
    if settings.access.log:
        found += _absolute("access.log", settings.access.log)
    if settings.nginx.mode not in ("flag", "reload"):
        found.append(f"nginx.mode: flag or reload, not {settings.nginx.mode!r}")
    if settings.nginx.mode == "flag":
        found += _absolute("nginx.flags", settings.nginx.flags)
    if not re.match(r"https?://[^/\s]+/", settings.front.url):
        found.append("front.url: a whole URL with its path is wanted, as http://127.0.0.1/health")
    found += _front(settings) + _commands(settings) + _numbers(settings)
    return found


def _front(settings: Settings) -> list[str]:
    front, found = settings.front, []
    try:
        port_known = urlsplit(front.url).port != 0
    except ValueError:
        port_known = False
    if not port_known:
        found.append(f"front.url: {front.url!r} names no port that can be")
    host, _, port = front.connect.rpartition(":")
    if front.connect and not (host and re.fullmatch(r"[0-9]{1,5}", port) and 1 <= int(port) <= 65535):
        found.append(f"front.connect: host:port is wanted, as 127.0.0.1:443, not {front.connect!r}")
    return found + (_absolute("front.ca", front.ca) if front.ca else [])


def _absolute(place: str, text: str) -> list[str]:
    plain = re.fullmatch(r"/[\w./@+-]+", text)
    return [] if plain else [f"{place}: an absolute path of plain characters is wanted, not {text!r}"]


def _commands(settings: Settings) -> list[str]:
    found = [f"commands.{name}: is needed" for name in ("start", "stop") if not getattr(settings.commands, name)]
    for one in dataclasses.fields(settings.commands):
        for word in getattr(settings.commands, one.name):
            strange = [name for name in _PLACEHOLDER.findall(word) if name not in _KNOWN]
            found += [f"commands.{one.name}: {{{name}}} is not known" for name in strange if re.fullmatch(r"\w+", name)]
    return found


def _numbers(settings: Settings) -> list[str]:
    found = []
    for section in ("limits", "guard", "needs", "retention", "health", "front"):
        group = getattr(settings, section)
        for one in dataclasses.fields(group):
            value = getattr(group, one.name)
            if isinstance(value, (int, float)) and not 0 <= value < 1e7:
                found.append(f"{section}.{one.name.replace('_', '-')}: {value} is out of range")
    if 0 < settings.guard.sample < 0.05:
        found.append("guard.sample is at least 0.05, or 0 for none")
    if settings.guard.interval < 0.05 or settings.guard.looks < 1 or settings.front.looks < 1:
        found.append("guard.interval is at least 0.05, guard.looks and front.looks at least 1")
    if not settings.health.timeout:
        found.append("health.timeout: a look needs a time limit")
    return found


def release_id(text: str) -> str:
    """A release as it is named everywhere: forty hexadecimal digits, the tree of its commit."""
    if not RELEASE.fullmatch(text):
        raise Trouble(
            f"{text[:60]!r} is no release",
            "a tag, a branch or a shortened hash was given",
            "give all forty digits of `git rev-parse COMMIT^{tree}`; `slots status` shows those this host knows",
            WRONG,
        )
    return text
