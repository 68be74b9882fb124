"""Compose projects for the checks of images and services, and a docker that is a script."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deploy_gate.catalog import Catalog
from deploy_gate.engine.child import guarded
from deploy_gate.inputs import bind
from deploy_gate.result import Result

DOWN = 'echo "Cannot connect to the Docker daemon at unix:///var/run/docker.sock" >&2; exit 1'
COMPOSE = "services:\n  backend:\n    build: .\n"


def run(name: str, **given: object) -> Result:
    """A check as the engine calls it: inputs as texts, defaults from its action.yml, trouble turned into errors."""
    capability = Catalog().get(name)
    texts = {key.replace("_", "-"): value for key, value in given.items()}
    bound = bind(capability.manifest.inputs, capability.hints, texts)
    assert not bound.wrong, bound.wrong
    assert not bound.missing, bound.missing
    return guarded(lambda: capability.function(**bound.values))


def pretend_docker(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> Path:
    """A `docker` that does `body`, and writes down what it was asked; returns that file."""
    folder.mkdir(exist_ok=True)
    client = folder / "docker"
    asked = folder / "asked"
    client.write_text(f'#!/bin/sh\necho "$*" >> {asked}\n{body}\n')
    client.chmod(0o755)
    asked.write_text("")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return asked
