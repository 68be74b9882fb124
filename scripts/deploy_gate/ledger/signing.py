"""The newest line's statement, signed by a key of the ledger's own; verified offline with `ssh-keygen -Y verify`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy_gate import leftovers, process
from deploy_gate.ledger import chain, statement
from deploy_gate.ledger.chain import Head
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, brief
from deploy_gate.ssh import agent, key

NAMESPACE = "deploy-gate-ledger"
WHO = "ledger"
"""The principal of an allowed_signers file: whose signature it is."""
Sign = Callable[[bytes], bytes]
Find = Callable[[str], bytes]
_SECONDS = 30


@contextmanager
def signer(variable: str) -> Iterator[Sign]:
    """Signs with the private key of that variable, which an agent holds: it is never in a file."""
    secret = key.private_key(variable)
    folder, lock = leftovers.make()
    try:
        with agent.holding(secret, folder, lifetime=600, lock=lock) as socket:
            env = {"SSH_AUTH_SOCK": str(socket)}
            told = process.run(["ssh-add", "-L"], timeout=_SECONDS, env=env)
            if told.code:
                raise CouldNotTell(f"the agent does not tell its key: {told.last_words(1)}", "run it again")
            public = folder / "ledger.pub"
            public.write_text(told.out)
            yield lambda text: _signed(text, public, env)
    finally:
        leftovers.remove(folder, lock)


def _signed(text: bytes, public: Path, env: dict[str, str]) -> bytes:
    argv: list[str | Path] = ["ssh-keygen", "-q", "-Y", "sign", "-n", NAMESPACE, "-f", public]
    done = process.run(argv, timeout=_SECONDS, env=env, stdin=text)
    if done.code or "BEGIN SSH SIGNATURE" not in done.out:
        raise CouldNotTell(f"ssh-keygen did not sign: {done.last_words(1)}", "install openssh-client 8.4 or newer")
    return done.out.encode()


def check(signers: str) -> None:
    """Misconfigured unless every line is a public key."""
    wrong = [one for one in keys(signers) if not one.startswith(("ssh-", "ecdsa-", "sk-")) or len(one.split()) < 2]
    if wrong:
        raise Misconfigured([f"{brief(wrong[0], 60)!r} is no public key, expected a line as in a file .pub"])


def keys(signers: str) -> list[str]:
    """The lines that are no comment."""
    lines = (one.strip() for one in signers.splitlines())
    return [one for one in lines if one and not one.startswith("#")]


def faults(raw: bytes, find: Find, signers: str, first: int = 0) -> list[str]:
    """What is wrong with the signature of the newest line; it covers every line before, by their hashes.

    From line `first` on each must be signed by itself: whoever signed the newest need not have looked at those before.
    `find` reads a file of the ledger; CouldNotTell (where it is not there) is a fault as well.
    """
    check(signers)
    if not (pinned := keys(signers)):
        return []
    heads = chain.heads(raw)
    looked = heads[first - 1 :] if first else heads[-1:]
    told = (_fault(head, find, pinned, newest=head is heads[-1]) for head in reversed(looked))
    return [fault for fault in told if fault]


def _fault(head: Head, find: Find, pinned: list[str], *, newest: bool) -> str:
    name = f"entries/{head.number}.intoto.json"
    try:
        text, signature = find(name), find(f"{name}.sig")
    except CouldNotTell:
        return f"line {head.number}{', the newest,' if newest else ''} has no signed statement beside it"
    if not _verified(text, signature, pinned):
        return f"the statement of line {head.number} is not signed by a pinned key"
    if not statement.names(text, head):
        return f"the signed statement of line {head.number} is about another line: that line was written anew"
    return ""


def _verified(text: bytes, signature: bytes, pinned: list[str]) -> bool:
    with tempfile.TemporaryDirectory(prefix="deploy-gate-") as name:
        folder = Path(name)
        # Only type and key of each line: options of an allowed_signers file would widen what is pinned.
        lines = [f'{WHO} namespaces="{NAMESPACE}" {" ".join(one.split()[:2])}\n' for one in pinned]
        (folder / "signers").write_text("".join(lines))
        (folder / "sig").write_bytes(signature)
        argv: list[str | Path] = ["ssh-keygen", "-Y", "verify", "-f", folder / "signers", "-I", WHO, "-n", NAMESPACE]
        done = process.run([*argv, "-s", folder / "sig"], timeout=_SECONDS, stdin=text)
    return done.code == 0
