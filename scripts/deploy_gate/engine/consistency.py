"""Names in a checklist that must fit each other: environments, their keys, conditions, and what is only planned."""

from __future__ import annotations

from collections.abc import Iterator

from deploy_gate.catalog import Catalog
from deploy_gate.checklist import variables
from deploy_gate.checklist.loading import Source
from deploy_gate.checklist.model import Item, Phase, Trigger
from deploy_gate.policy.lines import POLICY, WAIVERS
from deploy_gate.problems import Problem, nearest

_BLOCK = {"branch", "url", "host", "protected"}


def problems(source: Source, catalog: Catalog, environment: str) -> list[Problem]:
    """Every name that leads nowhere; one that switched a line off silently would be a gate left open."""
    found = [
        *_asked(source, environment),
        *_taken(source),
        *_unused(source),
        *_own(source),
        *_conditions(source),
        *_triggers(source),
        *_planned(source, catalog),
    ]
    return [source.problem(where, message) for where, message in found]


Found = Iterator[tuple[tuple[str | int, ...], str]]


def wrong_choice(source: Source, chosen: set[str], phase: Phase) -> Iterator[Problem]:
    """Ids that were asked for and are not there, or not in this phase."""
    items = source.checklist.items
    for name in chosen:
        if name not in items:
            yield Problem("", 0, f"there is no item '{name}'{nearest(name, items)}")
        elif phase not in items[name].phases:
            yield Problem(
                "", 0, f"item '{name}' is not looked at in phase {phase}; its phases: {', '.join(items[name].phases)}"
            )


def _asked(source: Source, environment: str) -> Found:
    known = source.checklist.environments
    if environment and environment not in known and not source.trial:
        hint = nearest(environment, known) or "; your checklist declares none: add it under `environments:`"
        yield ("environments",), f"there is no environment '{environment}'{hint}"


def _taken(source: Source) -> Found:
    """Names of the gate's own lines: an item that is called so would answer for them."""
    for name in (POLICY, WAIVERS):
        if name in source.checklist.items:
            yield ("items", name), f"'{name}' is the name of a line that the gate adds itself: call this item otherwise"


def _unused(source: Source) -> Found:
    """Keys of environments that no item names: nearly always a typing mistake."""
    checklist = source.checklist
    used = {name for item in checklist.items.values() for name in _mentioned(item)}
    used |= {name for trigger in checklist.triggers.values() for name in _mentioned(trigger)}
    # Before the switch it is their `url`.
    used.add(variables.OWN_SLOT)
    for place, block in source.checklist.environments.items():
        for name in block.__pydantic_extra__ or {}:
            if name not in used:
                yield (
                    ("environments", place, name),
                    f"no item uses the key '{name}' of {place}{nearest(name, used | _BLOCK)}",
                )


def _mentioned(item: Item | Trigger) -> set[str]:
    return {*item.needs, *variables.names(item.title), *variables.names(list(item.with_.values()))}


def _own(source: Source) -> Found:
    """What a signature is bound to is no key of an environment: a checklist does not say for itself what was signed."""
    for place, block in source.checklist.environments.items():
        for name in variables.SIGNED:
            if name in (block.__pydantic_extra__ or {}):
                told = f"'{name}' of {place} is what the run itself finds; give your own key another name"
                yield ("environments", place, name), told


def _conditions(source: Source) -> Found:
    """Environments that conditions and sections name; the bundled file may name some that a consumer does not have."""
    known = source.checklist.environments
    for name, item in source.checklist.items.items():
        where = ("items", name, "when", "environment")
        for one in (item.when.environment or []) if item.when and source.is_own(where) else []:
            if one not in known:
                yield where, f"items.{name}.when.environment: there is no environment '{one}'{nearest(one, known)}"
    for name, section in source.checklist.sections.items():
        place = ("sections", name, "environment")
        if section.environment and section.environment not in known and source.is_own(place):
            hint = nearest(section.environment, known)
            yield place, f"sections.{name}.environment: there is no environment '{section.environment}'{hint}"


def _triggers(source: Source) -> Found:
    """Items that triggers go by: one that is not watched would never let them fire."""
    items = source.checklist.items
    for name, trigger in source.checklist.triggers.items():
        if name in items:
            yield ("triggers", name), f"triggers.{name}: an item has that name too, and a report must tell them apart"
        named = [("of", one) for one in trigger.of] + ([("witness", trigger.witness)] if trigger.witness else [])
        for key, one in named:
            if one not in items:
                yield ("triggers", name, key), f"triggers.{name}.{key}: there is no item '{one}'{nearest(one, items)}"
            elif items[one].watch is None and not items[one].not_applicable:
                yield ("triggers", name, key), f"triggers.{name}.{key}: item '{one}' is not watched: give it `watch:`"


def _planned(source: Source, catalog: Catalog) -> Found:
    checklist = source.checklist
    for name, item in checklist.items.items():
        if item.planned and item.check in catalog:
            way = "waive the line, with an end, or declare it not-applicable"
            yield ("items", name, "planned"), f"items.{name}.planned: the check '{item.check}' is built; {way}"
    for name, trigger in checklist.triggers.items():
        if trigger.planned and trigger.check in catalog:
            told = f"triggers.{name}.planned: the check '{trigger.check}' is built; declare it not-applicable instead"
            yield ("triggers", name, "planned"), told
