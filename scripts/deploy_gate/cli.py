"""The one entrance: `python3 scripts COMMAND …`."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from deploy_gate import runner
from deploy_gate.bootstrap import ROOT, SetupError
from deploy_gate.engine import masking
from deploy_gate.problems import Misconfigured, nearest
from deploy_gate.result import CouldNotTell, one_line

COMMANDS = {
    "gate": "run one phase of the checklist: table, verdict, exit code",
    "check": "run one check: check NAME --input value … [--json]",
    "do": "run one operation: do NAME --input value … [--json]",
    "plan": "show what would run, with which values, and what is not set up; runs nothing",
    "list": "list every check and operation",
    "ledger": "the record of all deployments: verify, show, metrics, review",
    "site": "static pages of all deployments, built from the ledger: site LEDGER OUT",
    "backtest": "would today's rules have rolled back your last deployments? backtest LEDGER",
    "init": "write a first checklist.yml and workflow for the repository you stand in",
    "docs": "write the generated pages again (--check: fail when one is out of date)",
    "lint": "check this repository's own code and workflows",
    "demo": "see it work: an example shop, real tools, a green run and a red one",
    "release": "whether tag, VERSION and CHANGELOG agree, and letting vN follow: release v1.2.3 --move",
    "test": "run the tests (--all: the long ones too)",
}
OK, WRONG, UNKNOWN = 0, 2, 3


def main(argv: list[str]) -> int:
    """Run one command; a user's mistake is a line or two and exit code 2, never a traceback."""
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(usage())
        return OK if argv else WRONG
    if argv[0] == "--version":
        print((ROOT / "VERSION").read_text().strip())
        return OK
    try:
        return _command(argv[0])(argv[1:])
    except Misconfigured as fault:
        return _wrong(fault)
    except Exception as fault:  # noqa: BLE001 - whatever it is, nobody judged anything: that is not a no-go
        return _could_not_tell(fault)


def _could_not_tell(fault: Exception) -> int:
    """Say in a line what broke and what to do; the exit code blocks."""
    if isinstance(fault, BrokenPipeError):
        # The reader of our output went away (`| head`); there is nobody left to tell.
        sys.stderr.close()
        return UNKNOWN
    found, fix = _explained(fault)
    found = masking.from_environment().text(found)
    runner.say(f"error: {found}\n  → {fix}")
    runner.annotate("error", f"{found} → {fix}", title="deploy-gate could not tell")
    return UNKNOWN


def _explained(fault: Exception) -> tuple[str, str]:
    if isinstance(fault, CouldNotTell | SetupError):
        return fault.found, fault.fix
    if isinstance(fault, OSError):
        what = f"{fault.strerror}: {fault.filename}" if fault.filename else str(fault)
        return one_line(what, 300), "see whether the working directory is there and can be read and written"
    where = traceback.extract_tb(fault.__traceback__)[-1]
    place = f"{Path(where.filename).name}:{where.lineno}"
    return one_line(f"deploy-gate broke off at {place}: {type(fault).__name__}: {fault}", 300), "report this line"


def _command(name: str) -> Callable[[list[str]], int]:
    if name not in COMMANDS:
        raise Misconfigured([f"there is no command '{name}'{nearest(name, COMMANDS)}"])
    module = importlib.import_module(f"deploy_gate.commands.{name}_command")
    run: Callable[[list[str]], int] = module.run
    return run


def _wrong(fault: Misconfigured) -> int:
    for problem in fault.problems[:50]:
        runner.say(f"error: {problem}")
    if len(fault.problems) > 50:
        runner.say(f"error: and {len(fault.problems) - 50} more")
    for problem in fault.problems[:10]:
        runner.annotate("error", problem.message, title="deploy-gate", path=problem.path, line=problem.line)
    return WRONG


def usage() -> str:
    """The overview."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {text}" for name, text in COMMANDS.items()]
    return "\n".join(["python3 scripts COMMAND …", "", *lines, "", "COMMAND --help tells the options of one."])
