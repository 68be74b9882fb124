"""The one module that speaks GitHub's runner protocol; on a laptop the same calls do nothing or print plain text."""

from __future__ import annotations

import json
import os
import re
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deploy_gate.result import CouldNotTell

MAX_SUMMARY = 1024 * 1024
MAX_MESSAGE = 4000
MAX_EVENT = 32 * 1024 * 1024
KINDS = ("error", "warning", "notice")


def on_github() -> bool:
    """Whether a runner started us."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def event() -> dict[str, Any]:
    """The event's payload; empty where there is none or it cannot be read."""
    path = os.environ.get("GITHUB_EVENT_PATH", "")
    try:
        with Path(path).open("rb") as stream:
            data = json.loads(stream.read(MAX_EVENT))
    except (OSError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def pull_request_base() -> str:
    """The commit a pull request or merge group is to be merged into; empty for other events."""
    payload = event()
    pull, group = payload.get("pull_request"), payload.get("merge_group")
    if isinstance(pull, dict) and isinstance(pull.get("base"), dict):
        return _commit(pull["base"].get("sha"))
    return _commit(group.get("base_sha")) if isinstance(group, dict) else ""


def commit_before_push() -> str:
    """The branch's commit before this push; empty for other events and for new branches."""
    before = _commit(event().get("before")) if os.environ.get("GITHUB_EVENT_NAME") == "push" else ""
    return "" if not before.strip("0") else before


def _commit(value: object) -> str:
    """A full commit hash, or nothing: the payload is a file that others may have written."""
    return value if isinstance(value, str) and re.fullmatch(r"[0-9a-f]{40}([0-9a-f]{24})?", value) else ""


def branch() -> str:
    """The branch this run is about (the pull request's own, not the merge ref); empty for a tag or on a laptop."""
    if head := os.environ.get("GITHUB_HEAD_REF"):
        return head
    return os.environ.get("GITHUB_REF_NAME", "") if os.environ.get("GITHUB_REF", "").startswith("refs/heads/") else ""


def ref() -> str:
    """The ref that GitHub runs this for; of a run that another one started, that one's branch. Empty on a laptop."""
    started = event().get("workflow_run") if os.environ.get("GITHUB_EVENT_NAME") == "workflow_run" else None
    if isinstance(started, dict):
        # GITHUB_REF is then the default branch, whatever the run before was for.
        branch_before = started.get("head_branch")
        return f"refs/heads/{branch_before}" if isinstance(branch_before, str) else ""
    return os.environ.get("GITHUB_REF", "")


def set_outputs(values: Mapping[str, str]) -> None:
    """Write step outputs; the delimiter is random, so that no value can end its own block."""
    path = os.environ.get("GITHUB_OUTPUT")
    if not path:
        return
    text = ""
    for name, value in values.items():
        mark = f"deploy-gate-{secrets.token_hex(16)}"
        text += f"{name}<<{mark}\n{value}\n{mark}\n"
    _append(path, text, "GITHUB_OUTPUT")


def summary_room() -> int:
    """Bytes that still fit into this step's summary."""
    try:
        taken = Path(os.environ.get("GITHUB_STEP_SUMMARY", "")).stat().st_size
    except OSError:
        taken = 0
    return max(MAX_SUMMARY - 2048 - taken, 4096)


def add_summary(markdown: str) -> bool:
    """Append to the job summary; False where there is none. A larger text than GitHub takes is the caller's fault."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return False
    _append(path, markdown, "GITHUB_STEP_SUMMARY")
    return True


def _append(path: str, text: str, name: str) -> None:
    try:
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as fault:
        found = f"{name} cannot be written: {fault.strerror}"
        raise CouldNotTell(found, "make the file that the variable names writable") from None


def annotate(kind: str, message: str, *, title: str = "", path: str = "", line: int = 0) -> None:
    """One annotation; on a laptop nothing, since the table says the same."""
    if not on_github():
        return
    fields = {"title": title, "file": path, "line": str(line) if line > 0 and path else ""}
    listed = ",".join(f"{key}={_property(value)}" for key, value in fields.items() if value)
    print(f"::{kind}{' ' + listed if listed else ''}::{_data(message[:MAX_MESSAGE])}", flush=True)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def hide(value: str) -> None:
    """Let the runner replace a value in everything this job prints from now on; on a laptop nothing."""
    if not on_github():
        return
    for line in dict.fromkeys(one.strip() for one in value.splitlines()):
        # Shorter ones would blank out half of every log, and protect nothing.
        if len(line) >= 5:
            print(f"::add-mask::{_data(line)}", flush=True)


def harmless(text: str) -> str:
    """Text for the log that the runner cannot take for a command: `::` at the start of a line, `##[` anywhere in it."""
    if not on_github():
        return text
    return re.sub(r"(?m)^(\s*):(?=:)", "\\1:\u200b", text).replace("##[", "#\u200b#[")


def say(text: str) -> None:
    """Lines for the log."""
    print(harmless(text), file=sys.stderr, flush=True)
