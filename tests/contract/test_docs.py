"""The pages for users: no dead link, no page that nobody finds, no message that is not ours, no example that is wrong."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from support import ROOT

from deploy_gate import manifest
from deploy_gate.catalog import Catalog
from deploy_gate.checklist import loading

DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md"), *ROOT.glob("examples/**/*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^( *)```(\w+)[^\n]*\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
OURS = re.compile(r"tsh/deploy-gate(?:/actions/([a-z0-9-]+))?@")
COMMAND = re.compile(r"python3 (?:\.\./deploy-gate/)?scripts ([a-z]+)((?: [^\n|;#`)]*)?)")


def name(path: object) -> str:
    return str(path.relative_to(ROOT)) if isinstance(path, Path) else ""


# --- links


def anchors(path: Path) -> set[str]:
    """What its headings are called in an address, as GitHub makes it."""
    heads = re.findall(r"^#+ (.+)$", re.sub(FENCE, "", path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_link_is_dead(page: Path) -> None:
    dead = []
    for link in LINK.findall(re.sub(FENCE, "", page.read_text())):
        address, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", address):
            continue
        target = (page.parent / address).resolve() if address else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert dead == []


def test_every_page_is_found_from_the_first_one() -> None:
    told = {link.partition("#")[0] for link in LINK.findall((DOCS / "README.md").read_text())}
    assert {path.name for path in DOCS.glob("*.md")} - {"README.md"} <= told
    assert "(docs/README.md)" in (ROOT / "README.md").read_text()


# --- messages


def sources() -> str:
    found = [*ROOT.glob("scripts/**/*.py"), *ROOT.glob("actions/**/*.py")]
    return "\n".join(path.read_text() for path in found)


def test_every_message_that_is_explained_is_one_of_ours() -> None:
    text = sources()
    lines = [line for line in (DOCS / "troubleshooting.md").read_text().splitlines() if line.startswith("| `")]
    quoted = [re.match(r"\| `(.+?)` \|", line) for line in lines]
    assert len(quoted) >= 30
    assert all(quoted)
    parts = {part.strip() for one in quoted if one for part in one[1].split("…") if len(part.strip()) > 2}
    assert {part for part in parts if part not in text} == set()


# --- examples


def fenced(language: str) -> list[Any]:
    """Every block of a language, by page and line."""
    found = []
    for page in PAGES:
        text = page.read_text()
        for match in FENCE.finditer(text):
            if match[2] == language:
                indent = len(match[1])
                block = "\n".join(line[indent:] for line in match[3].splitlines()) + "\n"
                line = text[: match.start()].count("\n") + 1
                found.append(pytest.param(block, id=f"{name(page)}:{line}"))
    return found


@pytest.mark.parametrize("block", fenced("json"))
def test_json_can_be_read(block: str) -> None:
    json.loads(block)


def steps(node: object) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if isinstance(node.get("uses"), str):
            yield node
        node = list(node.values())
    if isinstance(node, list):
        for one in node:
            yield from steps(one)


@pytest.mark.parametrize("block", fenced("yaml"))
def test_yaml_says_what_we_know(block: str, tmp_path: Path) -> None:
    data = yaml.safe_load(block)
    for step in steps(data):
        if match := OURS.match(step["uses"]):
            folder = ROOT / "actions" / match[1] if match[1] else ROOT
            declared = manifest.read(folder / "action.yml").inputs
            assert set(step.get("with", {})) <= set(declared)
            assert {key for key, one in declared.items() if one.required} <= set(step["with"])
    if isinstance(data, dict) and {"items", "environments", "triggers"} & set(data) and "jobs" not in data:
        (tmp_path / "checklist.yml").write_text(yaml.safe_dump({"version": 1, "extends": "default"} | data))
        loading.load(tmp_path / "checklist.yml")


def commands() -> list[Any]:
    found = {}
    for page in PAGES:
        for word, rest in COMMAND.findall(page.read_text()):
            if rest.startswith((" NAME", " …")):
                continue  # it stands for all of them
            found[f"{word}{rest}".strip()] = (word, tuple(re.findall(r"(?<!\S)--([a-z-]+)", rest)), rest)
    return [pytest.param(*found[key], id=key) for key in sorted(found)]


@pytest.mark.parametrize(("word", "options", "rest"), commands())
def test_commands_have_the_options_that_are_shown(word: str, options: tuple[str, ...], rest: str) -> None:
    known = known_options(word, rest)
    assert {one for one in options if one not in known} == set()


HELP: dict[str, str] = {}


def known_options(word: str, rest: str) -> set[str]:
    """What the command says it takes; for `check` and `do`, the inputs of what is called."""
    if word == "test":
        return {"all"}
    words = [word]
    if word in ("check", "do") and (first := rest.split()[:1]) and first[0] in {one.name for one in Catalog().all()}:
        words = [word, first[0]]
    if word == "ledger":
        words += [one for one in rest.split()[:1] if one.isalpha() and one.islower()]
    key = " ".join(words)
    if key not in HELP:
        argv = [sys.executable, str(ROOT / "scripts"), *words, "--help"]
        HELP[key] = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=True).stdout
    return set(re.findall(r"--([a-z-]+)", HELP[key]))


def test_the_step_that_gets_a_token_for_aws(tmp_path: Path) -> None:
    block = next(one for one in FENCE.finditer((DOCS / "aws.md").read_text()) if one[2] == "yaml")[3]
    step = next(one for one in yaml.safe_load(block)["jobs"]["backups"]["steps"] if one.get("shell") == "python")
    asked = []

    class Issuer(BaseHTTPRequestHandler):
        """GitHub's own."""

        def do_GET(self) -> None:
            """A token for whoever asks."""
            asked.append((self.headers["Authorization"], parse_qs(urlsplit(self.path).query)["audience"][0]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"value": "a.b.c"}')

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Issuer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        environment = {
            "PATH": os.environ["PATH"],
            "RUNNER_TEMP": str(tmp_path),
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"http://127.0.0.1:{server.server_port}/token?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "made-up",
        }
        argv = [sys.executable, "-c", step["run"]]
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60, check=False)
        server.shutdown()
    assert (done.returncode, done.stdout, done.stderr) == (0, "::add-mask::a.b.c\n", "")
    assert (tmp_path / "aws-token").read_text() == "a.b.c"
    assert asked == [("Bearer made-up", "sts.amazonaws.com")]
