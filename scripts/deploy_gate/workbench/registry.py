"""A registry on loopback that images can be pushed to and pulled from by digest; docker asks it without TLS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy_gate.workbench import packages
from deploy_gate.workbench.server import free_port, running


@contextmanager
def registry(folder: Path) -> Iterator[str]:
    """Serve from `folder`; yields host and port, as they stand in the name of an image."""
    program = packages.ensure("docker-registry")
    address = f"127.0.0.1:{free_port()}"
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "config.yml"
    config.write_text(f"""
version: 0.1
storage: {{filesystem: {{rootdirectory: "{folder / "data"}"}}, delete: {{enabled: true}}}}
http: {{addr: "{address}"}}
""")
    with running([program, "serve", config], "listening on", env={"OTEL_TRACES_EXPORTER": "none"}):
        yield address
