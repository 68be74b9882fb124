"""What else a repository brings, for `init`: containers, a web application, workflows. Read, never run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from deploy_gate.facts import composemodel, envuse, textfile
from deploy_gate.result import CouldNotTell
from deploy_gate.units import counted

IMAGES = ("images-build", "image-size", "image-secrets")
SERVICES = ("healthchecks", "limits")
_MOST_FILES, _MOST_BYTES = 2000, 256 * 1024
_BUILD = re.compile(rb"(?m)^[\s{]*build\s*:|[{,]\s*build\s*:")

Inputs = dict[str, dict[str, Any]]


def containers(names: Sequence[str]) -> tuple[Inputs, dict[str, str], list[str]]:
    """Inputs, lines that do not apply, and what was seen, of compose files and Dockerfiles."""
    found = [name for name in names if PurePosixPath(name).name in composemodel.STANDARD]
    file = next((name for name in composemodel.STANDARD if name in found), found[0] if len(found) == 1 else "")
    if not file and found:
        why = f"there are {len(found)} compose files; name yours: with: {{file: {found[0]}}}"
        return {}, dict.fromkeys((*IMAGES, *SERVICES), why), [counted(len(found), "compose file")]
    if not file:
        return _without_compose(names)
    inputs: Inputs = {} if "/" not in file else {item: {"file": [file]} for item in (*IMAGES, *SERVICES)}
    if _BUILD.search(_content(file)):
        return inputs, {}, [f"{file}, with images of its own"]
    why = f"no service in {file} has a `build` section; remove this line once one has"
    kept = {item: values for item, values in inputs.items() if item in SERVICES}
    return kept, dict.fromkeys(IMAGES, why), [file]


def _without_compose(names: Sequence[str]) -> tuple[Inputs, dict[str, str], list[str]]:
    away = dict.fromkeys(SERVICES, "no compose file in this repository; remove this line once there is")
    if "Dockerfile" in names:
        return {}, away, ["Dockerfile"]
    away |= dict.fromkeys(IMAGES, "no Dockerfile in this repository's root, and no compose file; remove this line then")
    return {}, away, [counted(sum(envuse.kind(name) == "dockerfile" for name in names), "Dockerfile")]


def application(names: Sequence[str]) -> tuple[Inputs, dict[str, str], list[str]]:
    """The FastAPI application, whose description of itself `api-docs` compares; nothing where there is none."""
    export = next(_applications(names), "")
    if not export:
        return {}, {}, []
    if "openapi.json" in names:
        return {"api-docs": {"export": export}}, {}, [f"a FastAPI application, {export}"]
    why = f"no openapi.json yet; once it is committed, replace this line by with: {{export: {export}}}"
    return {}, {"api-docs": why}, [f"a FastAPI application, {export}"]


def _applications(names: Sequence[str]) -> Iterator[str]:
    own = [name for name in names if name.endswith(".py") and not name.startswith("tests/")]
    for name in sorted(own, key=lambda one: (one.count("/"), one))[:_MOST_FILES]:
        raw = _content(name)
        if b"FastAPI(" not in raw:
            continue
        with suppress(SyntaxError, ValueError, RecursionError):
            if attribute := next(_makers(ast.parse(raw)), ""):
                module = name.removesuffix(".py").removeprefix("src/").removesuffix("/__init__").replace("/", ".")
                yield f"{module}:{attribute}"


def _makers(tree: ast.Module) -> Iterator[str]:
    """Top level names that are an application, or a function without parameters that makes one."""
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and _is_call(node.value):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name):
                yield target.id
        elif isinstance(node, ast.FunctionDef) and any(_is_call(one) for one in ast.walk(node)):
            needed = len(node.args.args) + len(node.args.posonlyargs) - len(node.args.defaults)
            if needed <= 0 and not any(one is None for one in node.args.kw_defaults):
                yield node.name


def _is_call(node: ast.AST) -> bool:
    called = node.func if isinstance(node, ast.Call) else None
    return (isinstance(called, ast.Name) and called.id == "FastAPI") or (
        isinstance(called, ast.Attribute) and called.attr == "FastAPI"
    )


def workflows(names: Sequence[str]) -> list[str]:
    """How many there are."""
    count = sum(envuse.kind(name) == "workflows" for name in names)
    return [counted(count, "workflow")] if count else []


def _content(name: str) -> bytes:
    try:
        return textfile.read(Path(name), _MOST_BYTES) or b""
    except CouldNotTell:
        return b""
