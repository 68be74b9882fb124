"""What must hold before a slot is touched. Looks only, changes nothing; could not tell is never passed."""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from host import database, nginxconf, schema, slots, snippets, status
from host.files import keep_reserve
from host.guarding import seen
from host.machine import Machine
from host.state import State
from host.tally import health_path
from host.trouble import Trouble

_NAME = (
    "put the release's forty digits there as `{}` (or set health.release-field): two slots that cannot be told apart "
    "prove nothing"
)
PASSED, FAILED, UNKNOWN, SKIPPED = "passed", "failed", "unknown", "skipped"


@dataclass(frozen=True)
class Line:
    """One thing that was looked at."""

    name: str
    status: str
    found: str
    fix: str = ""


def preflight(machine: Machine, release: str = "") -> dict[str, Any]:
    """Every line; `release` is the one to be prepared, for the question whether there is a way back."""
    state = machine.load()
    looks: list[Callable[[], list[Line]]] = [
        lambda: [_guard(machine)],
        lambda: [front(machine)],
        lambda: [_memory(machine)],
        lambda: [_disk(machine)],
        lambda: [_connections(machine)],
        lambda: [_named(machine, state)],
        lambda: [_flag(machine, state)],
        lambda: _nginx(machine, state),
        lambda: [_back(machine, state, release)],
    ]
    lines = [line for look in looks for line in _looked(look)]
    bad = [one for one in lines if one.status in (FAILED, UNKNOWN)]
    return {"lines": [vars(one) for one in lines], "good": not bad}


def _looked(look: Callable[[], list[Line]]) -> list[Line]:
    try:
        return look()
    except Trouble as fault:
        return [Line("preflight", UNKNOWN, fault.what, fault.do)]
    except OSError as fault:
        return [Line("preflight", UNKNOWN, str(fault), "run this as the user who deploys")]


def _guard(machine: Machine) -> Line:
    found = seen(machine)
    told = f"last beat {found['seconds_ago']} s ago" if found["process"] else "it never ran"
    if found["alive"]:
        return Line("guard", PASSED, told)
    return Line("guard", FAILED, f"not alive, {told}", "run `slots guard start`")


def front(machine: Machine) -> Line:
    """Whether the path that is looked at is one that users do not ask for: its lines of the log are not theirs."""
    path = health_path(machine.settings.front.url)
    if path:
        return Line("front", PASSED, f"looks at {path}")
    told = f"{machine.settings.front.url} is the home page: what users meet there cannot be told from the guard's looks"
    return Line("front", FAILED, told, "let front.url name the health document, as https://erp.example/health")


def _memory(machine: Machine) -> Line:
    wanted = machine.settings.needs.memory_mb
    if not wanted:
        return Line("memory", SKIPPED, "needs.memory-mb is not set")
    free = int(next(line.split()[1] for line in _meminfo() if line.startswith("MemAvailable:"))) >> 10
    status = PASSED if free >= wanted else FAILED
    return Line("memory", status, f"{free} MB available, {wanted} MB wanted", "stop what is not needed, or add memory")


def _meminfo() -> list[str]:
    return Path("/proc/meminfo").read_text().splitlines()


def _disk(machine: Machine) -> Line:
    free, wanted = shutil.disk_usage(machine.home).free >> 20, machine.settings.needs.disk_mb
    if not keep_reserve(machine.home):
        return Line("disk", FAILED, "there is no room for the reserve of a rollback", "free some space (`df -h`)")
    status = PASSED if free >= wanted else FAILED
    return Line("disk", status, f"{free} MB free, {wanted} MB wanted", "run `slots forget`, see `docker system df`")


def _connections(machine: Machine) -> Line:
    needs = machine.settings.needs
    wanted = needs.connections_per_worker * needs.workers * 2
    if not (wanted and machine.settings.commands.psql):
        return Line("connections", SKIPPED, "needs.connections-per-worker or commands.psql is not set")
    most = sum(database.numbers(machine, "max_connections", "-superuser_reserved_connections"))
    status = PASSED if wanted <= most else FAILED
    text = f"{needs.connections_per_worker} × {needs.workers} workers × 2 slots = {wanted}, the database takes {most}"
    return Line("connections", status, text, "make the pools smaller, or raise max_connections")


def _named(machine: Machine, state: State) -> Line:
    """Whether both health documents name the release, as the live slot answers now, ill or not."""
    live, field = state.live, machine.settings.health.release_field
    for name, ready in (("alive", False), ("ready", True)):
        look = slots.look(machine, live, ready=ready)
        document = f"{getattr(machine.settings.health, name)} of {live}"
        if not look.status:
            told = f"{document} does not answer ({look.error}): the next release is asked when it was started"
            return Line("health-document", SKIPPED, told)
        if look.release != state.release():
            told = f"names {look.release[:12]}, not {state.release()[:12]}" if look.release else "names no release"
            return Line("health-document", FAILED, f"{document} {told} (status {look.status})", _NAME.format(field))
    return Line("health-document", PASSED, f"names {state.release()[:12]}")


def _flag(machine: Machine, state: State) -> Line:
    now = machine.pointer.read()
    if now == state.live:
        return Line("flag", PASSED, f"names {now}, as the state does")
    if now:
        told = f"names {now}, the state says {state.live}: moved by hand"
        return Line("flag", FAILED, told, status.moved_by_hand(machine, state, now))
    return Line("flag", FAILED, f"the flag of {state.live} is gone", "`slots guard restore` puts it back")


def _nginx(machine: Machine, state: State) -> list[Line]:
    found = []
    changed, missing = snippets.by_hand(machine, state), snippets.missing(machine)
    if changed or missing:
        told = [f"{path} was changed by hand" for path in changed] + [f"{path} is missing" for path in missing]
        found.append(Line("snippets", FAILED, "; ".join(told), "put your change elsewhere, then `slots nginx write`"))
    else:
        found.append(Line("snippets", PASSED, "as they were written"))
    tested = snippets.nginx(machine, "-T")
    if not tested.good:
        return [*found, Line("nginx", FAILED, f"nginx -t {tested.why()}", "correct the file and line named")]
    dump = nginxconf.parse(tested.said)
    folder = machine.settings.nginx.snippets
    wrong = nginxconf.faults(dump, f"{folder}/server.conf", f"{folder}/http.conf")
    ports = nginxconf.wrong_ports(dump, snippets.upstreams(machine.settings))
    again = "`slots nginx write`, then `nginx -t`, reload nginx, and run this again"
    judged, fix = FAILED if wrong or ports else PASSED, again if ports else "see `slots nginx show`"
    found.append(Line("nginx", judged, "; ".join(wrong + ports) or "tested", fix))
    return [*found, _readable(machine, nginxconf.worker_user(dump))]


def _readable(machine: Machine, user: str) -> Line:
    """Whether the workers can look into the flag's folder; where they cannot, the flag is never there for them."""
    if machine.settings.nginx.mode != "flag":
        return Line("flag-folder", SKIPPED, "mode reload has none")
    if os.geteuid() != 0:
        return Line("flag-folder", SKIPPED, "only root can tell for another user; the proof after each switch does")
    try:
        entry = pwd.getpwnam(user or "www-data")
    except KeyError:
        return Line("flag-folder", UNKNOWN, f"there is no user {user or 'www-data'}", "see nginx's `user` directive")
    groups = set(os.getgrouplist(entry.pw_name, entry.pw_gid))
    folder = Path(machine.settings.nginx.flags)
    shut = [str(one) for one in (folder, *folder.parents) if not _enters(one, entry.pw_uid, groups)]
    if shut:
        told = f"{entry.pw_name} cannot enter {shut[-1]}, so nginx would always see the first slot"
        return Line("flag-folder", FAILED, told, f"chmod o+x {shut[-1]}, or another nginx.flags")
    return Line("flag-folder", PASSED, f"{entry.pw_name} can look into it")


def _enters(folder: Path, user: int, groups: set[int]) -> bool:
    status = folder.stat()
    if user == 0:
        return True
    if status.st_uid == user:
        return bool(status.st_mode & 0o100)
    return bool(status.st_mode & (0o010 if status.st_gid in groups else 0o001))


def _back(machine: Machine, state: State, release: str) -> Line:
    if not release:
        return Line("way-back", SKIPPED, "no release was named")
    told = schema.verdict(machine, state.release(), release)
    status = {"switch-only": PASSED, "unknown": UNKNOWN}.get(told["verdict"], FAILED)
    return Line("way-back", status, f"{told['verdict']}: {told['why']}", "expand first, remove in a later release")
