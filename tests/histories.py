"""Long histories of a made-up shop, by `git fast-import`: files that grow and change, on a line with side branches."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

FILES, ROWS = 400, 200
_WORDS = ("order", "customer", "total", "price", "stock", "branch", "invoice", "amount", "select", "update", "session")
_SIGNS = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghkmnpqrstuvwxyz2345679"


@dataclass
class History:
    """One of them: every tenth commit is on a side branch that the next one merges."""

    path: Path
    dice: random.Random = field(default_factory=lambda: random.Random(7))
    count: int = 0
    paths: dict[int, str] = field(default_factory=dict)
    """The file that a commit changed, by the commit's number; they count from 1."""

    def __post_init__(self) -> None:
        """An empty repository."""
        self._trunk, self._merging = 0, False
        self._files = {f"app/module_{number}.py": [self._row() for _ in range(60)] for number in range(FILES)}
        self._git("init", "-q", "-b", "main", str(self.path), where=self.path.parent)

    def grow(
        self, count: int, first_rows: Mapping[int, str] | None = None, said: Mapping[int, str] | None = None
    ) -> None:
        """So many commits more; some with a first row or a message of their own, by their number."""
        made = self._made(count, first_rows or {}, said or {})
        marks = (f"--import-marks-if-exists={self._marks}", f"--export-marks={self._marks}")
        self._git("fast-import", "--quiet", "--force", *marks, stdin=b"".join(made))

    def back_to(self, number: int) -> None:
        """As if nothing had been done behind that commit of the main line: what comes next is pushed by force."""
        self._trunk, self._merging = number, False

    def commits(self) -> dict[int, str]:
        """All of them by their numbers."""
        lines = (line.split() for line in self._marks.read_text().splitlines())
        return {int(mark.removeprefix(":")): commit for mark, commit in lines}

    def token(self) -> str:
        """Something like the token of a bot."""
        return f"{self.dice.randrange(10**9, 10**10)}:AA{''.join(self.dice.choices(_SIGNS, k=33))}"

    @property
    def _marks(self) -> Path:
        return self.path.with_suffix(".marks")

    def _git(self, *args: str, where: Path | None = None, stdin: bytes = b"") -> None:
        env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
        subprocess.run(["git", *args], cwd=where or self.path, check=True, input=stdin, env=env)

    def _made(self, count: int, first_rows: Mapping[int, str], said: Mapping[int, str]) -> Iterator[bytes]:
        for _ in range(count):
            self.count += 1
            number, side = self.count, self.count % 10 == 0
            name = self.paths[number] = self.dice.choice(list(self._files))
            rows = self._files[name]
            rows[self.dice.randrange(len(rows))] = self._row()
            rows.append(self._row())
            content = (first_rows.get(number, "") + "".join(rows[-ROWS:])).encode()
            message = said.get(number, f"change {number} of {name}").encode()
            # Both grow from the main line's end.
            parents = f"from :{self._trunk}\n" if self._trunk else ""
            parents += f"merge :{number - 1}\n" if self._merging else ""
            yield f"commit refs/heads/{'side' if side else 'main'}\nmark :{number}\n".encode()
            yield f"committer Ada <ada@shop.example> {1700000000 + number} +0000\ndata {len(message)}\n".encode()
            yield message + f"\n{parents}M 100644 inline {name}\ndata {len(content)}\n".encode() + content + b"\n"
            self._merging, self._trunk = side, self._trunk if side else number

    def _row(self) -> str:
        word, other = self.dice.choice(_WORDS), self.dice.choice(_WORDS)
        return f"    {word}_{self.dice.randrange(1000)} = {other}({self.dice.randrange(10**6)})\n"
