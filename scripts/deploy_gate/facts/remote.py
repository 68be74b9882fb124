"""What a branch is at the remote, asked past this clone: it may be shallow, and its refs may be anything.

The question is asked from an empty repository of our own, so nothing in the clone changes, and of the clone's
configuration only what belongs to HTTP (credentials, proxy) comes along: no program that it names is started.
"""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from urllib.parse import unquote, urlsplit

from deploy_gate.facts import git
from deploy_gate.process import Finished, run
from deploy_gate.result import CouldNotTell, brief

TOKEN = "GITHUB_TOKEN"  # noqa: S105 - the variable's name  # nosec B105
_PROTOCOLS = ("https", "http", "ssh", "file")
_ALLOWED = tuple(word for name in _PROTOCOLS for word in ("-c", f"protocol.{name}.allow=always"))
_KEPT = (".extraheader", ".proxy", ".sslcainfo")
_FIX = "see whether the remote can be reached from here; for a private repository hand over GITHUB_TOKEN"


@dataclass(frozen=True, slots=True)
class Remote:
    """One remote, as it is asked: from `folder`, with `settings` in the environment (they may hold credentials).

    Of the address a password is no part: it would stand in a list of processes.
    """

    url: str
    folder: Path
    settings: dict[str, str]
    timeout: float

    def git(
        self, *args: str, stdin: bytes = b"", errors: str = "replace", more: Mapping[str, str] = MappingProxyType({})
    ) -> Finished:
        """Run git with the network allowed, and nothing of the clone; `more` are further variables of its own."""
        argv = ["git", *git.command(*_ALLOWED, *args)[1:]]
        env = {**git.ENVIRONMENT, "GIT_DIR": str(self.folder), **self.settings, **more}
        return run(argv, timeout=self.timeout, cwd=self.folder, env=env, stdin=stdin, errors=errors)

    def words(self, done: Finished) -> str:
        """What git said last."""
        return brief(done.last_words(1), 200)

    def tip(self, branch: str) -> str | None:
        """The commit at the branch's end, None when there is no such branch; CouldNotTell when nobody answers."""
        name = f"refs/heads/{branch}"
        done = self.git("ls-remote", "--heads", "--", self.url, name)
        if done.code:
            raise CouldNotTell(f"the remote cannot be asked: {self.words(done)}", _FIX)
        pairs = (line.partition("\t") for line in done.out.splitlines())
        return next((commit for commit, _, known in pairs if known == name), None)

    def has(self, branch: str, commit: str) -> bool:
        """Whether a commit is on the branch; fetches the branch's commits, without their files where that is known."""
        done = self.git("fetch", "--quiet", "--no-tags", "--filter=tree:0", "--", self.url, f"refs/heads/{branch}")
        if done.code:
            raise CouldNotTell(f"the branch cannot be fetched: {self.words(done)}", _FIX)
        # Asked of what was fetched alone: a commit that was not is not on the branch.
        known = self.git("cat-file", "-e", f"{commit}^{{commit}}").code == 0
        return known and self.git("merge-base", "--is-ancestor", commit, "FETCH_HEAD").code == 0


@contextmanager
def opened(name: str, timeout: float) -> Iterator[Remote]:
    """The remote of that name; CouldNotTell when this clone has none."""
    done = git.git("remote", "get-url", "--", name)
    url, login = _parted(done.out.strip())
    if done.code or not url:
        raise CouldNotTell(f"this clone has no remote {brief(name)}", "run inside a clone (actions/checkout)")
    settings = _settings(login)
    with tempfile.TemporaryDirectory(prefix="deploy-gate-") as folder:
        made = git.git("init", "--quiet", "--bare", folder)
        if made.code:
            raise CouldNotTell(
                f"git init refused: {made.last_words(1)}", "make the folder for temporary files writable"
            )
        # A relative path of the clone's configuration means nothing elsewhere.
        here = str(Path.cwd() / url) if "://" not in url and Path(url).is_dir() else url
        yield Remote(here, Path(folder), settings, timeout)


def _parted(url: str) -> tuple[str, dict[str, str]]:
    """An address without its password, and the setting of git that sends it to that server alone."""
    parts = urlsplit(url) if url.startswith(("http://", "https://")) else None
    if parts is None or not parts.password:
        return url, {}
    server = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    secret = f"{unquote(parts.username or '')}:{unquote(parts.password)}"
    return f"{server}{url.partition(parts.netloc)[2]}", {f"http.{server}/.extraheader": _basic(secret)}


def _basic(secret: str) -> str:
    return f"AUTHORIZATION: basic {base64.b64encode(secret.encode()).decode()}"


def _settings(login: Mapping[str, str]) -> dict[str, str]:
    """HTTP settings of the clone as variables, never as arguments, which everybody can read."""
    done = git.git("config", "--null", "--get-regexp", r"^http\.")
    pairs = [(key, value) for key, _, value in (one.partition("\n") for one in done.out.split("\0"))]
    pairs = [(key, value) for key, value in pairs if key.lower().endswith(_KEPT)]
    # A second header would be refused; what is written into the address is meant for it.
    pairs = [(key, value) for key, value in pairs if key.lower() not in map(str.lower, login)] + list(login.items())
    token = os.environ.get(TOKEN, "")
    if token and not any(key.lower().endswith(".extraheader") for key, _ in pairs):
        # Only for that server: git sends it nowhere else.
        pairs.append((f"http.{_server()}/.extraheader", _basic(f"x-access-token:{token}")))
    # No helper, since it is a program; no prompt, since nobody is there; the configured ssh command is one, too.
    pairs.append(("credential.helper", ""))
    listed = {f"GIT_CONFIG_KEY_{n}": key for n, (key, _) in enumerate(pairs)}
    listed |= {f"GIT_CONFIG_VALUE_{n}": value for n, (_, value) in enumerate(pairs)}
    ssh = "ssh -o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=10"
    return {**listed, "GIT_CONFIG_COUNT": str(len(pairs)), "GIT_SSH_COMMAND": ssh, "GIT_ASKPASS": ""}


def _server() -> str:
    return os.environ.get("GITHUB_SERVER_URL", "https://github.com").rstrip("/")
