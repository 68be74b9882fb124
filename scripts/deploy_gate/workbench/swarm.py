"""A swarm of one node, on a daemon of its own."""

from __future__ import annotations

from deploy_gate.workbench.bridge import free_name
from deploy_gate.workbench.dockerd import Docker
from deploy_gate.workbench.server import free_port


def begin(docker: Docker) -> None:
    """Make the daemon the only node of a new swarm; it ends with the daemon."""
    # Swarm's own bridge has a fixed name, which two daemons in one network namespace would share.
    option = f"com.docker.network.bridge.name={free_name()}"
    docker.ask("network", "create", "--opt", option, "docker_gwbridge")
    ports = ("--listen-addr", f"127.0.0.1:{free_port()}", "--data-path-port", str(20000 + free_port() % 20000))
    docker.ask("swarm", "init", "--advertise-addr", "127.0.0.1", *ports)
