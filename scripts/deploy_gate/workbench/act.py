"""Running a consumer's real workflow with act in host mode, offline, and reading what happened from its log."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy_gate import bootstrap, process
from deploy_gate.result import CouldNotTell

STUBS = Path(__file__).with_name("stubs")
_USES = re.compile(
    r"uses:\s*(actions/(?:upload-artifact|download-artifact|upload-pages-artifact|setup-python)@[0-9a-zA-Z.]+)"
)
_NETWORK = (
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "http_proxy", "https_proxy", "no_proxy"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
)
_INSTALLERS = re.compile(r"(PIP|UV)_(?!PYTHON|TARGET|USER|PREFIX|PROJECT)[A-Z_]+")


@dataclass(slots=True)
class Job:
    """What one job did."""

    result: str = ""
    log: list[str] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    summary: str = ""
    annotations: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a workflow: act's exit code, its jobs by id, and the uploaded artifacts."""

    code: int
    jobs: dict[str, Job]
    artifacts: Path
    said: str

    def artifact(self, name: str) -> Path:
        """The folder of an uploaded artifact."""
        return self.artifacts / name


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything a run needs besides the repository."""

    scratch: Path
    references: Mapping[str, Path]
    secrets: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    event: str = "push"
    payload: Mapping[str, Any] = field(default_factory=dict)
    job: str = ""
    """Run this job and what it needs; empty: all."""
    lock: str = "demo"


def start(repository: Path, workflow: str, stage: Stage) -> subprocess.Popen[bytes]:
    """Start one workflow without waiting for it, to be cancelled as a person would: SIGINT to what is returned."""
    command, environment, _ = _made(repository, workflow, stage)
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, cwd=repository, env=environment, stdin=quiet, stdout=quiet, stderr=quiet)


def run(repository: Path, workflow: str, stage: Stage, *, timeout: float = 900) -> Run:
    """Run one workflow of `repository`; what act prints is read line by line, so nothing is guessed from exit codes."""
    command, environment, artifacts = _made(repository, workflow, stage)
    done = process.run(
        command, timeout=timeout, cwd=repository, env=environment, inherit=False, limit=256 * 1024 * 1024
    )
    return Run(done.code, _jobs(done.out), artifacts, done.err)


def _made(repository: Path, workflow: str, stage: Stage) -> tuple[list[str | Path], dict[str, str], Path]:
    """The command, its environment, and where artifacts will be."""
    artifacts = stage.scratch / "artifacts"
    artifacts.mkdir(parents=True, exist_ok=True)
    return _command(repository, workflow, stage), _environment(stage.scratch), artifacts


def _command(repository: Path, workflow: str, stage: Stage) -> list[str | Path]:
    scratch = stage.scratch
    act = bootstrap.tool(bootstrap.ensure(stage.lock), "act")
    command: list[str | Path] = [act, stage.event, "-W", f".github/workflows/{workflow}", "--json", "--no-cache-server"]
    command += ["--action-cache-path", scratch / "cache", "--container-daemon-socket", "-"]
    # Two jobs that look up `--local-repository` at the same moment crash it ("concurrent map writes").
    command += ["--concurrent-jobs", "1"]
    command += ["--env-file", os.devnull, "--input-file", os.devnull]
    command += ["--secret-file", _write(scratch / "secrets.yml", stage.secrets)]
    command += ["--var-file", _write(scratch / "variables.yml", stage.variables)]
    command += ["--eventpath", _write(scratch / "event.json", stage.payload)]
    command += ["--job", stage.job] if stage.job else []
    for label in ("ubuntu-latest", "ubuntu-24.04"):
        command += ["-P", f"{label}=-self-hosted"]
    called = [path for folder in stage.references.values() for path in (folder / ".github/workflows").glob("*.yml")]
    stubs = _stubs(repository / ".github/workflows" / workflow, *called)
    for name, folder in {**stage.references, **stubs}.items():
        command += ["--local-repository", f"{name}={folder}"]
    for name, value in {"STUB_ARTIFACTS": str(scratch / "artifacts"), **stage.environment}.items():
        command += ["--env", f"{name}={value}"]
    return command


def _stubs(*workflows: Path) -> dict[str, Path]:
    """Stand-ins for the stock actions that workflows name, under exactly the versions they pin."""
    names = {name for workflow in workflows for name in _USES.findall(workflow.read_text(encoding="utf-8"))}
    return {name: STUBS / name.split("/")[1].split("@")[0] for name in names}


def _write(path: Path, value: Mapping[str, Any]) -> Path:
    # act reads its files as YAML when they are called so, and JSON is YAML: any value survives.
    path.write_text(json.dumps(dict(value)), encoding="utf-8")
    path.chmod(0o600)
    return path


def installer_variables() -> list[str]:
    """Names in the environment that tell pip and uv about mirrors, proxies and certificates."""
    return [name for name in os.environ if _INSTALLERS.fullmatch(name) or name in _NETWORK]


def _environment(scratch: Path) -> dict[str, str]:
    """What act starts with; host mode hands all of it to every step, so it holds no secret and no runner variable."""
    home = scratch / "home"
    home.mkdir(exist_ok=True)
    kept = {name: os.environ[name] for name in installer_variables()}
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    own = {"PATH": _path(), "HOME": str(home), "LANG": "C.UTF-8", "XDG_CACHE_HOME": cache, "TMPDIR": str(scratch)}
    return {**kept, **own, "DOCKER_HOST": "unix:///nonexistent"}


def _path() -> str:
    """PATH without our own environment: a consumer's `python3` is the machine's."""
    own = str(Path(bootstrap.python(bootstrap.ensure("core"))).parent)
    return os.pathsep.join(entry for entry in os.environ.get("PATH", os.defpath).split(os.pathsep) if entry != own)


def _jobs(text: str) -> dict[str, Job]:
    jobs: dict[str, Job] = {}
    for line in text.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            raise CouldNotTell(f"act printed a line that is not JSON: {line[:200]}", "run act by hand") from None
        if "jobID" in event:
            _take(jobs.setdefault(event["jobID"], Job()), event)
    return jobs


def _take(job: Job, event: dict[str, Any]) -> None:
    if event.get("raw_output"):
        job.log.append(event["msg"].rstrip("\n"))
    elif "jobResult" in event:
        job.result = event["jobResult"]
    elif event.get("command") == "set-output":
        job.outputs[f"{'.'.join(event.get('stepID') or [])}.{event['name']}"] = event["arg"]
    elif event.get("command") == "summary":
        job.summary += event["content"]
    elif event.get("command") in ("error", "warning", "notice"):
        job.annotations.append({"kind": event["command"], "message": event["arg"], **(event.get("kvPairs") or {})})
