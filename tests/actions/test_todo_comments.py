"""todo-comments: found in comments of every language, never in strings, addresses or docstrings."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy_gate.result import CouldNotTell, Result, Status

Check = Callable[..., Result]

# For each language one file, and the lines on which a comment says TODO or FIXME.
LANGUAGES: list[tuple[str, str, list[int]]] = [
    (
        "a.py",
        'x = "# TODO"  # TODO one\n"""TODO doc"""\ndef f():\n    """FIXME"""\n    return f"# TODO"\n# FIXME two',
        [1, 6],
    ),
    ("a.ts", 'const a = "// TODO"; // TODO\n/* x\n * FIXME\n */\nconst u = `// TODO ${a /* TODO */}`;\n', [1, 3, 5]),
    ("a.tsx", 'const A = () => <p title="TODO">{/* TODO */} TODO</p>;\n// FIXME\n', [1, 2]),
    (
        "a.vue",
        '<template>\n<!-- TODO --><p>TODO</p></template>\n<script>\n// TODO\nconst a = "// TODO"\n</script>',
        [2, 4],
    ),
    ("a.sql", "-- TODO\nSELECT '-- TODO', \"-- TODO\";\n/* a /* b */ FIXME */\nAS $$\n -- TODO\nEND $$;\n", [1, 3, 5]),
    ("a.yaml", 'a: "# TODO"\nb: x # TODO\nc: |\n  # TODO\nd: http://x/#TODO\ne: a#TODO\n# FIXME\n', [2, 7]),
    ("Dockerfile", 'FROM a\n# TODO\nRUN echo "# TODO"\nRUN x \\\n  # FIXME\n  y\nLABEL a="TODO"\n', [2, 5]),
    ("Dockerfile.dev", "FROM a\n# TODO\n", [2]),
    (
        "a.sh",
        "#!/bin/sh\necho \"# TODO\" '# TODO' # TODO\ncat <<EOF\n# TODO\nEOF\n# FIXME\necho ${#TODO} a#TODO\n",
        [2, 6],
    ),
    ("run", "#!/usr/bin/env bash\necho TODO\n# TODO\n", [3]),
    ("a.html", '<!-- TODO --><p title="<!-- TODO -->">TODO</p>\n<script>// TODO\nvar a="// TODO"</script>\n', [1, 2]),
    ("b.html", "<p>{# TODO #}</p>\n<!-- x\nTODO -->{{ 'TODO' }}{% if TODO %}\n", [1, 3]),
    ("a.css", '/* TODO */ a { content: "/* TODO */";\n background: url(http://x/TODO) }\n', [1]),
    ("a.go", "package a // TODO\nvar s = `// TODO`\n/* a\nFIXME */\n", [1, 4]),
    ("a.rs", '/* a /* TODO */ x */ fn a() {\n let s = r#"// TODO"#; }\n/* /* a */ FIXME */\n', [1, 3]),
    ("a.c", '#define TODO 1\n#error TODO\nchar *s = "/* TODO */";\nint a; // TODO\n', [4]),
    ("a.toml", 'a = "# TODO" # TODO\n', [1]),
    ("a.json", '{"a": "// TODO"}\n', []),
]


@pytest.mark.parametrize(("name", "text", "lines"), LANGUAGES, ids=[name for name, _, _ in LANGUAGES])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
def test_finds_comments_and_nothing_else(
    repository: Any, load: Any, name: str, text: str, lines: list[int], newline: str
) -> None:
    (repository.path / name).write_bytes(text.replace("\n", newline).encode())
    repository.commit()
    result = load("todo-comments")(paths=[name], words=["TODO", "FIXME"], allow="")
    assert [entry["line"] for entry in result.evidence] == lines
    assert result.status == (Status.FAILED if lines else Status.PASSED)
    assert {entry["path"] for entry in result.evidence} <= {name}


@pytest.fixture
def check(load: Callable[[str], Check]) -> Callable[..., Result]:
    function = load("todo-comments")
    return lambda *paths, words=("TODO", "FIXME"), allow="": function(paths=list(paths), words=list(words), allow=allow)


def test_clean_then_broken(repository: Any, check: Check) -> None:
    repository.write("app/orders/price.py", "TOTAL = 1  # all settled, see https://wiki.example/TODO/1\n")
    repository.write("app/other.py", "# TODO elsewhere\n")
    repository.commit()
    result = check("app/orders")
    assert (result.status, result.target, result.measured) == (Status.PASSED, 0, 0)
    assert result.found == "0 comments say TODO or FIXME in 1 file below app/orders, the limit is 0"
    repository.write("app/orders/price.py", "TOTAL = 1\nx = 2  # FIXME: rounding\n")
    result = check("app/orders")
    assert (result.status, result.measured) == (Status.FAILED, 1)
    assert result.found.startswith(
        "1 comment says TODO or FIXME in 1 file below app/orders, the limit is 0; first: app/orders/price.py:2"
    )
    assert result.fix.startswith("settle what app/orders/price.py:2 says")
    assert result.evidence[0] == {
        "path": "app/orders/price.py",
        "line": 2,
        "column": 10,
        "rule": "todo-comments",
        "message": "FIXME: # FIXME: rounding",
    }


@pytest.mark.parametrize(
    ("comment", "found"),
    [("TODO", True), ("(TODO)", True), ("TODO: x", True), ("todo", False), ("TODOS", False), ("MYTODO", False),
     ("TODO_x", False),
     ("éTODO", False), ("https://x.example/TODO", False), ("HTTPS TODO", True), ("see http://a/b TODO", True)],
)  # fmt: skip
def test_words_stand_alone(repository: Any, check: Check, comment: str, found: bool) -> None:
    repository.write("a.py", f"# {comment}\n")
    repository.commit()
    assert (check("a.py").status is Status.FAILED) is found


def test_words_are_no_patterns(repository: Any, check: Check) -> None:
    repository.write("a.py", "# XXX!\n# HaCK\n# anything\n")
    repository.commit()
    assert [entry["line"] for entry in check(".", words=["XXX!", ".*", "HaCK"]).evidence] == [1, 2]
    with pytest.raises(CouldNotTell, match="no word"):
        check(".", words=[])


def test_an_issue_number_makes_it_acceptable(repository: Any, check: Check) -> None:
    repository.write("a.py", "# TODO(#12) later\n# TODO never\n")
    repository.commit()
    assert [entry["line"] for entry in check("a.py", allow=r"#\d+").evidence] == [2]
    # The library cuts this comment at each star.
    repository.write("b.sql", "/* TODO * see #12 */\n/* TODO * never */\n")
    repository.commit()
    assert [entry["line"] for entry in check("b.sql", allow=r"#\d+").evidence] == [2]
    with pytest.raises(CouldNotTell, match="no regular expression"):
        check("a.py", allow="(")


@pytest.mark.parametrize(
    ("paths", "said"),
    [(["gone"], "path gone does not exist"), (["a.py", "src/*.rs"], r"glob src/\*.rs matches no"),
     (["../x"], "../x does not lie in"),
     (["new"], "new holds no file of the repository"), ([":(exclude)a.py"], "does not exist"), ([], "no path was given"),
     (["/etc"], "does not lie in")],
)  # fmt: skip
def test_a_path_that_names_nothing_is_an_error(repository: Any, check: Check, paths: list[str], said: str) -> None:
    repository.write("a.py", "x = 1\n")
    repository.write(".gitignore", "/new/\n")
    repository.commit()
    repository.write("new/b.py", "# TODO\n")
    with pytest.raises(CouldNotTell, match=said):
        check(*paths)


def test_globs_and_folders(repository: Any, check: Check) -> None:
    for name in ("a/x.py", "a/b/y.py", "a/b/z.ts", "c.py", "a[1].py", "-rf.py", "a b/ü.py"):
        repository.write(name, "// TODO\n" if name.endswith("ts") else "# TODO\n")
    repository.commit()

    def names(*paths: str) -> list[str]:
        return [str(entry["path"]) for entry in check(*paths).evidence]

    assert names("a/*.py") == ["a/x.py"]
    assert names("a/**/*.py") == ["a/b/y.py", "a/x.py"]
    assert names("**/[yz].*") == ["a/b/y.py", "a/b/z.ts"]
    assert names("a/[!b]*") == ["a/x.py"]
    assert names("./a/b/", "c.py") == ["a/b/y.py", "a/b/z.ts", "c.py"]
    assert names("a[1].py", "-rf.py", "a b") == ["-rf.py", "a b/ü.py", "a[1].py"]
    assert names(str(repository.path / "c.py")) == ["c.py"]
    assert len(names(".")) == 7


def test_what_is_not_looked_at_is_listed(repository: Any, check: Check) -> None:
    repository.write("src/a.py", "# fine\n")
    repository.write("src/notes.txt", "TODO\n")
    repository.write("src/x.unknown", "# TODO\n")
    (repository.path / "src/logo.py").write_bytes(b"\x89PNG\0# TODO")
    repository.write("src/big.py", "# TODO\n" * 150_000)
    repository.write("src/gone.py", "# TODO\n")
    (repository.path / "src/link.py").symlink_to("/etc/hostname")
    sha = repository.commit()
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{sha},src/other")
    (repository.path / "src/other").mkdir()
    (repository.path / "src/gone.py").unlink()
    result = check("src")
    assert result.status is Status.PASSED
    assert "1 file below src (7 not looked at)" in result.found
    reasons = {str(entry["message"]).split(": ")[1]: str(entry["message"]).split(": ")[2] for entry in result.evidence}
    assert reasons == {
        "src/big.py": "it is larger than 1 MiB",
        "src/gone.py": "it is not in the working tree",
        "src/link.py": "it is a symbolic link",
        "src/logo.py": "it is binary",
        "src/other": "it is another repository",
        "src/notes.txt": "its language is not known",
        "src/x.unknown": "its language is not known",
    }


def test_nothing_but_unknown_files_is_an_error(repository: Any, check: Check) -> None:
    repository.write("docs/notes.txt", "TODO\n")
    repository.commit()
    with pytest.raises(CouldNotTell, match=r"0 files were looked at below docs, at least 1 is needed") as caught:
        check("docs")
    assert caught.value.evidence[0]["message"] == "not looked at: docs/notes.txt: its language is not known"


def test_old_encodings(repository: Any, check: Check) -> None:
    (repository.path / "latin.py").write_bytes("# größer\n# TODO für später\n".encode("latin-1"))
    (repository.path / "wide.ts").write_bytes("// TODO\n".encode("utf-16"))
    (repository.path / "mark.py").write_bytes(b"\xef\xbb\xbf# TODO\n")
    repository.commit()
    assert [(entry["path"], entry["line"]) for entry in check(".").evidence] == [
        ("latin.py", 2),
        ("mark.py", 1),
        ("wide.ts", 1),
    ]


def test_hostile_comments_and_names(repository: Any, check: Check) -> None:
    name = "a\n::error::b\x1b[2J.py"
    (repository.path / name).write_text(
        "#" + "x" * 5000 + " TODO \x1b]0;owned\x07 \u202e::set-output::" + "y" * 5000 + "\n"
    )
    repository.commit()
    result = check(".")
    assert result.status is Status.FAILED
    message = str(result.evidence[0]["message"])
    assert len(message) < 250
    assert result.evidence[0]["line"] == 1
    for text in (result.found, result.fix, message):
        assert not set("\x1b\x07\u202e\n") & set(text)


def test_an_unreadable_file_is_an_error(repository: Any, check: Check) -> None:
    repository.write("a.py", "# TODO\n")
    repository.commit()
    (repository.path / "a.py").unlink()
    os.mkfifo(repository.path / "a.py")
    with pytest.raises(CouldNotTell, match=r"a\.py is not a regular file"):
        check("a.py")


def test_without_git_everything_below_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, check: Check) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / "src/node_modules").mkdir(parents=True)
    (tmp_path / "src/a.py").write_text("# TODO\n")
    (tmp_path / "src/node_modules/b.js").write_text("// TODO\n")
    assert [entry["path"] for entry in check("src").evidence] == ["src/a.py"]


def test_five_thousand_files(repository: Any, check: Check) -> None:
    body = "def f(a: int) -> int:\n    return a + 1  # all is well\n" * 20
    for folder in range(50):
        (repository.path / f"m{folder}").mkdir()
        for number in range(100):
            (repository.path / f"m{folder}/f{number}.py").write_text(body + ("# TODO\n" if number == 7 else ""))
    repository.git("add", "-A")
    result = check(".")
    assert result.measured == 50
    assert "5000 files" in result.found
