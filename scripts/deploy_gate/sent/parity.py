"""Facts of a server that can be compared with another one's. Reads, never writes; no value of a setting leaves here.

A fact is a name and a short text. What must not be told (values of settings, lines of cron) is told as an HMAC with the
key of this run. `unread` are families of facts that could not be read, with why.
"""

from __future__ import annotations

import json
import os
import platform
import re
import resource
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deploy_gate import dotenv
from deploy_gate.sent.reading import ABSENT, MOST, VERSION, Facts, Unread, read, run, version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_SYSCTL = (
    *("vm/overcommit_memory", "vm/swappiness", "vm/max_map_count", "net/core/somaxconn", "fs/file-max"),
    *("net/ipv4/tcp_max_syn_backlog", "net/ipv4/ip_local_port_range", "fs/inotify/max_user_watches"),
)
_LIMITS = {"nofile": resource.RLIMIT_NOFILE, "nproc": resource.RLIMIT_NPROC, "core": resource.RLIMIT_CORE}
_FORM = (
    '{{json (index .Config.Labels "com.docker.compose.project")}} '
    '{{json (index .Config.Labels "com.docker.compose.service")}} {{json .Image}} {{json .Config.Image}}'
)


def main(given: dict[str, Any]) -> dict[str, Any]:
    """Everything of the families that are asked for."""
    os.environ["PATH"] = os.environ.get("PATH", os.defpath) + ":/usr/local/sbin:/usr/sbin:/sbin"
    os.environ["LC_ALL"] = "C"
    found = Facts(bytes.fromhex(given["key"]))
    chosen = {name: reader for name, reader in READERS.items() if name in given["families"]}
    with ThreadPoolExecutor(len(chosen) or 1) as pool:
        list(pool.map(lambda one: _family(found, one, chosen[one], given), chosen))
    return {"facts": found.facts, "opaque": found.opaque, "unread": found.unread}


def _family(found: Facts, name: str, reader: Callable[[Facts, dict[str, Any]], None], given: dict[str, Any]) -> None:
    try:
        reader(found, given)
    except Unread as fault:
        found.unread[name] = str(fault)[:300]
    except OSError as fault:
        found.unread[name] = fault.strerror or type(fault).__name__
    except Exception as fault:  # noqa: BLE001 - its text may hold what was read
        found.unread[name] = type(fault).__name__


def _os(found: Facts, _: dict[str, Any]) -> None:
    told = dict(line.split("=", 1) for line in read("/etc/os-release").splitlines() if "=" in line)
    found.facts["os"] = " ".join(told.get(name, "").strip("\"'") for name in ("ID", "VERSION_ID")).strip()
    found.facts["machine"] = platform.machine()


def _kernel(found: Facts, _: dict[str, Any]) -> None:
    found.facts["kernel"] = platform.release()


def _docker(found: Facts, _: dict[str, Any]) -> None:
    found.facts["docker"] = version("docker", "docker", "--version")
    if found.facts["docker"] == ABSENT:
        return
    code, out = run("docker", "version", "--format", "{{.Server.Version}}")
    if code:
        raise Unread(f"the docker daemon does not answer, or not to this user (exit code {code})")
    found.facts["docker.server"] = (VERSION.search(out) or [out.strip()[:40]])[0]
    code, out = run("docker", "compose", "version", "--short")
    found.facts["docker.compose"] = (VERSION.search(out) or [ABSENT])[0] if code == 0 else ABSENT


def _compose(found: Facts, given: dict[str, Any]) -> None:
    if not shutil.which("docker"):
        return
    code, out = run("docker", "ps", "--quiet", "--no-trunc", "--filter", "label=com.docker.compose.project")
    ids = out.split()
    if code or not all(re.fullmatch("[0-9a-f]{12,64}", one) for one in ids) or len(ids) > 500:
        raise Unread(f"docker ps does not tell the containers (exit code {code})")
    code, out = run("docker", "inspect", "--format", _FORM, *ids) if ids else (0, "")
    if code:
        raise Unread(f"docker inspect does not tell the containers (exit code {code})")
    wanted = given.get("projects") or []
    images: dict[str, set[str]] = {}
    for line in out.splitlines():
        project, service, digest, name = (json.loads(one) for one in line.split(" "))
        if not wanted or project in wanted:
            images.setdefault(str(service), set()).add(f"{name} {digest[:19]}")
    for service, texts in images.items():
        found.facts[f"service.{service}"] = "running"
        found.facts[f"image.{service}"] = ", ".join(sorted(texts))


def _python(found: Facts, _: dict[str, Any]) -> None:
    found.facts["python"] = platform.python_version()


def _postgresql(found: Facts, _: dict[str, Any]) -> None:
    found.facts["psql"] = version("psql", "psql", "--version")
    servers = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin/postgres")))
    told = {version("postgres", one, "--version") for one in servers or ["postgres"]}
    found.facts["postgresql"] = ", ".join(sorted(told))


def _redis(found: Facts, _: dict[str, Any]) -> None:
    found.facts["redis"] = version("redis", "redis-server", "--version")


def _nginx(found: Facts, _: dict[str, Any]) -> None:
    found.facts["nginx"] = version("nginx", "nginx", "-v")
    if found.facts["nginx"] == ABSENT:
        return
    code, out = run("nginx", "-V")
    if code or "configure arguments" not in out:
        raise Unread(f"nginx -V tells no modules (exit code {code})")
    for word in re.findall(r"--(?:with|without|add|add-dynamic)-?([\w-]*module(?:=[^\s']+)?)", out):
        found.facts["nginx.module." + word.rstrip("/").rpartition("/")[2].replace("=dynamic", "")] = "built in"
    for path in Path("/etc/nginx/modules-enabled").glob("*.conf"):
        found.facts["nginx.enabled." + re.sub(r"^\d+-|\.conf$", "", path.name)] = "enabled"


def _timezone(found: Facts, _: dict[str, Any]) -> None:
    link = os.path.realpath("/etc/localtime")
    known = link.partition("/zoneinfo/")[2]
    if not known and Path("/etc/timezone").exists():
        known = read("/etc/timezone").strip()
    found.facts["timezone"] = (os.environ.get("TZ") or known or ("UTC" if not Path(link).exists() else "")).lstrip(":")
    if not found.facts["timezone"]:
        del found.facts["timezone"]
        raise Unread("/etc/localtime names no zone")


def _locale(found: Facts, _: dict[str, Any]) -> None:
    text = ""
    for path in ("/etc/default/locale", "/etc/locale.conf"):
        text += read(path) if Path(path).exists() else ""
    told = dict(re.findall(r"^\s*(?:export\s+)?(LANG|LC_\w+)=[\"']?([\w.@-]*)", text, re.MULTILINE))
    found.facts["locale"] = told.pop("LANG", "") or "none"
    found.facts.update({f"locale.{name}": value for name, value in told.items()})


def _limits(found: Facts, _: dict[str, Any]) -> None:
    for name, number in _LIMITS.items():
        bounds = ("unlimited" if one == resource.RLIM_INFINITY else str(one) for one in resource.getrlimit(number))
        found.facts[f"limit.{name}"] = " / ".join(bounds)
    for name in _SYSCTL:
        if Path("/proc/sys", name).exists():
            found.facts["sysctl." + name.replace("/", ".")] = " ".join(read("/proc/sys/" + name).split())


def _cron(found: Facts, _: dict[str, Any]) -> None:
    for path in [Path("/etc/crontab"), *sorted(Path("/etc/cron.d").glob("[!.]*"))[:200]]:
        if path.is_file():
            _hide_lines(found, f"cron.{path}", read(str(path)))
    if not shutil.which("crontab"):
        return
    code, out = run("crontab", "-l")
    if code and "no crontab for" not in out:
        raise Unread(f"crontab -l ended with exit code {code}")
    if not code:
        _hide_lines(found, "cron.crontab", out)


def _hide_lines(found: Facts, name: str, text: str) -> None:
    """Comments and blanks do not count; an empty table is none."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if lines:
        found.facts[name] = "there"
        found.hide(name, "\n".join(lines))


def _timers(found: Facts, _: dict[str, Any]) -> None:
    if not shutil.which("systemctl"):
        return
    code, out = run("systemctl", "list-unit-files", "--type=timer", "--no-legend", "--no-pager")
    if code:
        raise Unread(f"systemctl does not tell its timers (exit code {code})")
    for words in map(str.split, out.splitlines()):
        if len(words) > 1:
            found.facts["timer." + words[0]] = words[1]


def _settings(found: Facts, given: dict[str, Any]) -> None:
    for path in given["files"]:
        with Path(path).open("rb") as stream:
            raw = stream.read(MOST + 1)
        if len(raw) > MOST:
            raise Unread(f"{path} is larger than {MOST} bytes")
        try:
            values = dotenv.parse(raw.decode(errors="surrogateescape"))
        except ValueError as fault:
            # It names a line, and never what stands in it.
            raise Unread(f"{path}: {fault}") from None
        for name, value in values.items():
            found.facts["settings." + name] = "set" if value else "empty"
            found.hide("values." + name, value)


READERS = {
    "os": _os,
    "kernel": _kernel,
    "docker": _docker,
    "compose": _compose,
    "python": _python,
    "postgresql": _postgresql,
    "redis": _redis,
    "nginx": _nginx,
    "timezone": _timezone,
    "locale": _locale,
    "limits": _limits,
    "cron": _cron,
    "timers": _timers,
    "settings": _settings,
}
