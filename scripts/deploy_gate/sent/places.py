"""Where an application's parts are on a server, for a first checklist. Reads, never writes; of settings names leave.

What could not be read is told by its kind, with why.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

from deploy_gate import dotenv
from deploy_gate.sent.reading import MOST, Unread, read, run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

_HOMES = ("~", "~/*", "/srv/*", "/opt/*", "/var/www/*")
_CONFIGS = ("slots.json", "scripts/deployment/slots.json", "deployment/slots.json", "deploy/slots.json")
_AT_MOST = 20
_KINDS = {"database": re.compile(r"postgres(ql)?(\+\w+)?://"), "redis": re.compile(r"rediss?://")}
_PROJECT = '{{.Label "com.docker.compose.project"}}\t{{.Label "com.docker.compose.project.working_dir"}}'


def main(_: dict[str, Any]) -> dict[str, Any]:
    """Everything that is found."""
    os.environ["PATH"] = os.environ.get("PATH", os.defpath) + ":/usr/local/sbin:/usr/sbin:/sbin"
    os.environ["LC_ALL"] = "C"
    unread: dict[str, str] = {}
    configs = _configs()
    projects = _tried("compose projects", _projects, unread)
    sites = _tried("nginx", _sites, unread)
    folders = [*map(Path, projects.values()), *_above(configs)]
    return {
        "configs": configs,
        "projects": projects,
        "sites": sites,
        "settings": _settings(folders, unread),
        "unread": unread,
    }


def _tried(kind: str, look: Callable[[], dict[str, Any]], unread: dict[str, str]) -> dict[str, Any]:
    try:
        return look()
    except Unread as fault:
        unread[kind] = str(fault)[:300]
    except OSError as fault:
        unread[kind] = fault.strerror or type(fault).__name__
    return {}


def _configs() -> list[str]:
    """Configurations of the host program, where they usually lie."""
    found: dict[str, str] = {}
    for home in _HOMES:
        top = Path(home).expanduser()
        for name in _CONFIGS:
            for path in sorted(top.parent.glob(f"{top.name}/{name}"))[:_AT_MOST]:
                if _is_config(path):
                    found.setdefault(os.path.realpath(path), str(path))
    return list(found.values())[:_AT_MOST]


def _is_config(path: Path) -> bool:
    try:
        told = json.loads(read(str(path)))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(told, dict) and isinstance(told.get("slots"), dict)


def _projects() -> dict[str, str]:
    if not shutil.which("docker"):
        return {}
    code, out = run("docker", "ps", "--format", _PROJECT)
    if code:
        raise Unread(f"docker ps does not answer, or not to this user (exit code {code})")
    pairs = (line.partition("\t") for line in out.splitlines())
    return dict(sorted((name, folder) for name, _, folder in pairs if name and folder.startswith("/"))[:_AT_MOST])


def _sites() -> dict[str, bool]:
    """Names that nginx serves, and whether over TLS."""
    if not shutil.which("nginx"):
        return {}
    _, out = run("nginx", "-V")
    told = re.search(r"--conf-path=(/\S+)", out)
    main_file = Path(told[1] if told else "/etc/nginx/nginx.conf")
    files = [
        main_file,
        *sorted(main_file.parent.glob("sites-enabled/*")),
        *sorted(main_file.parent.glob("conf.d/*.conf")),
    ]
    found: dict[str, bool] = {}
    for path in files[:200]:
        for block in _blocks(re.sub(r"(?m)#.*$", "", read(str(path)))):
            tls = bool(re.search(r"\blisten\s[^;]*(\bssl\b|\b443\b)", block))
            for names in re.findall(r"\bserver_name\s+([^;]+);", block):
                for name in names.split():
                    if re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", name):
                        found[name] = found.get(name, False) or tls
    return dict(list(found.items())[:_AT_MOST])


def _blocks(text: str) -> Iterator[str]:
    """What stands between the braces of each `server`."""
    for match in re.finditer(r"\bserver\s*\{", text):
        depth = 1
        for place in range(match.end(), len(text)):
            depth += {"{": 1, "}": -1}.get(text[place], 0)
            if not depth:
                yield text[match.end() : place]
                break


def _above(configs: list[str]) -> Iterator[Path]:
    """The folders in which an application with that configuration keeps its settings."""
    for one in configs:
        folder = Path(one).parent
        yield folder
        if folder.name in ("deployment", "deploy"):
            yield folder.parent
            if folder.parent.name == "scripts":
                yield folder.parent.parent


def _settings(folders: list[Path], unread: dict[str, str]) -> dict[str, dict[str, list[str]]]:
    """Files of settings, and which of their names hold the address of a database or of Redis."""
    found: dict[str, dict[str, list[str]]] = {}
    for path in dict.fromkeys(folder / ".env" for folder in folders):
        try:
            if path.is_file() and path.stat().st_size <= MOST:
                values = dotenv.parse(path.read_bytes().decode(errors="surrogateescape"))
                found[str(path)] = {
                    kind: sorted(name for name, value in values.items() if sign.match(value))[:_AT_MOST]
                    for kind, sign in _KINDS.items()
                }
        except OSError as fault:
            unread[str(path)[:300]] = fault.strerror or type(fault).__name__
        except ValueError as fault:
            # It names a line, and never what stands in it.
            unread[str(path)[:300]] = str(fault)[:300]
    return found
