"""Which members of an image archive need not be sent, whatever the archive looks like."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from deploy_gate.result import CouldNotTell
from deploy_gate.rollout import archive
from deploy_gate.ssh.hostprogram import Answer

LAYER = b"x" * 4096


def packed(images: list[tuple[list[str], list[str]]], links: dict[str, str] | None = None) -> io.BytesIO:
    """An archive as docker writes it; each image has the digests of its layers and their members."""
    stream, links = io.BytesIO(), links or {}
    manifest = [{"Config": f"{number}.json", "Layers": names} for number, (_, names) in enumerate(images)]
    contents = {"manifest.json": json.dumps(manifest).encode()}
    for number, (digests, names) in enumerate(images):
        contents[f"{number}.json"] = json.dumps({"rootfs": {"diff_ids": digests}}).encode()
        contents |= {name: LAYER for name in names if name not in links}
    with tarfile.open(fileobj=stream, mode="w") as target:
        for name, data in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            target.addfile(member, io.BytesIO(data))
        for name, place in links.items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, place
            target.addfile(member)
    stream.seek(0)
    return stream


def sent(stream: io.BytesIO, there: list[list[str]]) -> list[str] | None:
    """The layers that would be sent; None when the archive goes as it is."""
    found = archive.without(stream, there)
    assert stream.tell() == 0
    if found is None:
        return None
    with found.stream, tarfile.open(fileobj=found.stream, mode="r:") as source:
        names = [one.name for one in source.getmembers()]
        assert "manifest.json" in names
        return sorted(name for name in names if "layer" in name or "blobs" in name)


ONE = (["a", "b", "c"], ["1/layer.tar", "2/layer.tar", "3/layer.tar"])
BLOBS = (["a", "b"], ["blobs/sha256/a", "blobs/sha256/b"])


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ([["a", "b"]], ["3/layer.tar"]),
        ([["x"], ["a"]], ["2/layer.tar", "3/layer.tar"]),
        ([["a", "b", "c", "d"]], []),
        # Not on the same layers: docker would not find it.
        ([["b", "c"]], None),
        ([["b", "a", "c"]], None),
        ([["a", "x", "c"]], ["2/layer.tar", "3/layer.tar"]),
        ([[]], None),
        ([], None),
    ],
)
def test_what_is_there_is_not_sent(there: list[list[str]], expected: list[str] | None) -> None:
    assert sent(packed([ONE]), there) == expected


def test_the_names_of_newer_dockers() -> None:
    assert sent(packed([BLOBS]), [["a"]]) == ["blobs/sha256/b"]


def test_what_another_image_of_the_archive_needs_is_sent() -> None:
    # The same content on other layers: it is not there for that image.
    other = (["z", "a"], ["9/layer.tar", "8/layer.tar"])
    images = packed([ONE, other], {"8/layer.tar": "../1/layer.tar"})
    assert sent(images, [["a", "b"]]) == ["1/layer.tar", "3/layer.tar", "8/layer.tar", "9/layer.tar"]


@pytest.mark.parametrize(
    "strange",
    [
        b"",
        b"not a tar" * 1000,
        packed([]).getvalue(),
        packed([(["a", "b"], ["1/layer.tar"])]).getvalue(),
        packed([(["a"], ["1/layer.tar"])], {"1/layer.tar": "../1/layer.tar"}).getvalue(),
        packed([(["a"], ["1/layer.tar"])], {"1/layer.tar": "../../etc/shadow"}).getvalue(),
    ],
)
def test_what_is_no_archive_of_docker_goes_as_it_is(strange: bytes) -> None:
    assert sent(io.BytesIO(strange), [["a"]]) is None


@pytest.mark.parametrize("told", [{}, {"layers": None}, {"layers": "a"}, {"layers": [None, "x", 3]}])
def test_an_answer_without_layers_means_none(told: dict[str, object]) -> None:
    assert archive.layers(Answer(0, told)) == []
    assert archive.layers(Answer(1, {"layers": [["a"]]})) == []


def test_a_missing_archive_is_told(tmp_path: Path) -> None:
    with pytest.raises(CouldNotTell) as caught, archive.opened(tmp_path / "images.tar"):
        raise AssertionError
    assert caught.value.fix == "write the images there first (`docker save -o`)"
