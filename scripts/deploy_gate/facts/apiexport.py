"""The OpenAPI document that the consumer's own application tells of itself, in its own interpreter."""

from __future__ import annotations

import re
import shlex
import tempfile
from pathlib import Path

from deploy_gate import process
from deploy_gate.facts import interpreter, textfile
from deploy_gate.facts.openapi import MAX_BYTES
from deploy_gate.result import CouldNotTell, brief

SECONDS = 120.0
_APP = re.compile(r"[A-Za-z_][\w.]{0,200}:[A-Za-z_][\w.]{0,200}", re.ASCII)
_MODULE = re.compile(r"[A-Za-z_][\w.]{0,200}", re.ASCII)
_BY_HAND = "run it by hand in that interpreter; variables that the application needs are named in `env`"
_FIXES = {
    "ModuleNotFoundError": "name the module as it is imported from this folder; install a package that is missing into "
    "the interpreter that `python` names, by default .venv",
    "AttributeError: module '": "name the application as it is called in its module, such as `shop.app:app`",
}
# What the application prints while it is imported must not get into the document.
_CODE = """
import importlib, json, operator, os, sys
sys.path.insert(0, os.getcwd())
module, _, name = sys.argv[1].partition(":")
app = operator.attrgetter(name)(importlib.import_module(module))
if not hasattr(app, "openapi") and callable(app):
    app = app()
with open(sys.argv[2], "w", encoding="utf-8") as stream:
    json.dump(app.openapi(), stream)
"""


def is_app(text: str) -> bool:
    """Whether it is `module:attribute`, and not a command."""
    return _APP.fullmatch(text) is not None


def words(command: str) -> list[str]:
    """A command's words; ValueError when a quote is not closed, or there is none."""
    found = shlex.split(command)
    if not found:
        raise ValueError("empty")
    return found


def export(source: str, python: str, env: list[str]) -> bytes:
    """The document as bytes; CouldNotTell when the application does not hand it out."""
    program = interpreter.find(python)
    return _of_app(program, source, env) if is_app(source) else _of_command(program, source, env)


def _of_app(program: Path, source: str, env: list[str]) -> bytes:
    with tempfile.TemporaryDirectory(prefix="deploy-gate-") as folder:
        file = Path(folder, "openapi.json")
        argv: list[str | Path] = [program, "-c", _CODE, source, file]
        done = process.run(argv, timeout=SECONDS, pass_env=env, env=interpreter.environment(program))
        if done.code:
            raise _failed(source, done)
        return textfile.read(file, MAX_BYTES) or b""


def _of_command(program: Path, source: str, env: list[str]) -> bytes:
    argv = words(source)
    name = argv[0]
    if name in ("python", "python3"):
        argv[0] = str(program)
    elif own := interpreter.script(program, name):
        argv[0] = str(own)
    try:
        done = process.run(argv, timeout=SECONDS, pass_env=env, env=interpreter.environment(program), limit=MAX_BYTES)
    except CouldNotTell as fault:
        if not _MODULE.fullmatch(source):
            raise
        fix = f"if {brief(source)} is a module of yours, name the application in it: `{brief(source)}:app`"
        raise CouldNotTell(fault.found, fix) from None
    if done.code:
        raise _failed(source, done)
    return done.out.encode()


def _failed(source: str, done: process.Finished) -> CouldNotTell:
    # How Python looks for a module is no news.
    said = "\n".join(line for line in done.err.splitlines() if "<frozen " not in line)
    last = process.Finished(done.code, done.out, said, done.seconds).last_words()
    found = f"{brief(source)} ended with exit code {done.code}: {last}"
    fix = next((fix for error, fix in _FIXES.items() if error in last), _BY_HAND)
    return CouldNotTell(found, fix)
