"""What the host program makes of docker's answers; a script stands in for the client, real docker is in test_docker.py."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from host.images import layers, remove, verify
from host.machine import Machine
from host.settings import Commands, Settings
from host.trouble import Trouble

ONE, TWO = "sha256:" + "1" * 64, "sha256:" + "2" * 64
MACHINE = Settings(application="erp", slots={"blue": 1, "green": 2})


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    """What the client was asked, one call a line."""
    return tmp_path / "asked"


def machine(tmp_path: Path, body: str) -> Machine:
    """A host whose docker is that script."""
    client = tmp_path / "docker"
    client.write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/asked\n{body}\n')
    client.chmod(0o755)
    commands = Commands(docker=(str(client),))
    return Machine(dataclasses.replace(MACHINE, home=str(tmp_path), commands=commands), who="test")


def test_layers_are_those_of_every_image_once(tmp_path: Path, asked: Path) -> None:
    body = f"""case "$1 $2" in
    "info --format") echo '[["Backing Filesystem","extfs"]]';;
    "image ls") echo {ONE}; echo {TWO}; echo {ONE};;
    "image inspect") echo '["a","b"]'; echo '["a"]'; echo "Error: No such image: x" >&2; exit 1;;
    esac"""
    told = layers(machine(tmp_path, body))
    assert told == {
        "layers": [["a", "b"], ["a"]],
        "text": "the layers of 2 images are here, and need not be sent",
    }
    assert asked.read_text().splitlines()[-1].endswith(f"-- {ONE} {TWO}")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("""echo '[["driver-type","io.containerd.snapshotter.v1"]]'""", "the image store takes whole archives only"),
        ("true", "there is no image here"),
        ("echo Cannot connect >&2; exit 1", "ended with 1"),
    ],
)
def test_where_layers_cannot_be_left_out(tmp_path: Path, body: str, text: str) -> None:
    told = layers(machine(tmp_path, body))
    assert told["layers"] == []
    assert text in told["text"]


def test_a_docker_that_is_down_is_not_an_image_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Trouble) as caught:
        verify(machine(tmp_path, "echo 'Cannot connect to the Docker daemon' >&2; exit 1"), {"backend": ONE})
    assert caught.value.code == 3
    with pytest.raises(Trouble) as caught:
        verify(machine(tmp_path, f"echo Error: No such image: {ONE} >&2; exit 1"), {"backend": ONE})
    assert (caught.value.code, caught.value.what) == (1, f"backend is not here as {ONE}")


def test_a_name_from_a_manifest_is_never_an_option(tmp_path: Path, asked: Path) -> None:
    host = machine(tmp_path, f'echo "{ONE}"')
    verify(host, {"backend": f"--help@{ONE}"})
    folder = tmp_path / "releases" / "a"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(f'{{"images": {{"backend": "--force@{ONE}"}}}}')
    remove(host, "a", [])
    assert [line.partition(" -- ")[2] for line in asked.read_text().splitlines()] == [f"--help@{ONE}", f"--force@{ONE}"]
