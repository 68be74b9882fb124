"""What a Content-Security-Policy (CSP level 3) leaves open to a script that somebody else has put into a page."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

Policy = dict[str, list[str]]
# Of every host, or of every one of a scheme: with a port or a path it is no narrower.
_EVERYBODY = re.compile(r"https?:|(https?://)?\*(:(\d+|\*))?(/.*)?")
_SELF_MADE = re.compile(r"'(nonce-|sha(256|384|512)-)")
# Addresses that whoever can write into a page makes himself.
_MADE_UP = ("data:", "blob:", "filesystem:")
# What is loaded or run, and the directives that rule it: the first that is there.
_RULED = {
    "default-src": ("default-src",),
    "script-src": ("script-src", "default-src"),
    "script-src-elem": ("script-src-elem", "script-src", "default-src"),
    "script-src-attr": ("script-src-attr", "script-src", "default-src"),
    "object-src": ("object-src", "default-src"),
}
_HOLES = ("hosts", "unsafe-inline", "unsafe-eval", *_MADE_UP)


def parse(values: Sequence[str]) -> list[Policy]:
    """The policies of one answer: several headers, or one with commas; of two equal directives the first counts."""
    policies = []
    for text in (part for value in values for part in value.split(",")):
        policy: Policy = {}
        for words in (directive.split() for directive in text.split(";")):
            if words:
                policy.setdefault(words[0].lower(), [word.lower() for word in words[1:]])
        if policy:
            policies.append(policy)
    return policies


def holes(policies: Sequence[Policy], allowed: Collection[str] = ()) -> list[str]:
    """What every one of the policies leaves open, for a browser applies them all; `allowed` is meant to be."""
    each = [_holes(one, allowed) for one in policies]
    shared = [texts for hole, texts in each[0].items() if all(hole in other for other in each)] if each else []
    return list(dict.fromkeys(text for texts in shared for text in texts))


def _holes(policy: Policy, allowed: Collection[str]) -> dict[tuple[str, str], list[str]]:
    """For each thing and each kind of hole in what rules it: the words that open it."""
    found: dict[tuple[str, str], list[str]] = {}
    for thing, names in _RULED.items():
        name = next((one for one in names if one in policy), None)
        if name is None:
            found |= {(thing, hole): [_unruled(policy)] for hole in _HOLES}
            continue
        for source in policy[name]:
            hole = _hole(thing, name, source, policy[name])
            if hole and hole not in allowed:
                told = f"{name} allows {source}" + ("" if hole.startswith("unsafe") else ", which is everybody")
                found.setdefault((thing, hole), []).append(told)
    return found


def _unruled(policy: Policy) -> str:
    if "script-src" in policy:
        return "no default-src: what has no directive of its own may come from anywhere"
    return "no default-src and no script-src: scripts may come from anywhere"


def _hole(thing: str, name: str, source: str, sources: Sequence[str]) -> str:
    """Which hole a word of a directive opens for a thing; empty when it opens none."""
    scripts = thing.startswith("script-src")
    if scripts and source.startswith("'unsafe-"):
        return _unsafe(thing, source.strip("'"), sources)
    # Handlers in attributes come from nowhere; with 'strict-dynamic' a browser looks at no hosts and schemes at all.
    if thing == "script-src-attr" or (scripts and "'strict-dynamic'" in sources):
        return ""
    if _EVERYBODY.fullmatch(source):
        return "hosts"
    made_up = _MADE_UP if scripts else ("data:",) if thing == name == "object-src" else ()
    return source if source in made_up else ""


def _unsafe(thing: str, word: str, sources: Sequence[str]) -> str:
    # A nonce or hash makes browsers ignore 'unsafe-inline': it is there for old ones.
    if word == "unsafe-inline":
        return "" if thing == "script-src" or _trusted(sources) else word
    return word if word == "unsafe-eval" and thing == "script-src" else ""


def _trusted(sources: Sequence[str]) -> bool:
    return any(_SELF_MADE.match(one) for one in sources) or "'strict-dynamic'" in sources


def framed(policies: Sequence[Policy]) -> list[str] | None:
    """Who may frame the page by the strictest policy that says so; None when none does."""
    said = [policy["frame-ancestors"] for policy in policies if "frame-ancestors" in policy]
    return next((one for one in said if not wide(one)), said[0]) if said else None


def wide(sources: Sequence[str]) -> bool:
    """Whether a list of sources lets everybody in."""
    return any(_EVERYBODY.fullmatch(one) for one in sources)
