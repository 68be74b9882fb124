"""A scratch copy of the product with one tiny lock, and a package index on loopback to fill it from."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PRODUCT = Path(__file__).resolve().parents[3]
BASE = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
SECONDS = 60

CLI = """
import json, os, sys, time
from deploy_gate import bootstrap

def main(argv):
    import dgprobe
    told = {"argv": argv, "prefix": sys.prefix, "isolated": sys.flags.isolated, "probe": dgprobe.__file__,
            "value": dgprobe.VALUE, "heavy": sorted({"subprocess", "venv", "tempfile"} & set(sys.modules)),
            "variables": dict(os.environ), "bad": [bad for bad in sys.modules if bad == "trapped"]}
    if argv[:1] == ["add"]:
        bootstrap.add(argv[1])
        import dgextra
        told["extra"] = dgextra.__file__
    if argv[:1] == ["warm"]:
        def once():
            start = time.perf_counter()
            bootstrap.ensure("core")
            return time.perf_counter() - start
        told["seconds"] = min(once() for _ in range(20))
    print(json.dumps(told))
    return 0
"""


def make_wheel(folder: Path, name: str) -> Path:
    """A real pure wheel, ``<name>`` 1.0, with one module."""
    info = f"{name}-1.0.dist-info"
    path = folder / f"{name}-1.0-py3-none-any.whl"
    contents = {
        f"{name}.py": "VALUE = 'genuine'\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    contents[f"{info}/RECORD"] = "".join(f"{member},,\n" for member in [*contents, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as wheel:
        for member, text in contents.items():
            wheel.writestr(member, text)
    return path


class Index(http.server.ThreadingHTTPServer):
    """A package index on a free loopback port. ``go`` cleared: wheels are held back; ``asked``: somebody waits."""

    daemon_threads = True

    def __init__(self, wheels: dict[str, Path]) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.wheels = wheels
        self.requests: list[str] = []
        self.go = threading.Event()
        self.go.set()
        self.asked = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/simple"

    @property
    def fetched(self) -> list[str]:
        """Wheels that were fetched, one entry a time."""
        return [path for path in self.requests if path.endswith(".whl")]


class _Answer(http.server.BaseHTTPRequestHandler):
    server: Index

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        name = self.path.strip("/").split("/")[-1]
        if self.path.endswith(".whl"):
            self.server.asked.set()
            self.server.go.wait(SECONDS)
            body = next(wheel.read_bytes() for wheel in self.server.wheels.values() if wheel.name == name)
        else:
            body = f'<a href="/files/{self.server.wheels[name].name}">{self.server.wheels[name].name}</a>'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream" if name.endswith(".whl") else "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base class names it so
        """Quiet."""


@dataclass
class Bench:
    """A product to start, the user it runs as, and what came of it."""

    product: Path
    home: Path
    runner: Path
    index: Index
    python: str = BASE
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        own = {"HOME": str(self.home), "RUNNER_TEMP": str(self.runner), "PATH": str(self.home / "bin")}
        index = {"PIP_INDEX_URL": self.index.url, "PIP_RETRIES": "0", "PIP_CONFIG_FILE": os.devnull}
        return {key: value for key, value in {**own, **index, **self.variables}.items() if value}

    def command(self, *arguments: str, isolated: bool = True) -> list[str]:
        return [self.python, *(["-I"] if isolated else []), str(self.product / "scripts"), *arguments]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*arguments), env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, *arguments: str, isolated: bool = True, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments, isolated=isolated),
            env=self.environment, cwd=cwd, capture_output=True, text=True, timeout=SECONDS, check=False,
        )  # fmt: skip

    def told(self, *arguments: str, isolated: bool = True, cwd: Path | None = None) -> dict[str, Any]:
        """What the command line said from inside the environment."""
        done = self.run(*arguments, isolated=isolated, cwd=cwd)
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def give_uv(self) -> None:
        """Put uv, which the dev lock brings, on PATH."""
        uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        assert uv, "run the tests in the environment of requirements/dev.txt: it has uv"
        (self.home / "bin/uv").symlink_to(uv)

    def write_lock(self, name: str, package: str, sha256: str = "") -> None:
        digest = sha256 or hashlib.sha256(self.index.wheels[package].read_bytes()).hexdigest()
        text = f"{package}==1.0 \\\n    --hash=sha256:{digest}\n"
        (self.product / "requirements" / f"{name}.txt").write_text(text)

    @property
    def wheel(self) -> Path:
        return next((self.home / ".cache/deploy-gate/wheels").glob("dgprobe-*.whl"))

    def environments(self) -> list[Path]:
        return [path for path in (self.runner / "deploy-gate/env").glob("*-*") if path.is_dir()]


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    folder = tmp_path / "index"
    folder.mkdir()
    server = Index({name: make_wheel(folder, name) for name in ("dgprobe", "dgextra")})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.go.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def bench(tmp_path: Path, index: Index) -> Bench:
    package = tmp_path / "product/scripts/deploy_gate"
    package.mkdir(parents=True)
    shutil.copy(PRODUCT / "scripts/deploy_gate/__init__.py", package)
    shutil.copytree(PRODUCT / "scripts/deploy_gate/bootstrap", package / "bootstrap")
    shutil.copy(PRODUCT / "scripts/__main__.py", package.parent)
    (package / "cli.py").write_text(CLI)
    for folder in ("product/requirements", "home/bin", "runner"):
        (tmp_path / folder).mkdir(parents=True)
    made = Bench(tmp_path / "product", tmp_path / "home", tmp_path / "runner", index)
    made.write_lock("core", "dgprobe")
    made.write_lock("extra", "dgextra")
    return made


@pytest.fixture
def quick(bench: Bench) -> Bench:
    """A bench with uv, for what does not depend on the installer."""
    bench.give_uv()
    return bench
