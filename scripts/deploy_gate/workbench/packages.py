"""Programs of the system that a test or a demonstration needs, from the machine's own packages."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from deploy_gate import process
from deploy_gate.result import CouldNotTell

_PACKAGES = {
    "nginx": "nginx-light",
    "sshd": "openssh-server",
    "fail2ban-client": "fail2ban",
    "dockerd": "docker.io",
    "ip": "iproute2",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "busybox": "busybox-static",
    "ctr": "containerd",
}
_PLACES = ("/usr/sbin", "/usr/local/sbin", "/sbin")


def ensure(program: str) -> Path:
    """Where `program` is; root on a Debian installs its package first. CouldNotTell: not to be had."""
    found = _find(program)
    if found:
        return found
    package = _PACKAGES.get(program, program)
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise CouldNotTell(f"{program} is not installed", f"install it, on Debian `apt-get install {package}`")
    # Only its own instances are wanted: without this the package would start a server of its own.
    quiet = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    said = ""
    for words in (("update", "-qq"), ("install", "-y", "-qq", "--no-install-recommends", package)):
        done = process.run(["apt-get", "-o", "DPkg::Lock::Timeout=120", *words], timeout=300, env=quiet)
        said = done.last_words()
    found = _find(program)
    if not found:
        raise CouldNotTell(f"{program} could not be installed: {said}", f"install {package} by hand")
    return found


def _find(program: str) -> Path | None:
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *_PLACES))
    found = shutil.which(program, path=path)
    return Path(found) if found else None
