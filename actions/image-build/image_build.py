"""Every image of the project builds, its Dockerfile is sound, and what it stands on is named by digest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from deploy_gate.catalog import About
from deploy_gate.facts import composemodel, dockercli, dockerfile, files, hadolint, imagebuild
from deploy_gate.facts.composemodel import Project
from deploy_gate.facts.dockerfile import Base
from deploy_gate.facts.hadolint import LEVELS, Remark
from deploy_gate.facts.imagebuild import Failure
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, failed, one_line, passed, warned
from deploy_gate.units import counted, show_duration

ABOUT = About(runs_code=True, reads=dockercli.READS, locks=("hadolint",), timeout=1800)

Lint = Literal["error", "warning", "info", "style", "off"]
Digest = Literal["required", "advised", "off"]


@dataclass(slots=True)
class Facts:
    """What was built, and what stands in the Dockerfiles; bases with the file they stand in."""

    images: Sequence[str] = ()
    failures: Sequence[Failure] = ()
    remarks: Sequence[Remark] = ()
    unpinned: Sequence[tuple[str, Base]] = ()
    resolver: str = ""
    seconds: float = 0.0
    bases: int = field(default=0)


def check(*, file: list[str], env_file: str, env: list[str], lint: Lint, base_digest: Digest) -> Result:
    """Read the Dockerfiles, then build; CouldNotTell without a daemon, or without anything to build."""
    project = composemodel.with_images(file, env_file, env)
    if not project.built():
        fix = "declare the item `not-applicable` with the reason"
        raise CouldNotTell(f"none of {counted(len(project.services), 'service')} has a `build` section", fix)
    dockercli.daemon()
    paths = sorted({one.build.file for one in project.built() if one.build and one.build.file})
    facts = Facts(resolver=project.resolver)
    present = [path for path in paths if path.exists()]
    facts.remarks = hadolint.lint([Path(files.relative(str(path))) for path in present]) if lint != "off" else ()
    _bases(project, facts)
    built = imagebuild.build(project)
    facts.images, facts.failures, facts.seconds = sorted(built.images), built.failures, built.seconds
    return judge(facts, lint, base_digest)


def _bases(project: Project, facts: Facts) -> None:
    unpinned: dict[tuple[str, str], Base] = {}
    seen: set[tuple[str, str]] = set()
    for service in project.built():
        build = service.build
        if build is None or (build.file and not build.file.exists()):
            continue  # the build itself will say so
        text = build.inline or (dockerfile.read(build.file) if build.file else "")
        path = files.relative(str(build.file)) if build.file else service.path
        args = {name: value for name, value in build.args if value is not None}
        replaced = {name for name, _ in build.contexts}
        for base in dockerfile.stages(text, args)[1]:
            if base.image not in replaced:
                seen.add((path, base.image))
                if not base.pinned:
                    unpinned.setdefault((path, base.image), base)
    facts.bases = len(seen)
    facts.unpinned = [(path, base) for (path, _), base in sorted(unpinned.items())]


def judge(facts: Facts, lint: Lint, base_digest: Digest) -> Result:
    """A build that fails decides before a remark, a remark before a base image without digest."""
    evidence = _evidence(facts, base_digest)
    if facts.failures:
        first = facts.failures[0]
        more = f"; and {len(facts.failures) - 1} more" if len(facts.failures) > 1 else ""
        found = one_line(f"the image of {brief(first.service)} does not build{more}: {first.words}")
        return failed(found, "mend the instruction that is named, and build it by hand", evidence=evidence)
    counting = [one for one in facts.remarks if lint != "off" and _reaches(one.level, lint)]
    if counting:
        first_one = counting[0]
        what = f"{first_one.path}:{first_one.line} {first_one.rule} {first_one.message}"
        found = f"hadolint has {counted(len(counting), 'remark')} of level {lint} or worse, the limit is 0: {what}"
        fix = "mend the listed lines, or ignore a rule in .hadolint.yaml with the reason"
        return failed(one_line(found), fix, target=0, measured=len(counting), evidence=evidence)
    told = f"{counted(len(facts.images), 'image')} built in {show_duration(facts.seconds)}, {facts.resolver}"
    if facts.unpinned and base_digest != "off":
        names = ", ".join(brief(base.image or "an empty name") for _, base in facts.unpinned[:3])
        found = f"{told}; {len(facts.unpinned)} of {counted(facts.bases, 'base image')} without a digest: {names}"
        fix = "name them as NAME:TAG@sha256:…, and let a bot raise the digest; a tag may be another image tomorrow"
        decide = failed if base_digest == "required" else warned
        return decide(one_line(found), fix, target=0, measured=len(facts.unpinned), evidence=evidence)
    below = f", {counted(len(facts.remarks), 'remark')} of hadolint below {lint}" if facts.remarks else ""
    return passed(f"{told}{below}", evidence=evidence)


def _reaches(level: str, least: str) -> bool:
    # A level that is not known is taken for the worst.
    return level not in LEVELS or LEVELS.index(level) <= LEVELS.index(least)


def _evidence(facts: Facts, base_digest: Digest) -> list[Evidence]:
    found: list[Evidence] = [
        {"message": f"{one.service}: {one.words}", "path": one.path, "line": one.line, "rule": "build"}
        for one in facts.failures
    ]
    found += [
        {"message": f"{one.message} ({one.level})", "path": one.path, "line": one.line, "rule": one.rule}
        for one in facts.remarks
    ]
    if base_digest != "off":
        found += [
            {
                "message": f"{brief(base.image or 'an empty name', 200)} is not named by digest",
                "path": path,
                "line": base.line,
                "rule": "base-digest",
            }
            for path, base in facts.unpinned
        ]
    return found
