"""Every service has a health check and limits, in the compose file or, the health check, in its image."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from deploy_gate.catalog import About
from deploy_gate.facts import composemodel, dockercli, dockerfile
from deploy_gate.facts.composemodel import Service
from deploy_gate.problems import Misconfigured, nearest
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, error, failed, passed
from deploy_gate.units import counted

ABOUT = About(reads=dockercli.READS, timeout=120)

Need = Literal["healthcheck", "memory", "cpus"]
_NAMES: dict[Need, str] = {"healthcheck": "no health check", "memory": "no memory limit", "cpus": "no CPU limit"}
_ALWAYS = re.compile(r"(?:/usr)?(?:/bin/)?true|exit 0|:|echo\b[^|&;]*")


@dataclass(frozen=True, slots=True)
class Facts:
    """What one service lacks, and what of it could not be known, with the reason."""

    service: Service
    lacks: tuple[str, ...] = ()
    unknown: str = ""


def check(*, file: list[str], env_file: str, env: list[str], require: list[Need], ignore: list[str]) -> Result:
    """Resolve the project and look at every service; CouldNotTell without a compose file."""
    validate(require=require)
    project = composemodel.load(file, env_file, env)
    strangers = [name for name in ignore if name not in project.services]
    if strangers:
        found = f"the compose file has no service '{brief(strangers[0])}'"
        raise CouldNotTell(found + nearest(strangers[0], list(project.services)), "correct the input `ignore`")
    chosen = [one for name, one in sorted(project.services.items()) if name not in ignore]
    if not chosen:
        raise CouldNotTell("every service is ignored, so none was looked at", "take services out of `ignore`")
    return judge([_facts(one, require) for one in chosen], require, project.resolver, ignore)


def validate(*, require: list[Need], **_: object) -> None:
    """Misconfigured when nothing is asked for."""
    if not require:
        raise Misconfigured(["input 'require' is empty; name healthcheck, memory or cpus"])


def judge(facts: Sequence[Facts], require: Sequence[Need], resolver: str, ignore: Sequence[str] = ()) -> Result:
    """A service that lacks something fails; one of which it is not known is no answer."""
    evidence: list[Evidence] = [
        {"message": f"{brief(one.service.name)}: {text}", "path": one.service.path, "line": one.service.line}
        for one in facts
        for text in (*one.lacks, one.unknown)
        if text
    ]
    left_out = f"; ignored: {', '.join(map(brief, ignore))}" if ignore else ""
    bad = [one for one in facts if one.lacks]
    if bad:
        listed = "; ".join(f"{brief(one.service.name)}: {', '.join(one.lacks)}" for one in bad[:6])
        found = f"{len(bad)} of {counted(len(facts), 'service')} not complete, the limit is 0: {listed}{left_out}"
        return failed(found, _fix(require), target=0, measured=len(bad), evidence=evidence)
    dark = [one for one in facts if one.unknown]
    if dark:
        found = f"{brief(dark[0].service.name)}: {dark[0].unknown}"
        more = f"; and {len(dark) - 1} more" if len(dark) > 1 else ""
        fix = "write `healthcheck` into the compose file, or pull or build the image in a step before"
        return error(f"{found}{more}", fix, evidence=evidence)
    wanted = ", ".join(
        {"healthcheck": "health check", "memory": "memory limit", "cpus": "CPU limit"}[n] for n in require
    )
    return passed(f"{counted(len(facts), 'service')}, each with {wanted} ({resolver}){left_out}", target=0, measured=0)


def _fix(require: Sequence[Need]) -> str:
    parts = []
    if "healthcheck" in require:
        parts.append("`healthcheck: {test: [CMD, …]}` or HEALTHCHECK in its Dockerfile")
    if {"memory", "cpus"} & set(require):
        parts.append("`deploy: {resources: {limits: {memory: 256M, cpus: '0.5'}}}`")
    return f"give each {' and '.join(parts)}; name one-off jobs in `ignore`"


def _facts(service: Service, require: Sequence[Need]) -> Facts:
    lacks, unknown = [], ""
    if "healthcheck" in require:
        state = _health(service)
        if state in ("none", "always"):
            lacks.append(_NAMES["healthcheck"] if state == "none" else "a health check that can never fail")
        elif state != "there":
            unknown = state
    lacks += [_NAMES[one] for one in ("memory", "cpus") if one in require and not _limited(getattr(service, one))]
    return Facts(service, tuple(lacks), unknown)


def _limited(text: str) -> bool:
    """More than nothing: 0 and -1 mean no limit."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(?:[bkmgtBKMGT][iI]?[bB]?)?", text)
    return bool(match) and float(match[1] if match else 0) > 0


def _health(service: Service) -> str:
    """`there`, `none`, `always` (it can never fail), or why it is not known."""
    own = service.health or {}
    if own.get("disable") in (True, "true"):
        return "none"
    if own.get("test"):
        return _judged(own["test"])
    # Only times of its own: they go with the image's check.
    return _of_build(service) if service.build else _of_image(service.image)


def _judged(test: Any) -> str:
    words = [str(one) for one in test] if isinstance(test, list) else ["CMD-SHELL", str(test)]
    if not words or words[0].upper() == "NONE":
        return "none"
    command = " ".join(words[1:]).strip()
    return "always" if not command or _ALWAYS.fullmatch(command) else "there"


def _of_build(service: Service) -> str:
    build = service.build
    text = (build.inline or (dockerfile.read(build.file) if build.file else "")) if build else ""
    if build is None or not text:
        return _of_image(service.image)
    args = {name: value for name, value in build.args if value is not None}
    health, base = dockerfile.health(text, build.target, args)
    if health is not None:
        return _judged(_instruction(health))
    return "none" if base == "scratch" else _of_image(base)


def _instruction(text: str) -> list[str]:
    """The test of a HEALTHCHECK instruction, without its options."""
    plain = re.sub(r"^(?:--[\w-]+=\S+\s+)*", "", text.strip())
    word, _, rest = plain.partition(" ")
    if word.upper() == "NONE":
        return ["NONE"]
    listed = re.findall(r'"((?:[^"\\]|\\.)*)"', rest) if rest.strip().startswith("[") else []
    return ["CMD", *listed] if listed else ["CMD-SHELL", rest.strip()]


def _of_image(reference: str) -> str:
    if not reference:
        return "none"
    try:
        known = dockercli.inspect(reference)
    except CouldNotTell as fault:
        return f"it has no health check of its own, and whether its image has one is not known: {fault.found}"
    if known is None:
        return f"it has no health check of its own, and its image {brief(reference)} is not on this machine"
    test = ((known.get("Config") or {}).get("Healthcheck") or {}).get("Test")
    return _judged(test) if test else "none"
