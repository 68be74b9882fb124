"""What a running server brings, for `init`: read over one connection, and what follows for the checklist."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy_gate.checklist.model import Checklist, Item
from deploy_gate.facts import onhost, parity, sending
from deploy_gate.facts.onhost import Place
from deploy_gate.facts.parity import Side
from deploy_gate.result import CouldNotTell, brief
from deploy_gate.sent.reading import ABSENT

FAMILIES = ("docker", "postgresql", "redis", "nginx", "timers")
_PATH = re.compile(r"/[\w./@+-]{1,200}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,100}")
_SITE = re.compile(r"[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+")
_NAMED = re.compile(r"\$\{([a-z_]+)\}")
_ALWAYS = {"address", "branch", "environment", "item", "phase", "commit", "release", "plan", "digests", "live", "roles"}
_BACKUP = re.compile(r"(?i)backup|dump|barman|pgbackrest|wal-g")
_PROGRAMS = {"docker.server": "docker", "postgresql": "PostgreSQL", "redis": "Redis", "nginx": "nginx"}


@dataclass(frozen=True, slots=True)
class Proposal:
    """A key of the environment, its value, why it is proposed, and what else it could be."""

    key: str
    value: str
    why: str
    others: tuple[str, ...] = ()


@dataclass(slots=True)
class Seen:
    """What is proposed, what else was seen, and what could not be."""

    proposals: list[Proposal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)

    @property
    def keys(self) -> dict[str, str]:
        """Proposed values by key."""
        return {one.key: one.value for one in self.proposals}


def look(host: str, host_keys: str) -> Seen:
    """Look at the server, read-only; CouldNotTell when it does not answer, or not to this key."""
    onhost.validate(host)
    with onhost.connected(Place(host, host_keys or _pinned())) as connection:
        given = {"key": parity.new_key(), "families": list(FAMILIES), "files": [], "projects": []}
        programs = parity.gather(connection, "the server", given)
        told = sending.ask(connection, "places", {}, also=("dotenv", "sent.reading"))
    return propose(host, told, programs)


def _pinned() -> str:
    """Keys that the user of this machine has accepted, where the environment pins none."""
    if os.environ.get(onhost.READS[0]):
        return ""
    try:
        return Path("~/.ssh/known_hosts").expanduser().read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def propose(host: str, told: Any, programs: Side) -> Seen:
    """What follows from the answers, of which every text is somebody else's."""
    try:
        configs, projects, sites, settings, unread = (
            told[key] for key in ("configs", "projects", "sites", "settings", "unread")
        )
        found = Seen([Proposal("host", host, "as given to init")])
        _site(found, {str(name): bool(tls) for name, tls in sites.items()})
        _one(found, "slots_config", _fit(configs, _PATH), "the configuration of the host program, found there")
        files = {path: settings[path] for path in _fit(settings, _PATH)}
        _one(found, "env_file", list(files), "the application's settings there; of them only names were read")
        for key, kind in (("database_variable", "database"), ("redis_variable", "redis")):
            names = _fit([name for one in files.values() for name in one[kind]], _NAME)
            why = "so the settings there call it; store its address as a secret of that name"
            _one(found, key, sorted(set(names)), why)
        found.notes += [f"compose project {brief(name, 40)} in {brief(where)}" for name, where in projects.items()]
        found.unseen += [f"{brief(name)}: {brief(why, 200)}" for name, why in unread.items()]
    except (KeyError, TypeError, AttributeError):
        raise CouldNotTell("the server answered something else than what is there", "see what its python3 is") from None
    _programs(found, programs)
    return found


def _fit(texts: Iterable[object], pattern: re.Pattern[str]) -> list[str]:
    return [text for text in map(str, texts) if pattern.fullmatch(text)]


def _one(found: Seen, key: str, values: list[str], why: str) -> None:
    """The first is proposed, and the others are named: only a person knows."""
    if values:
        found.proposals.append(Proposal(key, values[0], why, tuple(values[1:5])))


def _site(found: Seen, sites: Mapping[str, bool]) -> None:
    names = _fit(sites, _SITE)
    secure = [f"https://{name}" for name in names if sites[name]]
    _one(found, "url", secure, "nginx there serves this name over TLS")
    if names and not secure:
        found.notes.append(f"nginx serves {', '.join(names[:3])} without TLS here: write `url` as users reach it")


def _programs(found: Seen, programs: Side) -> None:
    for fact, name in _PROGRAMS.items():
        version = programs.facts.get(fact, ABSENT)
        if version != ABSENT:
            found.notes.append(f"{name} {brief(version, 40)}")
    timers = [name.removeprefix("timer.") for name in programs.facts if name.startswith("timer.")]
    for timer in filter(_BACKUP.search, timers):
        found.notes.append(f"{brief(timer, 60)}, which may make the backups: name their bucket for backup-fresh")
    found.unseen += [f"{name}: {brief(why, 200)}" for name, why in programs.unread.items()]


def prepared(seen: Seen, key: str, bundled: Checklist) -> list[str]:
    """The lines of the bundled checklist that this key completes: with it and those before it they want no more."""
    keys = list(seen.keys)
    before = {*_ALWAYS, *keys[: keys.index(key)]}
    wanted = {name: _wanted(item) for name, item in bundled.items.items() if not name.startswith("staging-")}
    return [name for name, names in wanted.items() if key in names and names <= {*before, key}]


def _wanted(item: Item) -> set[str]:
    """Keys of the environment that an item names."""
    return {*item.needs, *_NAMED.findall(json.dumps(item.with_))} - _ALWAYS
