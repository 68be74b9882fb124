"""Marked secrets, and a stage on which the product runs while everything that it writes is searched for them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from support import ROOT, Repository

# Another one in every worker, since the command lines of the whole machine are searched.
OWN = hashlib.sha256(str(os.getpid()).encode()).hexdigest()
# Like a bot's token, so that a scanner takes it for one.
MARK = f"7182736459:AAHdqTcvCH1vGWJxfSeofSA{OWN[:12]}"
PASSWORD = f"mArkEdZ{OWN[12:24]}"
ADDRESS = f"postgresql://erp:{PASSWORD}@db.internal:5432/erp"
# Others for the environment: what is there is masked wherever it is written, and a leak of a file would not show.
GIVEN = f"gIvEnTo{OWN[24:40]}"
MARKS = (MARK.encode(), PASSWORD.encode(), MARK.split(":")[1].encode(), GIVEN.encode())


@dataclass
class Watch:
    """Looks at command lines and temporary files for as long as a check runs."""

    folder: Path
    seen: list[str] = field(default_factory=list)
    rounds: int = 0

    def look(self) -> None:
        """Once over everything."""
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                raw = path.read_bytes()
                self.search(raw, f"the command line of {raw.split(bytes(1))[0].decode(errors='replace')}")
        # Unlike a glob, a walk takes it that a folder is gone meanwhile.
        for folder, _, names in os.walk(self.folder):
            for path in (Path(folder, name) for name in names):
                with suppress(OSError):
                    if path.is_file():
                        self.search(path.read_bytes(), str(path))
        self.rounds += 1

    def search(self, raw: bytes, where: str) -> None:
        """Keep where a mark stands."""
        if any(mark in raw for mark in MARKS):
            self.seen.append(where)


@dataclass
class Stage:
    """A repository, a runner's folders, and a way to run the product in them as a step would."""

    repository: Repository
    folder: Path
    environment: dict[str, str]

    def run(self, *words: str) -> tuple[int, str]:
        """Exit code and everything that was printed; fails where a mark is seen anywhere."""
        files = {name: self.folder / name.lower() for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_ENV")}
        for path in files.values():
            path.touch()
        temporary = self.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        env = {**os.environ, **self.environment, **{name: str(path) for name, path in files.items()}}
        env |= {"GITHUB_ACTIONS": "true", "TMPDIR": str(temporary)}
        watch = Watch(self.folder)
        child = subprocess.Popen(
            [sys.executable, "-I", str(ROOT / "scripts"), *words],
            cwd=self.repository.path,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        said: list[bytes] = []
        reader = threading.Thread(target=lambda: said.append(child.communicate(timeout=120)[0]))
        reader.start()
        while reader.is_alive():
            watch.look()
            reader.join(0.05)
        watch.look()
        watch.search(b"".join(said), "what it printed")
        assert watch.seen == [], sorted(set(watch.seen))
        assert watch.rounds > 1
        return child.returncode, b"".join(said).decode(errors="replace")
