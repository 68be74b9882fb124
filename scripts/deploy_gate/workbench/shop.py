"""The example ERP as a consumer's own repository, with the addresses of the servers that stand in for the real ones."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from deploy_gate import bootstrap, process
from deploy_gate.result import CouldNotTell

EXAMPLE = bootstrap.ROOT / "examples" / "erp"
BUCKET = "erp-backups"
_NAME = "erp-%Y%m%dT%H%M%SZ.dump"
_DAYS = 4
_IGNORED = shutil.ignore_patterns("__pycache__", ".venv", "*.pyc", ".coverage", ".*_cache", "*.db")


@dataclass(frozen=True, slots=True)
class Shop:
    """A git repository that holds a copy of the ERP."""

    path: Path

    def git(self, *args: str) -> str:
        """Run git in it, as somebody who exists nowhere else."""
        who = {"NAME": "Ada", "EMAIL": "ada@erp.example"}
        env = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()}
        env |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        done = process.run(["git", *args], timeout=60, cwd=self.path, env=env)
        if done.code:
            raise CouldNotTell(f"git {args[0]} refused: {done.last_words()}", "install git 2.30 or newer")
        return done.out.strip()

    def commit(self, message: str) -> str:
        """Commit everything; returns the commit."""
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD")

    def append(self, name: str, text: str) -> None:
        """Add text at the end of a file."""
        with (self.path / name).open("a", encoding="utf-8") as stream:
            stream.write(text)

    def replace(self, name: str, old: str, new: str) -> None:
        """Replace a text that must be there."""
        path = self.path / name
        text = path.read_text(encoding="utf-8")
        if old not in text:
            raise CouldNotTell(f"{name} of the example does not hold '{old}'", "compare it with workbench/shop.py")
        path.write_text(text.replace(old, new), encoding="utf-8")


def create(folder: Path, addresses: dict[str, str], authority: Path) -> Shop:
    """Copy the ERP into a new repository on branch `develop`, the addresses in its checklist replaced.

    `authority` is the certificate of the authority that signs its front door.
    """
    shutil.copytree(EXAMPLE, folder, ignore=_IGNORED)
    shop = Shop(folder)
    for old, new in addresses.items():
        shop.replace("checklist.yml", old, new)
    (folder / "deploy").mkdir()
    shutil.copy(authority, folder / "deploy" / "authority.pem")
    shop.git("init", "-q", "-b", "develop")
    shop.git("remote", "add", "origin", "https://github.com/acme/erp.git")
    shop.commit("feat: the shop as it stands")
    return shop


def put_backup(folder: Path, dump: bytes, age: timedelta) -> Path:
    """Lay a dump of that age into the bucket's folder, and one for each of the days before, as the backup job would.

    What lay there is taken away.
    """
    bucket = folder / BUCKET / "erp"
    bucket.mkdir(parents=True, exist_ok=True)
    for old in bucket.iterdir():
        old.unlink()
    dates = [datetime.now(UTC) - age - timedelta(days=days) for days in range(_DAYS)]
    for when in dates:
        path = bucket / when.strftime(_NAME)
        path.write_bytes(dump)
        os.utime(path, (when.timestamp(), when.timestamp()))
    return bucket / dates[0].strftime(_NAME)
