"""Writes a deployment down in the ledger, from what its jobs left behind."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from deploy_gate import runner
from deploy_gate.catalog import About
from deploy_gate.checklist import loading
from deploy_gate.facts import answers, git, ledgerheads
from deploy_gate.facts.remote import TOKEN
from deploy_gate.ledger import branch as branches
from deploy_gate.ledger import ended, met, reading, signing, statement
from deploy_gate.ledger.branch import Branch, Trust
from deploy_gate.ledger.chain import Head, canonical, digest
from deploy_gate.ledger.entry import Entry, Kind
from deploy_gate.ledger.gathered import Gathered
from deploy_gate.ledger.leavings import gather
from deploy_gate.pages import standing
from deploy_gate.policy import live
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Result, brief, passed, warned
from deploy_gate.rollout import images
from deploy_gate.rollout.servers import READS, SECRETS, Login, run_url, servers, who
from deploy_gate.ssh.hostprogram import HostProgram
from deploy_gate.units import Variable

PINS = "SSH_KNOWN_HOSTS"
ABOUT = About(secrets=(TOKEN, *SECRETS), reads=(*READS, PINS), github=("contents: write",), timeout=300)
_DIGEST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}=sha256:[0-9a-f]{64}")
_MOMENT = "%Y-%m-%dT%H:%M:%SZ"


def operate(  # noqa: PLR0913 - one parameter for each input
    *,
    environment: str,
    kind: Literal["deploy", "rollback", "rehearsal", "confirm"],
    reports: list[str],
    code_reports: list[str],
    checklist: Path | None,
    deploy: Path | None,
    rollback: Path | None,
    verdict: Literal["", "go", "no-go", "could-not-tell"],
    watch: Path | None,
    release: str,
    from_release: str,
    reason: str,
    digests: str,
    manifest: Path | None,
    known: list[str],
    signers: str,
    signing_key: Variable,
    predicate: Path | None,
    host: list[str],
    host_keys: str,
    config: str,
    python: str,
    sudo: bool,
    branch: str,
    remote: str,
) -> Result:
    """Append one entry; CouldNotTell when the ledger is broken, or cannot be written."""
    login = Login(host, host_keys or os.environ.get(PINS, ""), config, python, sudo)
    validate(digests=digests, known=known, signers=signers, host=host, config=config, python=python)
    files, of_code = [Path(one) for one in reports], [Path(one) for one in code_reports]
    found = gather(files, deploy, rollback, verdict, watch, of_code)
    if Kind(kind) is Kind.ROLLBACK:
        # It says itself what it left, and where it went; a `release` that was given is the one it was about.
        left, now = found.moved()
        from_release, release = from_release or left or release, now or release or left
    if Kind(kind) is Kind.CONFIRM:
        release = found.confirmed() or release
    entry = entered(found, environment, Kind(kind), release or _tree(), from_release, reason, datetime.now(UTC))
    named, seen = _digests(digests) or _built(manifest), met.of(found.document, _measuring()).known
    judged = live.committed(checklist) if entry.commit and entry.counts else ""
    entry = replace(entry, digests=named, met=seen, checklist=judged)
    heads = [Head.parse(text) for text in known]
    with _servers(login) as (where, silent), _signer(signing_key) as sign, branches.opened(branch, remote) as there:
        remembered, more = ledgerheads.read(where)
        trust = Trust((*heads, *remembered), signers, sign)
        _settle(there, where, entry, trust)
        head = branches.append(there, entry, found.document, trust)
        silent += [*more, *ledgerheads.tell(where, head)]
    if predicate is not None:
        fields = {**entry.as_json(), "evidence": digest(branches.evidence(found.document))}
        predicate.write_bytes(canonical(statement.of(fields, head, found.document)["predicate"]))
    evidence = [{"message": f"ledger line {head}", "number": head.number, "hash": head.digest}]
    told = f"{entry.kind} of {entry.release[:12]} to {entry.environment}: {entry.outcome}"
    told = f"{told}; written down as line {head.number}"
    if silent:
        # It stands in the ledger; who rewrites it before the next deployment is not found by this server.
        fix = f"see why, and run `slots ledger {head}` on the server"
        return warned(f"{told}, but {silent[0]}", fix, measured=head.number, evidence=evidence)
    return passed(told, measured=head.number, evidence=evidence)


def validate(
    *, digests: str, known: list[str], signers: str, host: list[str], config: str, python: str, **_: object
) -> None:
    """Misconfigured for what can be known wrong before anything is read."""
    if host:
        Login(host, "", config, python, sudo=False).check()
    for text in known:
        Head.parse(text)
    signing.check(signers)
    _digests(digests)


def _digests(text: str) -> dict[str, str]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if wrong := [one for one in lines if not _DIGEST.fullmatch(one)]:
        raise Misconfigured([f"input 'digests' has the line {brief(wrong[0])!r}, expected service=sha256:…"])
    return dict(line.split("=", 1) for line in lines)


def _built(manifest: Path | None) -> dict[str, str]:
    """As the manifest names them, without the image's name before each; what happened is written down all the same."""
    try:
        named = images.digests(manifest)
    except (Misconfigured, CouldNotTell):
        return {}
    pairs = (line.split("=", 1) for line in named.splitlines())
    return {service: digest.rpartition("@")[2] for service, digest in pairs}


def _measuring() -> dict[str, list[str]]:
    """Which lines of the checklist measure what users meet; of one that cannot be read, those of the bundled one."""
    try:
        return met.names(standing.checklist(None))
    except Misconfigured:
        return met.names(loading.load(None).checklist)


def _settle(there: Branch, where: list[HostProgram], entry: Entry, trust: Trust) -> None:
    """First the end of the deployment before, where no line tells it: a person's answer on a server, or the guard's.

    That it was taken back after it was confirmed and written down is such an end, too.
    """
    held = ended.still_open(reading.read(there.read().raw).entries, entry.environment) if where else None
    answer = answers.read(where, held) if held else None
    # What this very run did, its own line is about to tell.
    if held and answer and answer.news(held) and (entry.kind is Kind.DEPLOY or answer.by != who()):
        branches.append(there, answer.line(held), Gathered([], {}, {}).document, trust)


@contextmanager
def _servers(login: Login) -> Iterator[tuple[list[HostProgram], list[str]]]:
    """Those that are to remember, and why nobody does: what happened is written down all the same."""
    silent: list[str] = []
    with ExitStack() as stack:
        try:
            where = stack.enter_context(servers(login)) if login.host else []
        except CouldNotTell as fault:
            where = []
            silent.append(f"the servers could not be asked: {fault.found}")
        yield where, silent


@contextmanager
def _signer(variable: str) -> Iterator[signing.Sign | None]:
    """Nobody signs where no key was set up; the check `ledger` with `signers` then says so."""
    if not os.environ.get(variable, "").strip():
        yield None
        return
    with signing.signer(variable) as sign:
        yield sign


def entered(
    found: Gathered, environment: str, kind: Kind, release: str, before: str, reason: str, now: datetime
) -> Entry:
    """The entry as of now."""
    outcome = found.outcome(kind)
    decided_by, why = found.decided(outcome)
    began = found.began(now)
    # Whatever is checked out where somebody says a word, it need not be what is live now.
    head = git.head() if kind in (Kind.DEPLOY, Kind.REHEARSAL) or git.tree() == release else ""
    return Entry(
        environment=environment,
        release=release,
        kind=kind,
        outcome=outcome,
        began=began.strftime(_MOMENT),
        ended=now.strftime(_MOMENT),
        commit=head,
        from_release=before,
        branch=runner.branch(),
        subject=_of(head, "%s"),
        author=_of(head, "%an"),
        actor=os.environ.get("GITHUB_TRIGGERING_ACTOR", ""),
        run_url=run_url(),
        reason=reason,
        decided_by=decided_by,
        why=why,
        times=found.times((now - began).total_seconds()),
        counts=found.counts(),
        signoffs=found.signoffs(),
        waivers=found.waivers(),
        interventions=found.interventions(),
    )


def _tree() -> str:
    if not (tree := git.tree()):
        raise CouldNotTell("there is no release to record: no commit is checked out", "check out, or give `release`")
    return tree


def _of(commit: str, what: str) -> str:
    return git.output("show", "--no-patch", f"--format={what}", commit, "--").strip() if commit else ""
