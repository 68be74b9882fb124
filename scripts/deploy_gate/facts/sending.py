"""Running a small module of ours in a server's own Python: sent on standard input, nothing is left there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from deploy_gate.result import CouldNotTell
from deploy_gate.ssh.client import Connection

_HOME = Path(__file__).resolve().parents[1]
# Names of modules are dotted, as here; whoever lists processes there sees this and nothing else.
_BOOT = """
import json, sys, types
order = json.loads(sys.stdin.buffer.readline())
for name, text in order["modules"]:
    module = sys.modules[name] = types.ModuleType(name)
    above, _, last = name.rpartition(".")
    if above:
        setattr(sys.modules[above], last, module)
    exec(compile(text, name, "exec"), module.__dict__)
print(json.dumps(module.main(order["given"])))
"""


def ask(connection: Connection, name: str, given: Any, *, also: tuple[str, ...] = (), timeout: float = 60) -> Any:
    """What `sent/NAME.py` says there to `given`; `also` are modules of `deploy_gate` that it imports."""
    modules = [("deploy_gate", ""), ("deploy_gate.sent", "")]
    modules += [(f"deploy_gate.{one}", _text(one)) for one in (*also, f"sent.{name}")]
    order = json.dumps({"modules": modules, "given": given}).encode() + b"\n"
    where = connection.address
    done = connection.run(["python3", "-I", "-c", _BOOT], timeout=timeout, stdin=order)
    if done.code == 127:
        raise CouldNotTell(f"there is no python3 on {where}", "install Python 3.9 or newer there")
    try:
        return json.loads("" if done.code else done.out)
    except (ValueError, RecursionError):
        # The last line of a traceback could hold what was read there.
        kind = done.err.strip().splitlines()[-1:] or [""]
        name = kind[0].partition(":")[0][:40]
        found = f"python3 on {where} did not answer (exit code {done.code}{', ' + name if name.isidentifier() else ''})"
        raise CouldNotTell(found, "see whether `python3 --version` there is 3.9 or newer") from None


def _text(name: str) -> str:
    return (_HOME / f"{name.replace('.', '/')}.py").read_text(encoding="utf-8")
