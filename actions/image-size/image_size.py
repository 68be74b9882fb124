"""The images are smaller than their limits; what made them larger than the live ones is named, layer by layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from deploy_gate import units
from deploy_gate.catalog import About
from deploy_gate.facts import composemodel, dockercli, imagebuild
from deploy_gate.facts.composemodel import Project
from deploy_gate.problems import Misconfigured, nearest
from deploy_gate.result import CouldNotTell, Evidence, Result, brief, failed, one_line, passed
from deploy_gate.units import Size, counted, show_size

ABOUT = About(runs_code=True, reads=dockercli.READS, timeout=1800)

Layers = Sequence[tuple[int, str]]
_FORMS = {"limits": "SIZE such as backend=400MB", "live": "IMAGE such as backend=registry.example/shop:1.4.2"}


@dataclass(frozen=True, slots=True)
class Image:
    """One service's image: its layers with their instructions, and those of the live one (None: not here)."""

    service: str
    layers: Layers
    live: Layers | None = None
    live_name: str = ""

    @property
    def size(self) -> int:
        """All layers together."""
        return sum(size for size, _ in self.layers)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes that every image must stay below, and those of single services."""

    general: int
    single: Mapping[str, int] = field(default_factory=dict)

    def of(self, service: str) -> int:
        """The limit of one service."""
        return self.single.get(service, self.general)


def check(
    *,
    file: list[str],
    env_file: str,
    env: list[str],
    build: bool,
    max_size: Size,
    limits: list[str],
    live: list[str],
) -> Result:
    """Build, then weigh; CouldNotTell without a daemon."""
    project = composemodel.with_images(file, env_file, env)
    bounds = Limits(max_size, {name: units.size(text) for name, text in _pairs("limits", limits).items()})
    compared = _pairs("live", live)
    _known([*bounds.single, *compared], project)
    dockercli.daemon()
    images = imagebuild.images(project, build_first=build)
    images |= {name: project.services[name].image for name in bounds.single if name not in images}
    return judge([_weighed(name, images[name], compared.get(name, "")) for name in sorted(images)], bounds)


def validate(*, limits: list[str], live: list[str], **_: object) -> None:
    """Misconfigured for a limit that is none."""
    faults = []
    for name, text in _pairs("limits", limits).items():
        try:
            units.size(text)
        except ValueError as fault:
            faults.append(f"input 'limits' has '{brief(name)}={brief(text)}', expected {fault}")
    _pairs("live", live)
    if faults:
        raise Misconfigured(faults)


def _pairs(given: str, lines: list[str]) -> dict[str, str]:
    form = _FORMS[given]
    split = [line.partition("=") for line in lines]
    wrong = [line for line, (name, _, text) in zip(lines, split, strict=True) if not name.strip() or not text.strip()]
    if wrong:
        raise Misconfigured([f"input '{given}' has '{brief(one)}', expected SERVICE={form}" for one in wrong])
    return {name.strip(): text.strip() for name, _, text in split}


def _known(names: list[str], project: Project) -> None:
    for name in names:
        if name not in project.services:
            found = f"the compose file has no service '{brief(name)}'{nearest(name, list(project.services))}"
            raise CouldNotTell(found, "correct the inputs `limits` and `live`")


def _weighed(service: str, image: str, live: str) -> Image:
    if dockercli.inspect(image) is None:
        found = f"the image of {brief(service)}, {brief(image)}, is not on this machine"
        raise CouldNotTell(found, "pull it in a step before, or take its limit away")
    other = dockercli.history(live) if live and dockercli.inspect(live) is not None else None
    return Image(service, dockercli.history(image), other, live)


def judge(images: Sequence[Image], limits: Limits) -> Result:
    """Every image below its limit."""
    evidence = [entry for one in images for entry in _evidence(one, limits)]
    over = [one for one in images if one.size >= limits.of(one.service)]
    # What stands nearest to its limit is what a reader wants to know.
    worst = max(images, key=lambda one: one.size / max(limits.of(one.service), 1))
    shown = f"{brief(worst.service)} has {_exact(worst.size, limits.of(worst.service))}"
    more = {"target": limits.of(worst.service), "measured": worst.size, "evidence": evidence}
    if not over:
        beside = f"; {counted(len(images), 'image')}, this one nearest to its limit" if len(images) > 1 else ""
        return passed(f"{shown}{beside}", **more)
    others = f"; and {len(over) - 1} more" if len(over) > 1 else ""
    grown = _grown(worst)
    because = f"; most by {grown[0][1]} (+{show_size(grown[0][0])} since the live image)" if grown else ""
    fix = "see the layers in the evidence: build in a stage of its own, copy only what runs, and leave caches out"
    return failed(one_line(f"{shown}{others}{because}"), fix, **more)


def _exact(size: int, limit: int) -> str:
    shown, bound = show_size(size), show_size(limit)
    if shown == bound and size != limit:
        shown, bound = f"{size} B", f"{limit} B"
    return f"{shown}, the limit is below {bound}"


def _grown(image: Image) -> list[tuple[int, str]]:
    """What each instruction adds more than it did, the most first; an instruction that changed counts whole."""
    if image.live is None:
        return []
    before: Counter[str] = Counter()
    now: Counter[str] = Counter()
    for size, words in image.live:
        before[_words(words)] += size
    for size, words in image.layers:
        now[_words(words)] += size
    found = [(size - before[words], words) for words, size in now.items() if size > before[words]]
    return sorted(found, reverse=True)


def _words(text: str) -> str:
    """An instruction as people write it; what docker puts in front of it, and build arguments, left out."""
    plain = text.replace("/bin/sh -c #(nop) ", "").removesuffix("# buildkit").strip()
    if plain.startswith(("|", "RUN |")):
        plain = "RUN " + plain.partition("/bin/sh -c ")[2]
    return brief(plain.removeprefix("/bin/sh -c ") or "an import", 120)


def _evidence(image: Image, limits: Limits) -> list[Evidence]:
    size, limit = image.size, limits.of(image.service)
    found: list[Evidence] = [
        {
            "message": f"{brief(image.service)}: {show_size(size)}, below {show_size(limit)}",
            "size": size,
            "limit": limit,
        }
    ]
    heavy = sorted(image.layers, reverse=True)[:5]
    found += [
        {"message": f"{brief(image.service)}: {show_size(one)} by {_words(words)}", "size": one}
        for one, words in heavy
        if one
    ]
    if image.live is not None:
        change = size - sum(one for one, _ in image.live)
        sign = "+" if change >= 0 else "-"
        text = f"{brief(image.service)}: {sign}{show_size(abs(change))} since the live image {brief(image.live_name)}"
        found.append({"message": text, "size": change})
        found += [
            {"message": f"{brief(image.service)}: +{show_size(one)} by {words}", "size": one, "rule": "grown"}
            for one, words in _grown(image)[:10]
        ]
    elif image.live_name:
        name = brief(image.live_name)
        found.append({"message": f"{brief(image.service)}: the live image {name} is not here, so nothing is compared"})
    return found
