"""Runs an installer: allow-listed environment, time limit, its last words as a SetupError. Standard library only."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
from typing import TYPE_CHECKING

from deploy_gate.bootstrap.error import SetupError

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 300.0
TAIL_BYTES = 16_384
QUOTED_CHARACTERS = 400

# The library path belongs to the interpreter: some, like those of setup-python, do not start without it.
COMMON = frozenset({"HOME", "LANG", "LD_LIBRARY_PATH", "TMPDIR", "XDG_CACHE_HOME"})
PROXIES = frozenset({"http_proxy", "https_proxy", "no_proxy", "all_proxy"})
CERTIFICATES = frozenset({"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "NETRC"})
PIP_NAMES = (
    "CERT CLIENT_CERT CONFIG_FILE DEFAULT_TIMEOUT EXTRA_INDEX_URL FIND_LINKS INDEX_URL PROXY RETRIES TRUSTED_HOST"
)
UV_NAMES = "DEFAULT_INDEX EXTRA_INDEX_URL INDEX_URL NATIVE_TLS"
NETWORK = PROXIES.union(
    CERTIFICATES,
    (name.upper() for name in PROXIES),
    (f"PIP_{name}" for name in PIP_NAMES.split()),
    (f"UV_{name}" for name in UV_NAMES.split()),
)
# What is set for pip holds for uv, too, where it has no word of its own: else uv would go round a mirror.
PIP_TO_UV = {
    "PIP_INDEX_URL": ("UV_DEFAULT_INDEX", "UV_INDEX_URL"),
    "PIP_EXTRA_INDEX_URL": ("UV_EXTRA_INDEX_URL",),
    "PIP_FIND_LINKS": ("UV_FIND_LINKS",),
}

USERINFO = re.compile(r"//[^/\s]+@")
NO_NETWORK = re.compile(
    r"connection (error|refused|reset)|NewConnectionError|name resolution|dns error|timed out|timeout|ProxyError|tunnel"
    r"|SSLError|certificate|error sending request|failed to fetch|Max retries|unreachable",
    re.IGNORECASE,
)
WRONG_HASH = re.compile(r"DO NOT MATCH THE HASHES|hash mismatch", re.IGNORECASE)
NOISE = re.compile(r"^(WARNING|DEPRECATION|\[notice\]|Looking in|Collecting|Saved|Downloading|Processing)|^$")


def absolute_path() -> str:
    """PATH without relative entries, which would lead into the consumer's working directory."""
    return os.pathsep.join(entry for entry in os.environ.get("PATH", "").split(os.pathsep) if os.path.isabs(entry))


def offline_environment() -> dict[str, str]:
    """For an installer that needs no network and must not read anybody's settings."""
    kept = {name: value for name, value in os.environ.items() if name in COMMON or name.startswith("LC_")}
    return {**kept, "PATH": absolute_path(), "PIP_CONFIG_FILE": os.devnull}


def fetch_environment() -> dict[str, str]:
    """For pip while it fetches: proxies, certificates and mirrors of the user's hold, and nothing else of his."""
    network = {name: value for name, value in os.environ.items() if name in NETWORK}
    kept = offline_environment()
    del kept["PIP_CONFIG_FILE"]
    return {**kept, **network}


def uv_environment() -> dict[str, str]:
    """For uv: the same, with pip's mirrors translated."""
    environment = fetch_environment()
    for pip, uv in PIP_TO_UV.items():
        if environment.get(pip) and not any(name in environment for name in uv):
            environment[uv[0]] = environment[pip]
    return environment


def succeeds(command: list[str]) -> bool:
    """Whether a short question to an interpreter is answered with exit code 0."""
    try:
        answer = subprocess.run(command, env=offline_environment(), capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.SubprocessError):
        return False
    return answer.returncode == 0


def run(command: list[str], environment: dict[str, str], *, cwd: Path, about: str, held: int) -> None:
    """Run an installer for lock ``about``; SetupError if it fails or takes longer than five minutes.

    ``held`` is inherited, so that a lock lasts as long as the installer. Its whole process group ends with us.
    """
    with tempfile.TemporaryFile() as output:
        code = _exit_code(command, environment, cwd, about, (output.fileno(), held))
        if code != 0:
            size = output.seek(0, os.SEEK_END)
            output.seek(max(0, size - TAIL_BYTES))
            raise explain(output.read().decode(errors="replace"), about)


def _exit_code(command: list[str], environment: dict[str, str], cwd: Path, about: str, files: tuple[int, int]) -> int:
    output, held = files
    try:
        process = subprocess.Popen(
            command, env=environment, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            start_new_session=True, pass_fds=(held,),
        )  # fmt: skip
    except OSError as error:
        found = f"{command[0]} does not start: {error.strerror}"
        raise SetupError(found, "repair it, or remove it from PATH") from error
    try:
        return process.wait(SECONDS)
    except subprocess.TimeoutExpired:
        found = f"preparing the environment ({about}) took longer than {SECONDS:.0f} s"
        raise SetupError(found, "check the network, the proxy and the mirror, then run again") from None
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def explain(output: str, about: str) -> SetupError:
    """What an installer's output means, without the passwords of its addresses."""
    words = last_words(output)
    if WRONG_HASH.search(output):
        found = f"a package of {about} is not the one its lock names: {words}"
        return SetupError(found, f"do not use it: check the mirror that served it, and requirements/{about}.txt")
    if NO_NETWORK.search(output):
        found = f"the package index cannot be reached for {about}: {words}"
        return SetupError(found, "check the network, https_proxy and PIP_INDEX_URL, then run again")
    found = f"the packages of {about} could not be installed: {words}"
    return SetupError(found, "check PIP_INDEX_URL and pip's settings, then run again")


def last_words(output: str) -> str:
    """The end of an output on one bounded, printable line."""
    printable = "".join(sign if sign.isprintable() or sign == "\n" else " " for sign in output)
    lines = [" ".join(line.split()) for line in printable.splitlines()]
    telling = [line for line in lines if not NOISE.match(line)] or ["no output"]
    text = USERINFO.sub("//***@", " | ".join(telling[-6:]))
    return text if len(text) <= QUOTED_CHARACTERS else "… " + text[-QUOTED_CHARACTERS:]
