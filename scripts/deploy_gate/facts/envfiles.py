"""Environment variables of compose files, Dockerfiles and workflows."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from deploy_gate.facts.envuse import NAME, Found, Use
from deploy_gate.result import CouldNotTell, brief

MAX_DEPTH = 100
_INTERPOLATED = re.compile(r"\$(?:\$|\{([A-Za-z_]\w*)|([A-Za-z_]\w*))", re.ASCII)
_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_CONTEXT = re.compile(r"""\b(vars|secrets|env)(?:\.([A-Za-z_]\w*)|\[\s*['"]([A-Za-z_]\w*)['"]\s*\])""", re.ASCII)
_TELLING = ("environment", "env", "workflow_call")
_INSTRUCTION = re.compile(r"\s*(ARG|ENV)\s+(.*)", re.IGNORECASE | re.DOTALL)


def compose(files: Mapping[str, bytes]) -> Found:
    """`${X:-y}` anywhere, and what `environment:` hands through without a value."""
    found = Found()
    for path, raw in files.items():
        for node, key in _nodes(raw, path):
            if key == "environment":
                _environment(found, node, path)
            if isinstance(node.value, str):
                for match in _INTERPOLATED.finditer(node.value):
                    if name := match[1] or match[2]:
                        found.uses.append(Use((name,), path, _line(node)))
    return found


def _environment(found: Found, node: Any, path: str) -> None:
    for name, through, line in _entries(node):
        if not NAME.fullmatch(name):
            continue
        if through:
            found.uses.append(Use((name,), path, line))
        else:
            found.given.add(name)


def _entries(node: Any) -> Iterator[tuple[str, bool, int]]:
    """Name, whether its value comes from outside, and line."""
    for one in node.value if isinstance(node.value, list) else []:
        if isinstance(one, tuple):
            key, value = one
            if isinstance(key.value, str):
                yield key.value, value.tag == "tag:yaml.org,2002:null", _line(key)
        elif isinstance(one.value, str):
            name, equals, _ = one.value.partition("=")
            yield name, not equals, _line(one)


def dockerfiles(files: Mapping[str, bytes]) -> Found:
    """`ARG` asks for a value when the image is built; `ENV` gives one to what runs in it."""
    found = Found()
    for path, raw in files.items():
        for number, text in _instructions(raw.decode(errors="replace")):
            match = _INSTRUCTION.fullmatch(text)
            for name in _assigned(match[2]) if match else []:
                if match and match[1].upper() == "ARG":
                    found.uses.append(Use((name,), path, number))
                else:
                    found.given.add(name)
    return found


def _instructions(text: str) -> Iterator[tuple[int, str]]:
    """Instructions with their first line, continued lines put together, comments left out."""
    held, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#"):
            continue
        first = first or number
        held += line.removesuffix("\\") + " "
        if not line.endswith("\\"):
            yield first, held.strip()
            held, first = "", 0
    if held:
        yield first, held.strip()


def _assigned(text: str) -> list[str]:
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    if words and "=" not in words[0]:
        words = words[:1] if len(words) > 1 and "=" not in text else words  # `ENV NAME the value`
    names = [word.partition("=")[0] for word in words]
    return [name for name in names if NAME.fullmatch(name)]


def workflows(files: Mapping[str, bytes]) -> Found:
    """`vars`, `secrets` and `env` in expressions; what `env:` gives, or a caller must hand over, is not asked for."""
    found = Found()
    for path, raw in files.items():
        given: set[str] = set()
        asked: list[tuple[str, str, int]] = []
        for node, key in _nodes(raw, path):
            if key == "env" and isinstance(node.value, list):
                given |= {name for name, _, _ in _entries(node)}
            if key == "workflow_call":
                asked += [("handed", name, 0) for name in _handed(node)]
            if isinstance(node.value, str):
                asked += [(context, name, _line(node)) for context, name in _expressions(node.value, key)]
        handed = {name for context, name, _ in asked if context == "handed"}
        found.given |= {name for name in given if NAME.fullmatch(name)} | handed
        for context, name, line in asked:
            own = (context == "env" and name in given) or (context == "secrets" and name in handed)
            if context != "handed" and not own:
                found.uses.append(Use((name,), path, line))
    return found


def _handed(node: Any) -> list[str]:
    for key, value in node.value if isinstance(node.value, list) else []:
        if getattr(key, "value", "") == "secrets":
            return [name for name, _, _ in _entries(value)]
    return []


def _expressions(text: str, key: str) -> list[tuple[str, str]]:
    # A condition needs no braces.
    parts = [text] if key == "if" else _EXPRESSION.findall(text)
    return [(match[1], match[2] or match[3]) for part in parts for match in _CONTEXT.finditer(part)]


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1


def _nodes(raw: bytes, path: str) -> Iterator[tuple[Any, str]]:
    """Every node of a YAML file, with the key it stands under; CouldNotTell when it is no YAML."""
    seen: set[tuple[int, bool]] = set()
    waiting: list[tuple[Any, str]] = [(_root(raw, path), "")]
    while waiting:
        node, key = waiting.pop()
        # Twice for what stands under a telling key by an alias, never more often.
        if node is None or (id(node), key in _TELLING) in seen:
            continue
        seen.add((id(node), key in _TELLING))
        yield node, key
        for one in node.value if isinstance(node.value, list) else []:
            if isinstance(one, tuple):
                name = one[0].value if isinstance(one[0].value, str) else ""
                waiting += [(one[0], ""), (one[1], name)]
            else:
                waiting.append((one, key if key == "env" else ""))


def _root(raw: bytes, path: str) -> Any:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        depth = 0
        for event in yaml.parse(raw, Loader=loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise _no_yaml(path)
        return yaml.compose(raw, Loader=loader)
    except (yaml.YAMLError, ValueError):
        raise _no_yaml(path) from None


def _no_yaml(path: str) -> CouldNotTell:
    found = f"{brief(path, 200)} is no YAML that can be read, so its variables are not known"
    return CouldNotTell(found, "correct the file, or leave it out with `exclude`")
