"""What `docker save` wrote, without the layers that a server has already.

`docker load` looks whether it has a layer (and all below it) before it opens the archive for it, so an archive may lack
what is there. Each layer is known by the digest of its content, which docker computes itself when one comes in.
"""

from __future__ import annotations

import json
import posixpath
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from deploy_gate.result import CouldNotTell, brief
from deploy_gate.ssh.hostprogram import Answer

Layers = Sequence[Sequence[str]]
_MOST_JSON = 8 << 20
_MOST_LINKS = 8


@dataclass(frozen=True, slots=True)
class Lacking:
    """The rest of an archive, to be read from its beginning."""

    stream: IO[bytes]
    left_out: int
    size: int
    whole: int

    def __str__(self) -> str:
        """For the log of the run."""
        sizes = f"{self.size / 1e6:.2f} of {self.whole / 1e6:.2f} MB"
        return f"layers there already: {self.left_out}; {sizes} are sent"


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open an archive; CouldNotTell when it cannot be read."""
    try:
        stream = path.open("rb")
    except OSError as fault:
        found = f"{brief(str(path))} cannot be read: {fault.strerror}"
        raise CouldNotTell(found, "write the images there first (`docker save -o`)") from None
    with stream:
        yield stream


def layers(answer: Answer) -> Layers:
    """The layers of the images on a server; none when it did not say."""
    found = answer.data.get("layers")
    return [one for one in found if isinstance(one, list)] if answer.good and isinstance(found, list) else []


def without(whole: IO[bytes], there: Layers) -> Lacking | None:
    """The archive without the layers that are there; None: it has to go as it is.

    `whole` stands at its beginning again afterwards.
    """
    if not there:
        return None
    try:
        with tarfile.open(fileobj=whole, mode="r:") as source:
            members = {one.name: one for one in source.getmembers()}
            gone = _left_out(source, members, there)
            return _copied(source, members, gone) if gone else None
    except (tarfile.TarError, ValueError, LookupError, TypeError, AttributeError, RecursionError, OSError):
        # Compressed, written by something else, or no room for a second one: then as it is.
        return None
    finally:
        whole.seek(0)


def _left_out(source: tarfile.TarFile, members: dict[str, tarfile.TarInfo], there: Layers) -> set[str]:
    """Members that are layers the server has, in every image that uses them."""
    gone, needed = set[str](), set[str]()
    for image in _json(source, "manifest.json"):
        digests = _json(source, image["Config"])["rootfs"]["diff_ids"]
        count = max(_common(digests, one) for one in there)
        files = [_target(members, name) for name in image["Layers"]]
        if len(files) != len(digests):
            raise ValueError
        gone.update(files[:count])
        needed.update(files[count:])
    return gone - needed


def _common(left: Sequence[str], right: Sequence[str]) -> int:
    # A layer counts only on the same ones below it.
    pairs = zip(left, right, strict=False)
    return next((number for number, (one, other) in enumerate(pairs) if one != other), min(len(left), len(right)))


def _target(members: dict[str, tarfile.TarInfo], name: str) -> str:
    """Where the content of a member is: the same layer of two images is a link the second time."""
    for _ in range(_MOST_LINKS):
        member = members[name]
        if not member.issym():
            return name
        name = posixpath.normpath(posixpath.join(posixpath.dirname(name), member.linkname))
    raise ValueError


def _json(source: tarfile.TarFile, name: str) -> Any:
    stream = source.extractfile(name)
    if stream is None:
        raise ValueError
    return json.loads(stream.read(_MOST_JSON))


def _copied(source: tarfile.TarFile, members: dict[str, tarfile.TarInfo], gone: set[str]) -> Lacking:
    # Without a name, so that nothing stays whatever happens.
    stream = tempfile.TemporaryFile()  # noqa: SIM115 - closed by whoever sends it
    try:
        with tarfile.open(fileobj=stream, mode="w") as target:
            for name, member in members.items():
                if name not in gone:
                    target.addfile(member, source.extractfile(member) if member.isfile() else None)
        size = stream.tell()
        stream.seek(0)
    except BaseException:
        stream.close()
        raise
    return Lacking(stream, len(gone), size, sum(one.size for one in members.values()))
