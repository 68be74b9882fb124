"""The settings on a server fit what the application expects: none missing, none empty, none of a wrong type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy_gate.catalog import About
from deploy_gate.facts import envuse, onhost, sending, settings_schema
from deploy_gate.facts.onhost import Place
from deploy_gate.facts.settings_schema import Schema
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, failed, passed
from deploy_gate.units import Variable, counted

ABOUT = About(secrets=onhost.SECRETS, reads=onhost.READS, timeout=150)
_WORDS = ("missing", "empty", "wrong")


@dataclass(frozen=True, slots=True)
class Facts:
    """One word for each field whose value does not fit, and how many there are."""

    wrong: Mapping[str, str]
    fields: Mapping[str, Mapping[str, Any]]
    needed: int


def check(
    *,
    host: str,
    host_keys: str,
    key_variable: Variable,
    env_files: list[str],
    schema: Path | None,
    required: list[str],
    elsewhere: list[str],
) -> Result:
    """Send names and types there, get one word for each back; CouldNotTell when the files cannot be read."""
    validate(**locals())
    wanted = _wanted(settings_schema.read(schema) if schema else None, required, elsewhere)
    with onhost.connected(Place(host, host_keys, key=key_variable)) as connection:
        given = {"files": env_files, "options": wanted.options, "fields": wanted.fields}
        told = sending.ask(connection, "envcheck", given, also=("dotenv",))
    return judge(_facts(told, wanted, host))


def validate(*, host: str, env_files: list[str], schema: Path | None, required: list[str], **_: object) -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    wrong = []
    try:
        onhost.validate(host)
    except Misconfigured as fault:
        wrong += [one.message for one in fault.problems]
    wrong += [
        f"'{brief(one)}' is no whole path on the server, from / on" for one in env_files if not one.startswith("/")
    ]
    wrong += [f"input 'required' has '{brief(one)}', which is no name" for one in required if not _is_name(one)]
    if not env_files:
        wrong.append("input 'env-files' is empty")
    if not schema and not required:
        wrong.append("neither 'schema' nor 'required' says what is expected")
    if wrong:
        raise Misconfigured(wrong)


def _is_name(text: str) -> bool:
    return envuse.NAME.fullmatch(text) is not None


def _wanted(schema: Schema | None, required: Sequence[str], elsewhere: Sequence[str]) -> Schema:
    """The model's fields without what comes from elsewhere, and names that are required in any case."""
    found = schema or Schema("", {"sensitive": True, "delimiter": "", "ignore_empty": False, "none": None}, ())
    gone = {one.upper() for one in elsewhere}
    more: list[dict[str, Any]] = [{"names": [one], "above": [], "required": True, "shape": {}} for one in required]
    known = {name.upper() for one in more for name in one["names"]}
    fields = [_needed(one, known) for one in found.fields if not gone & {name.upper() for name in one["names"]}]
    named = {name.upper() for one in fields for name in one["names"]}
    fields += [one for one in more if not named & {name.upper() for name in one["names"]}]
    if not fields:
        raise CouldNotTell("nothing is expected of the server's files", "see `elsewhere`, which names everything")
    return Schema(found.tree, found.options, fields)


def _needed(field: Mapping[str, Any], required: set[str]) -> Mapping[str, Any]:
    return {**field, "required": True} if required & {name.upper() for name in field["names"]} else field


def _facts(told: Any, wanted: Schema, host: str) -> Facts:
    """CouldNotTell for anything but one known word for each field."""
    trouble = told.get("trouble") if isinstance(told, dict) else None
    if trouble:
        raise CouldNotTell(
            f"the settings on {host} could not be read: {brief(str(trouble), 200)}",
            "correct that line, or let the user that logs in read the file",
        )
    fields = {one["names"][0]: one for one in reversed(list(wanted.fields))}
    words = told.get("words") if isinstance(told, dict) else None
    if not isinstance(words, dict) or not words or not set(words) <= set(fields):
        raise CouldNotTell(f"{host} answered something else than its settings", "see what its python3 is")
    if not set(words.values()) <= {"", *_WORDS}:
        raise CouldNotTell(f"{host} answered something else than its settings", "see what its python3 is")
    wrong = {name: word for name, word in words.items() if word}
    return Facts(wrong, {name: fields[name] for name in words}, sum(fields[name]["required"] for name in words))


def judge(facts: Facts) -> Result:
    """Every variable whose value does not fit is told by its name, and what would."""
    total = f"{counted(len(facts.fields), 'variable')} ({facts.needed} required)"
    if not facts.wrong:
        return passed(f"0 of {total} missing, empty or of a wrong type, the limit is 0", target=0, measured=0)
    order = sorted(facts.wrong, key=lambda name: (_WORDS.index(facts.wrong[name]), name.upper()))
    told = {name: _told(name, facts) for name in order}
    shown = "; ".join(list(told.values())[:4]) + ("; …" if len(told) > 4 else "")
    evidence: list[Evidence] = [
        {"message": text, "rule": facts.wrong[name], "variable": brief(name)} for name, text in told.items()
    ]
    fix = "set them in the server's file before the release goes there"
    found = f"{len(told)} of {total} wrong, the limit is 0: {shown}"
    return failed(found, fix, target=0, measured=len(told), evidence=evidence)


def _told(name: str, facts: Facts) -> str:
    word, field = facts.wrong[name], facts.fields[name]
    # pydantic-settings folds case, and files are written in capitals.
    shown = brief(name.upper() if name.islower() else name)
    if word != "wrong":
        return f"{shown} is {word}"
    return f"{shown} is not {settings_schema.expected(field['shape'])}"
