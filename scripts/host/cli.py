"""The commands. Each has `--json`; each error has three parts; the exit code says what production is like now."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from host.config import load
from host.damage import explained
from host.machine import Machine
from host.masking import all_masked, masked
from host.status import lines
from host.table import TABLE
from host.trouble import DONE, UNKNOWN, WRONG, Damaged, Trouble, is_rights, rights_trouble


class Parser(argparse.ArgumentParser):
    """argparse, with errors in three parts."""

    def error(self, message: str) -> NoReturn:
        """Exit 2."""
        trouble = Trouble(message, "a typing mistake in the command", f"see `{self.prog} --help`", WRONG)
        if "--json" in sys.argv:
            print(json.dumps({"exit": WRONG, "said": [], "trouble": trouble.as_json()}))
        print("\n".join(trouble.lines()), file=sys.stderr)
        sys.exit(WRONG)


def main(argv: list[str]) -> int:
    """Run one command. 0 done · 1 refused, nothing changed · 2 wrong input · 3 could not tell · 4 fell back,
    production is healthy · 5 falling back failed · 6 busy, nothing changed."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # whatever the terminal's encoding is, telling must not fail
    return execute(parser().parse_args(argv))[0]


def execute(chosen: argparse.Namespace) -> tuple[int, dict[str, Any]]:
    """Run what was chosen and tell how it ended."""
    machine, told, trouble = None, {}, None
    try:
        machine = Machine(load(chosen.config or default_config()), who=getattr(chosen, "by", "") or "")
        if "lease" in chosen:
            chosen.lease = token(chosen.lease)
        if chosen.command not in {"init", "journal"} and getattr(chosen, "what", "") not in {"unit", "hook"}:
            machine.load()  # a host that was never set up says so, whatever was asked
        told = chosen.run(machine, chosen)
        code = int(told.pop("exit", DONE))
    except (Exception, KeyboardInterrupt) as fault:  # noqa: BLE001 - a traceback tells a person nothing
        if machine is not None and isinstance(fault, Damaged):
            fault = _explained(machine, fault)
        trouble = _trouble(fault, chosen.command)
        code = trouble.code
    with suppress(BrokenPipeError):  # the connection was cut: what was asked is done all the same
        write(chosen, machine.said if machine else [], told, trouble, code)
    return code, told


def token(given: str) -> str:
    """The lease's: given, by `-` the first line of standard input, else the environment: words are seen by all."""
    if given == "-":
        return sys.stdin.readline(200).strip() or "none came"  # an empty one would stand for nobody's
    return given or os.environ.get("SLOTS_LEASE", "")


def _explained(machine: Machine, fault: Damaged) -> Trouble:
    """With what else is known; whatever fails meanwhile, the fault itself is told."""
    try:
        return explained(machine, fault)
    except Exception:  # noqa: BLE001 - the journal or the settings may be damaged as well
        return fault


def _trouble(fault: BaseException, command: str) -> Trouble:
    """Whatever was raised, in three parts; a workflow reads the code."""
    if isinstance(fault, Trouble):
        return fault
    if isinstance(fault, OSError) and is_rights(fault):
        return rights_trouble(fault)
    if isinstance(fault, OSError):
        means = "the disk is full, read-only or damaged"
        return Trouble(str(fault), means, "see `df -h` and `dmesg`; then again", UNKNOWN)
    if isinstance(fault, KeyboardInterrupt):
        what = "interrupted; what was under way is finished or undone by the guard, or by the next command"
        return Trouble(what, "somebody pressed Ctrl-C", "see `slots status`", UNKNOWN)
    what = f"{command} ended with {type(fault).__name__}: {str(fault)[:300]}"
    do = "see `slots status` and `slots journal` for how far it came; report this with both"
    return Trouble(what, "a fault of this program, or a file of its folder was changed by hand", do, UNKNOWN)


def write(
    chosen: argparse.Namespace, said: list[str], told: dict[str, Any], trouble: Trouble | None, code: int
) -> None:
    """One JSON object, or lines for a person."""
    said, told = all_masked(said), all_masked(told)
    if trouble:
        trouble = Trouble(masked(trouble.what), masked(trouble.means), masked(trouble.do), trouble.code)
    if chosen.json:
        answer = {"command": chosen.command, "exit": code, "said": said, **told}
        if trouble:
            answer["trouble"] = trouble.as_json()
        print(json.dumps(answer), flush=True)
        return
    for line in [*said, *(_for_people(chosen.command, told) if told else [])]:
        print(plain(line), flush=True)
    if trouble:
        print(plain("\n".join(trouble.lines())), file=sys.stderr)


def plain(text: str) -> str:
    """Without what would steer a terminal: logs, health documents and reasons come from outside."""
    return "".join(char if char.isprintable() or char in "\n\t" else "�" for char in text)


def _for_people(command: str, told: dict[str, Any]) -> list[str]:
    if command == "status":
        return lines(told)
    if command == "preflight":
        return [f"{one['status']:8}{one['name']:13}{one['found']}" for one in told.get("lines", [])]
    if "text" in told:
        return [str(told["text"]).rstrip("\n")]
    if command == "journal":
        entries = [json.dumps(one, ensure_ascii=False) for one in told.get("entries", [])]
        return [*entries, *(str(one) for one in told.get("faults", []))]
    return []


def default_config() -> Path:
    """`slots.json` beside the program."""
    return Path(sys.argv[0]).resolve().parent / "slots.json"


def parser() -> argparse.ArgumentParser:
    """Every command with its options."""
    top = Parser("slots", description="Two slots behind nginx: switch, confirm, roll back.")
    top.add_argument("--config", type=Path, help="configuration file (default: slots.json beside this program)")
    subs = top.add_subparsers(dest="command", required=True)
    for name, (text, run, options) in TABLE.items():
        sub = subs.add_parser(name, help=text, description=text)
        sub.add_argument("--json", action="store_true", help="one JSON object instead of lines")
        for words, given in options:
            sub.add_argument(*words, **given)
        sub.set_defaults(run=run)
    return top
