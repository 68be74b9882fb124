"""No credentials in the images: files of every layer, settings, labels, history and build arguments."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from deploy_gate.catalog import About
from deploy_gate.facts import composemodel, dockercli, dockerfile, files, imagebuild, imagesecrets, secret_baseline
from deploy_gate.facts.composemodel import Service
from deploy_gate.facts.imagesecrets import Find, Looked
from deploy_gate.facts.secret_baseline import Known
from deploy_gate.result import Evidence, Result, brief, error, failed, passed
from deploy_gate.units import counted, show_size

ABOUT = About(runs_code=True, reads=dockercli.READS, locks=("zstd",), timeout=1800)
_INSTRUCTIONS = ("ENV", "ARG", "LABEL")


@dataclass(frozen=True, slots=True)
class Facts:
    """One image: the services that run it, what was looked at, and where its Dockerfile names a find (path, line)."""

    services: tuple[str, ...]
    """With its platform where the image has several."""
    looked: Looked
    places: tuple[tuple[str, int], ...] = ()
    """For each find, in order; an empty path where there is none."""


def check(*, file: list[str], env_file: str, env: list[str], build: bool, ignore: list[str], baseline: str) -> Result:
    """Build, then read every image once; CouldNotTell without a daemon, or when a layer could not be read."""
    known = secret_baseline.read(baseline, of_commits=False)
    project = composemodel.with_images(file, env_file, env)
    dockercli.daemon()
    images = imagebuild.images(project, build_first=build)
    services: dict[str, list[Service]] = {}
    for name, image in sorted(images.items()):
        services.setdefault(image, []).append(project.services[name])
    facts = [one for image, own in services.items() for one in _facts(image, own, ignore)]
    return judge(facts, known, datetime.now(UTC).date())


def validate(*, baseline: str, **_: object) -> None:
    """Misconfigured for a baseline that cannot be read, before anything is built."""
    secret_baseline.read(baseline, of_commits=False)


def _facts(image: str, services: list[Service], ignore: list[str]) -> list[Facts]:
    found = imagesecrets.search(image, ignore)
    names = tuple(one.name for one in services)
    return [
        Facts(
            names if len(found) == 1 else (*names, looked.platform),
            looked,
            tuple(_place(services[0], find) for find in looked.finds),
        )
        for looked in found
    ]


def _place(service: Service, find: Find) -> tuple[str, int]:
    """The line of the Dockerfile that brings a setting in."""
    path = service.build.file if service.build else None
    if not find.name or path is None or not path.exists():
        return "", 0
    named = re.compile(rf"(?:^|[\s\"']){re.escape(find.name)}(?:[\s=\"']|$)")
    for one in dockerfile.instructions(dockerfile.read(path)):
        if one.word in _INSTRUCTIONS and named.search(one.text):
            return files.relative(str(path)), one.line
    return "", 0


def judge(facts: Sequence[Facts], known: Sequence[Known], today: date) -> Result:
    """A find that nobody answers for fails; an image without a file is no answer."""
    evidence: list[Evidence] = []
    count = excused = 0
    first = ""
    for one in facts:
        for find, place in zip(one.looked.finds, one.places, strict=True):
            entry = secret_baseline.longest(one for one in known if one.covers(find.rule, find.place))
            if entry and not entry.over(today):
                excused += 1
                continue
            text = _told(one.services, find, one.looked.layers)
            text += f" (its baseline ended on {entry.until})" if entry else ""
            first = first or text
            count += 1
            evidence.append(
                {"message": text, "rule": find.rule, "place": find.place, "layer": find.layer, **_at(place)}
            )
    looked = [one.looked for one in facts]
    layers, number, size = (sum(getattr(one, key) for one in looked) for key in ("layers", "files", "bytes"))
    seen = (
        f"{counted(len(facts), 'image')} with {counted(layers, 'layer')}, {counted(number, 'file')}, {show_size(size)}"
    )
    ignored = sum(one.ignored for one in looked)
    notes = f"; {excused} in the baseline" if excused else ""
    notes += f"; {ignored} in ignored paths" if ignored else ""
    if count:
        found = f"{counted(count, 'credential')} in {seen}, the limit is 0: {first}{notes}"
        fix = "replace the credential where it is valid, then build without it: secrets come when a container starts"
        return failed(found, fix, target=0, measured=count, evidence=evidence)
    if not layers and not number:
        return error(f"nothing to look at in {seen}", "see why the image is empty")
    return passed(f"no credential in {seen}{notes}; the limit is 0", target=0, measured=0)


def _told(services: tuple[str, ...], find: Find, layers: int) -> str:
    where = f" in layer {find.layer} of {layers}" if find.layer else ""
    gone = f", gone in layer {find.gone_in} but still in the image" if find.gone_in else ""
    return f"{', '.join(map(brief, services))}: {brief(find.place, 200)}{where} ({find.rule}){gone}"


def _at(place: tuple[str, int]) -> dict[str, str | int]:
    return {"path": place[0], "line": place[1]} if place[0] else {}
