"""GitHub's own OpenAPI document, from its npm package by name and hash, and what it says of a request and an answer."""

from __future__ import annotations

import base64
import copy
import fcntl
import hashlib
import json
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import pytest
from openapi_schema_validator import OAS30Validator
from referencing import Registry
from referencing.jsonschema import DRAFT4

from deploy_gate.bootstrap import place

PACKAGE, VERSION = "@octokit/openapi", "23.0.2"
# As `npm view PACKAGE@VERSION dist.integrity` tells it.
DIGEST = "pV8M7L9GY23AybNvTmo2nyjmpmnt6+2sRE/tqr0ZLQcPS4lnw7u5eZGNmwRNkBC3D7gZXbFx5AHzLUVRBXGDhg=="
MEMBER = "package/generated/api.github.com.json"


@cache
def text() -> str:
    """The document; fetched once a machine. Skips the test, naming the package, where it cannot be had."""
    folder = place.environments_folder().parent
    known = folder / f"github-openapi-{VERSION}.json"
    with (folder / f"{known.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not known.is_file():
            part = folder / f"{known.name}.part"
            part.write_bytes(_fetched())
            part.rename(known)
    return known.read_text(encoding="utf-8")


def _fetched() -> bytes:
    with tempfile.TemporaryDirectory(prefix="deploy-gate-") as name:
        command = ["npm", "pack", "--silent", f"{PACKAGE}@{VERSION}"]
        try:
            done = subprocess.run(command, cwd=name, capture_output=True, text=True, timeout=300)
        except FileNotFoundError:
            pytest.skip("there is no npm, so GitHub's document cannot be had")
        if done.returncode:
            pytest.skip(f"{PACKAGE}@{VERSION} cannot be had from the npm registry")
        archive = Path(name, done.stdout.strip().splitlines()[-1])
        assert base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode() == DIGEST
        with tarfile.open(archive) as packed:
            member = packed.extractfile(MEMBER)
            assert member is not None
            return member.read()


class Document:
    """What GitHub says of itself."""

    def __init__(self) -> None:
        self.data: dict[str, Any] = json.loads(text())
        self.registry: Registry[Any] = Registry().with_resource("urn:github", DRAFT4.create_resource(self.data))
        self.templates = [(re.compile(_pattern(path)), path) for path in self.data["paths"]]

    def operation(self, method: str, path: str) -> tuple[str, dict[str, Any]] | None:
        """Template and operation of a request; the template with fewest parameters wins."""
        fitting = [(path_of.count("{"), path_of) for pattern, path_of in self.templates if pattern.fullmatch(path)]
        for _, template in sorted(fitting):
            if method.lower() in self.data["paths"][template]:
                return template, self.data["paths"][template][method.lower()]
        return None

    def request_faults(self, method: str, target: str) -> Iterator[str]:
        """What is wrong with a question."""
        parts = urlsplit(target)
        found = self.operation(method, parts.path)
        if found is None:
            yield f"{method} {parts.path} is not in the document"
            return
        template, operation = found
        declared = [self.followed(one) for one in operation.get("parameters", [])]
        query = {one["name"]: one for one in declared if one["in"] == "query"}
        for name, value in parse_qsl(parts.query, keep_blank_values=True):
            if name not in query:
                yield f"{method} {template} knows no parameter {name}"
            elif wrong := self.value_faults(query[name]["schema"], value):
                yield f"{method} {template}: {name}={value}: {wrong}"
        match = re.fullmatch(_pattern(template, named=True), parts.path)
        for one in declared:
            if one["in"] == "path" and match:
                value = unquote(match[one["name"]])
                if wrong := self.value_faults(one["schema"], value):
                    yield f"{method} {template}: {one['name']}={value}: {wrong}"

    def body_faults(self, method: str, path: str, body: Any) -> Iterator[str]:
        """What is wrong with what is written."""
        found = self.operation(method, path)
        if found is None:
            return
        content = self.followed(found[1].get("requestBody", {})).get("content", {}).get("application/json")
        if content is None:
            yield from [f"{method} {found[0]} takes no document"] if body is not None else []
            return
        known = self.followed(content["schema"]).get("properties")
        if known is not None and isinstance(body, dict) and not set(body) <= set(known):
            yield f"{method} {found[0]} knows no {', '.join(sorted(set(body) - set(known)))}"
        for fault in self.validator(content["schema"]).iter_errors(body):
            yield f"{method} {found[0]}: {'/'.join(map(str, fault.absolute_path))}: {fault.message[:300]}"

    def value_faults(self, schema: dict[str, Any], value: str) -> str:
        """A parameter's text, read as the schema's type."""
        schema = self.followed(schema)
        typed: Any = int(value) if schema.get("type") == "integer" and value.isdigit() else value
        return "; ".join(fault.message[:200] for fault in self.validator(schema).iter_errors(typed))

    def answer_faults(self, method: str, path: str, status: int, body: Any) -> Iterator[str]:
        """What is wrong with an answer of ours; statuses that the document does not know are not judged."""
        found = self.operation(method, path)
        if found is None:
            return
        response = self.followed(found[1]["responses"].get(str(status), {}))
        content = response.get("content", {}).get("application/json")
        if content is None:
            return
        for fault in self.validator(content["schema"]).iter_errors(body):
            if fault.instance is None and fault.schema.get("nullable"):
                continue  # the document says `nullable` beside enumerations and choices that leave null out
            yield f"{method} {found[0]} {status}: {'/'.join(map(str, fault.absolute_path))}: {fault.message[:300]}"

    def validator(self, schema: dict[str, Any]) -> Any:
        return OAS30Validator(_absolute(schema), registry=self.registry)

    def followed(self, node: Any) -> Any:
        while isinstance(node, dict) and "$ref" in node:
            here: Any = self.data
            for part in node["$ref"].removeprefix("#/").split("/"):
                here = here[part]
            node = here
        return node

    def example(self, name: str) -> Any:
        """A copy of one of its examples."""
        return copy.deepcopy(self.data["components"]["examples"][name]["value"])


def _absolute(node: Any) -> Any:
    if isinstance(node, dict):
        return {k: f"urn:github{v}" if k == "$ref" and v.startswith("#") else _absolute(v) for k, v in node.items()}
    return [_absolute(one) for one in node] if isinstance(node, list) else node


def _pattern(template: str, *, named: bool = False) -> str:
    parts = re.split(r"\{([^}]+)\}", template)
    out = ""
    for index, part in enumerate(parts):
        if index % 2 == 0:
            out += re.escape(quote(part, safe="/.-_~"))
        else:
            out += f"(?P<{part}>[^/]+)" if named else "[^/]+"
    return out


@cache
def document() -> Document:
    """The document, read once a process."""
    return Document()
