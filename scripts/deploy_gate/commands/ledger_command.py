"""`ledger`: the record of all deployments at a prompt: verify it, list it, count it, review it. Works offline."""

from __future__ import annotations

import html
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from deploy_gate import arguments, units
from deploy_gate.checklist.loading import load
from deploy_gate.commands.gate_command import find_checklist
from deploy_gate.facts import ledgerheads, textfile
from deploy_gate.ledger import branch as branches
from deploy_gate.ledger import chain, reading, review, signing
from deploy_gate.ledger.chain import Head
from deploy_gate.ledger.entry import Entry
from deploy_gate.ledger.metrics import figures
from deploy_gate.problems import Misconfigured, nearest
from deploy_gate.result import CouldNotTell, brief
from deploy_gate.rollout.servers import Login, servers

MAX_BYTES = 512 * 1024 * 1024
LONGEST = timedelta(days=36525)
WORDS = ("verify", "show", "metrics", "review")


def run(argv: list[str]) -> int:
    """One of verify, show, metrics, review; 1 when the chain does not hold."""
    parser = arguments.Parser("ledger", "The record of all deployments: verify, show, metrics or review.")
    parser.add_argument("what", help=", ".join(WORDS))
    parser.add_argument("--file", type=Path, help="a ledger.jsonl (default: the branch at the remote)")
    parser.add_argument("--branch", default=branches.NAME, help="the ledger's branch")
    parser.add_argument("--remote", default="origin", help="the remote that holds it")
    parser.add_argument("--known", nargs="+", default=[], help="lines that must be in it, as NUMBER:HASH")
    parser.add_argument("--host", nargs="+", default=[], help="servers, as user@name: what they remember must be in it")
    parser.add_argument("--host-keys", default="", help="their known_hosts lines (default: those of SSH_KNOWN_HOSTS)")
    parser.add_argument("--config", default="", help="the host program's configuration (slots.json) on the servers")
    parser.add_argument("--python", default="python3", help="Python 3.9 or newer on the servers")
    parser.add_argument("--sudo", action="store_true", help="run the host program by `sudo -n`")
    parser.add_argument("--signers", type=Path, help="public keys, by one of which the newest line must be signed")
    parser.add_argument("--environment", default="production", help="which deployments")
    parser.add_argument("--window", default="90d", help="how far back from now")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse(argv)
    if options.what not in WORDS:
        raise Misconfigured([f"ledger {options.what}: there is no such word{nearest(options.what, WORDS)}"])
    options.window = _span(options.window)
    signers = _text(options.signers, "keep the public keys that may sign in a file").decode() if options.signers else ""
    known = [*map(Head.parse, options.known), *_remembered(options)]
    raw, unsigned = _read(options.file, options.branch, options.remote, signers)
    if not raw and not known:
        raise CouldNotTell("there is no ledger, or it has no lines", "run the record operation after a deployment")
    wrong = [*chain.faults(raw, known), *unsigned]
    if options.what == "verify" or wrong:
        return _verify(raw, wrong)
    call: Callable[[Any, list[Entry]], None] = {"show": _show, "metrics": _metrics, "review": _review}[options.what]
    ledger = reading.read(raw)
    call(options, ledger.entries)
    for aside in filter(None, (ledger.aside, _elsewhere(options.environment, ledger.entries))):
        print(f"note: {aside}", file=sys.stderr)
    return 0


def _elsewhere(environment: str, entries: list[Entry]) -> str:
    """That nothing is known of this environment, which may be a typing mistake: the figures are then of nothing."""
    known = dict.fromkeys(one.environment for one in entries)
    if environment in known or not known:
        return ""
    return f"nothing in this ledger is about {brief(environment, 60)!r}{nearest(environment, known)}"


def _read(file: Path | None, branch: str, remote: str, signers: str) -> tuple[bytes, list[str]]:
    """The lines, and what is wrong with their signature."""
    if file is not None:
        raw = _text(file, "fetch the ledger's branch and name its ledger.jsonl")
        return raw, signing.faults(raw, lambda path: _text(file.parent / path, ""), signers)
    with branches.opened(branch, remote) as there:
        state = there.read()
        return state.raw, signing.faults(state.raw, lambda path: there.file(state.commit, path), signers)


def _remembered(options: Any) -> list[Head]:
    """The newest lines that the servers were told; CouldNotTell when one of them does not say, or none was told any."""
    if not options.host:
        return []
    keys = options.host_keys or os.environ.get("SSH_KNOWN_HOSTS", "")
    with servers(Login(options.host, keys, options.config, options.python, options.sudo)) as where:
        found, silent = ledgerheads.read(where)
    if silent:
        raise CouldNotTell(silent[0], "see why; on the server `slots ledger` prints the line, for --known")
    if not found:
        fix = "let `record` have `host`: it tells the servers the newest line"
        raise CouldNotTell("no server was ever told a line of the ledger, so none proves anything", fix)
    return found


def _text(file: Path, fix: str) -> bytes:
    raw = textfile.read(file, MAX_BYTES)
    if raw is None:
        raise CouldNotTell(f"there is no file {file}", fix)
    return raw


def _verify(raw: bytes, wrong: list[str]) -> int:
    for one in wrong:
        print(f"wrong: {one}")
    if not wrong:
        lines = units.counted(chain.head(raw).number, "line")
        print(f"{lines}, each follows from the one before; the newest is\n{chain.head(raw)}")
    return int(bool(wrong))


def _show(options: Any, entries: list[Entry]) -> None:
    own = [one for one in entries if one.environment == options.environment]
    if options.json:
        print(json.dumps([one.as_json() for one in own[-200:]], indent=2))
        return
    for one in own[-50:]:
        print(
            f"{one.ended}  {one.kind:<9} {one.release[:12]}  {one.outcome:<12} {one.actor:<16} {one.why[:80]}".rstrip()
        )


def _metrics(options: Any, entries: list[Entry]) -> None:
    found = figures(entries, options.environment, until=datetime.now(UTC), window=options.window, targets=_targets())
    if options.json:
        print(json.dumps([asdict(one) for one in found], indent=2))
        return
    table = review.table(found)
    # Markdown for a page; on a screen nobody wants to read `&lt;`.
    print(html.unescape(table) if sys.stdout.isatty() else table, end="")


def _review(options: Any, entries: list[Entry]) -> None:
    now = datetime.now(UTC)
    print(review.text(entries, options.environment, until=now, window=options.window, targets=_targets()), end="")


def _targets() -> dict[str, str]:
    """Those of your checklist, where you stand in its repository; else the bundled ones."""
    metrics = load(find_checklist(None)).checklist.metrics
    return {name: one.target for name, one in metrics.items()}


def _span(text: str) -> timedelta:
    """The window; Misconfigured when it is none, or longer than anybody looks back."""
    try:
        found = timedelta(seconds=units.duration(text))
    except (ValueError, OverflowError) as fault:
        raise Misconfigured([f"--window is '{brief(text, 60)}', expected {fault}"]) from None
    if not timedelta() < found <= LONGEST:
        raise Misconfigured([f"--window is '{brief(text, 60)}', expected more than nothing, and at most 100 years"])
    return found
