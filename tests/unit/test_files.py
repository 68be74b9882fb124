"""Which source files lie below a path."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import Repository

from deploy_gate.facts import files, git
from deploy_gate.result import CouldNotTell


def test_tracked_and_new_ones(repository: Repository) -> None:
    for name in ("a.py", "pkg/b.py", "pkg/é b.py", "pkg/c.txt", "gone.py"):
        repository.write(name, "")
    repository.commit()
    for name in ("new.py", "ignored.py", ".hidden/x.py", "node_modules/x.py", "e/pyvenv.cfg", "e/lib/x.py"):
        repository.write(name, "")
    repository.write(".gitignore", "ignored.py\n")
    Path("gone.py").unlink()
    assert files.below(["."]) == ["a.py", "new.py", "pkg/b.py", "pkg/é b.py"]
    assert files.below(["pkg"]) == ["pkg/b.py", "pkg/é b.py"]
    assert files.below(["./a.py", "pkg"], (".py", ".txt")) == ["a.py", "pkg/b.py", "pkg/c.txt", "pkg/é b.py"]


def test_outside_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    others = ("node_modules/x.py", ".hidden/x.py", "env/lib/x.py", "pkg/__pycache__/x.py", "c.txt")
    for name in ("a.py", "pkg/b.py", *others):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("")
    Path("env/pyvenv.cfg").write_text("")
    assert files.below(["."]) == ["a.py", "pkg/b.py"]
    assert files.below(["pkg", "a.py"]) == ["a.py", "pkg/b.py"]


def test_existing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("-x", "@x", "x"):
        Path(name).write_text("")
    assert files.existing(["-x", "@x", "x"]) == ["./-x", "./@x", "x"]
    for name in ("y", "x\0", "n" * 5000):
        with pytest.raises(CouldNotTell, match="does not exist"):
            files.existing([name])


def test_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shown = {str(tmp_path / "a/b.py"): "a/b.py", "./././a.py": "a.py", "/etc/x.py": "/etc/x.py", "../x.py": "../x.py"}
    assert {path: files.relative(path) for path in shown} == shown


def test_changed_lines_are_those_below_here(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    repository.write("sub/é b.py", "1\n2\n3\n4\n5\n")
    repository.write("top.py", "1\n")
    base = repository.commit()
    repository.write("sub/é b.py", "1\n++ b/spoof.py\n3\n4\nfive\n")
    repository.write("sub/new.py", "1\n2")
    repository.write("top.py", "2\n")
    repository.commit()
    for key, value in (("diff.interHunkContext", "10"), ("diff.mnemonicPrefix", "true")):
        repository.git("config", key, value)
    assert git.changed_lines(base) == {"sub/é b.py": {2, 5}, "sub/new.py": {1, 2}, "top.py": {1}}
    monkeypatch.chdir(repository.path / "sub")
    assert git.changed_lines(base) == {"é b.py": {2, 5}, "new.py": {1, 2}}
