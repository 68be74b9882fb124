"""What nginx includes: written once, never overwritten when somebody changed it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from host.files import write_whole
from host.machine import Machine
from host.pointer import Reload, active
from host.processes import Ended, run
from host.settings import Settings
from host.state import State
from host.traffic import log_format
from host.trouble import Trouble, disk_trouble

_HEAD = (
    "# Written by slots (`slots nginx write`). A change by hand is found by `slots preflight`, and never overwritten.\n"
)
_DUMP = 8 * 1024 * 1024  # a host with many sites prints more than a command usually says


def upstreams(settings: Settings) -> dict[str, int]:
    """The name of each slot's upstream, and its port."""
    return {f"{settings.application}_{slot}": port for slot, port in settings.slots.items()}


def texts(settings: Settings) -> dict[str, str]:
    """File name to content."""
    blocks = (f"upstream {name} {{\n    server 127.0.0.1:{port};\n}}\n" for name, port in upstreams(settings).items())
    return {"http.conf": f"{_HEAD}{''.join(blocks)}", "server.conf": f"{_HEAD}{_server(settings)}"}


def _server(settings: Settings) -> str:
    name, folder = settings.application, settings.nginx.snippets
    if settings.nginx.mode == "reload":
        chosen = f"include {folder}/active.conf;\n"
    else:
        flag = f"{settings.nginx.flags}/{settings.second}"
        inside = "".join(f"    {line}\n" for line in active(name, settings.second).splitlines())
        # Looked at per request. A cache of open files would hide the rename for as long as an entry is valid.
        chosen = f"open_file_cache off;\n{active(name, settings.first)}if (-f {flag}) {{\n{inside}}}\n"
    return f"{chosen}add_header X-Slot ${name}_slot always;\n"


def how_to(settings: Settings) -> str:
    """What to include where."""
    name, folder = settings.application, settings.nginx.snippets
    return f"""In the http block, once:

    include {folder}/http.conf;

In every server block of {name}, before its locations:

    include {folder}/server.conf;

For the figures of the users' traffic, in the http block (escaped, without queries), and in each of those server
blocks an `access_log PATH {name}_slots;`, whose PATH is access.log of this host's configuration:

    {log_format(name)}

In each location that goes to {name}:

    proxy_pass http://${name}_upstream;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host;

A location with an add_header of its own loses those of its server: repeat there
`add_header X-Slot ${name}_slot always;`. Then `nginx -t`, reload once, and `slots preflight`.
"""


def write(machine: Machine, state: State) -> list[str]:
    """Write what is missing; Trouble when a file was changed by hand. Returns the names written."""
    changed = by_hand(machine, state)
    if changed:
        raise Trouble(
            f"changed by hand: {', '.join(changed)}",
            "somebody edited them; nothing was overwritten",
            f"move your change into your own nginx files and delete {changed[0]}, then run this again",
        )
    folder, written = Path(machine.settings.nginx.snippets), []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts(machine.settings).items():
            if _hash(folder / name) != _digest(text):
                write_whole(folder / name, text.encode(), 0o644)
                written.append(name)
            state.snippets[name] = _digest(text)
        if isinstance(machine.pointer, Reload):
            machine.pointer.keep()
            if not machine.pointer.path.exists():
                machine.pointer.restore(state.live)
    except OSError as fault:
        raise disk_trouble("the snippets could not be written", fault) from fault
    return written


def by_hand(machine: Machine, state: State) -> list[str]:
    """Paths of snippets that are not as we left them."""
    folder = Path(machine.settings.nginx.snippets)
    return [str(folder / name) for name, digest in state.snippets.items() if _hash(folder / name) not in ("", digest)]


def missing(machine: Machine) -> list[str]:
    """Paths of snippets that are not there."""
    folder = Path(machine.settings.nginx.snippets)
    return [str(folder / name) for name in texts(machine.settings) if not (folder / name).exists()]


def nginx(machine: Machine, *words: str) -> Ended:
    """Run nginx's own test or dump."""
    log = machine.log_file(f"nginx{''.join(words)}")
    return run([*machine.settings.nginx.command, *words], 30, log, most=_DUMP)


def _hash(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
