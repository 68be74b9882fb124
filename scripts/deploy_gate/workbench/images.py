"""Images without a registry: a Python made of the machine's own, and small ones built on top of it."""

from __future__ import annotations

import io
import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from deploy_gate import bootstrap, process
from deploy_gate.result import CouldNotTell
from deploy_gate.workbench import packages
from deploy_gate.workbench.dockerd import Docker

BASE = "deploy-gate/python:machine"
SHELL = "deploy-gate/shell:machine"
_LEFT_OUT = {
    *("site-packages", "dist-packages", "test", "tests", "idlelib", "tkinter", "turtledemo", "lib2to3", "ensurepip"),
    *("pydoc_data", "distutils", "sqlite3", "curses", "dbm", "venv", "unittest", "msilib", "wsgiref", "xmlrpc"),
}


def python_base(docker: Docker) -> str:
    """An image with python3 and sh, made of this machine's files; returns its name. Made once for a daemon."""
    if docker.run("image", "inspect", BASE).code:
        with tempfile.TemporaryFile() as stream:
            _write(stream)
            stream.seek(0)
            words = ("--change", "ENV PATH=/usr/local/bin:/usr/bin:/bin PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1")
            docker.ask("import", *words, "-", BASE, stdin=stream)
    return BASE


def shell_base(docker: Docker) -> str:
    """An image of 2 MB with sh, rm and the like: a static busybox and nothing else. Made once for a daemon."""
    if docker.run("image", "inspect", SHELL).code:
        program = packages.ensure("busybox").read_bytes()
        if b"/ld-linux" in program or b"/ld-musl" in program:
            raise CouldNotTell("this machine's busybox is not static", "install busybox-static in its place")
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w") as archive:
            member = tarfile.TarInfo("bin/busybox")
            member.size, member.mode = len(program), 0o755
            archive.addfile(member, io.BytesIO(program))
            for name in ("sh", "rm", "cat", "echo", "true", "false", "mkdir"):
                link = tarfile.TarInfo(f"bin/{name}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                archive.addfile(link)
        docker.ask("import", "--change", "ENV PATH=/bin", "-", SHELL, stdin=content.getvalue())
    return SHELL


def build(docker: Docker, tag: str, dockerfile: str, files: Mapping[str, str] | None = None, *words: str) -> str:
    """Build an image of a Dockerfile and files given as texts; returns its id."""
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        for name, text in {**(files or {}), "Dockerfile": dockerfile}.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(text.encode()), 0o755
            archive.addfile(member, io.BytesIO(text.encode()))
    docker.ask("build", "--quiet", "--tag", tag, *words, "-", stdin=context.getvalue())
    return identity(docker, tag)


def identity(docker: Docker, reference: str) -> str:
    """The id of an image: the digest of its configuration."""
    return docker.ask("image", "inspect", "--format", "{{.Id}}", reference)


def _write(stream: io.IOBase | object) -> None:
    interpreter, library = Path(bootstrap.base_python()), Path(os.__file__).parent
    shell = Path(shutil.which("dash") or "/bin/sh").resolve()
    binaries = [interpreter, shell, *sorted((library / "lib-dynload").glob("*.so"))]
    with tarfile.open(fileobj=stream, mode="w") as archive:  # type: ignore[call-overload]
        _folders(archive, ("app", "tmp", "usr/local/bin", "usr/bin", "bin"))
        archive.add(library, f"usr/local/lib/{library.name}", filter=_needed)
        archive.add(interpreter, "usr/local/bin/python3")
        archive.add(shell, "bin/sh")
        for path in _libraries(binaries):
            archive.add(path.resolve(), str(path).lstrip("/"))
        for name, text in (("etc/passwd", "root:x:0:0::/:/bin/sh\n"), ("etc/hosts", "127.0.0.1 localhost\n")):
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))


def _folders(archive: tarfile.TarFile, names: Iterable[str]) -> None:
    for name in names:
        member = tarfile.TarInfo(name)
        member.type, member.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
        archive.addfile(member)


def _needed(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    name = Path(member.name).name
    heavy = name in _LEFT_OUT or name.startswith("config-") or name.endswith((".a", ".exe"))
    optimised = ".opt-" in name
    return None if heavy or optimised else member


def _libraries(binaries: list[Path]) -> list[Path]:
    """What the loader would load for them, the loader included, by the paths it looks at."""
    done = process.run(["ldd", *binaries], timeout=60)
    found = sorted(set(re.findall(r"(?:=>\s+|^\s+)(/\S+) \(0x", done.out, re.MULTILINE)))
    if not found:
        raise CouldNotTell(f"the libraries of Python cannot be told: {done.last_words()}", "install ldd (libc-bin)")
    return [Path(one) for one in found]
