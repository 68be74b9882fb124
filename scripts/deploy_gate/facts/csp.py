"""What a Content-Security-Policy (CSP level 3) leaves open to a script that somebody else has put into a page."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

Policy = dict[str, list[str]]
_WIDE = {"*", "http:", "https:", "http://*", "https://*"}
_SELF_MADE = re.compile(r"'(nonce-|sha(256|384|512)-)")


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
    return [hole for hole in each[0] if all(hole in other for other in each)] if each else []


def _holes(policy: Policy, allowed: Collection[str]) -> list[str]:
    scripts = policy.get("script-src", policy.get("default-src"))
    if scripts is None:
        return ["no default-src and no script-src: scripts may come from anywhere"]
    found = (
        [] if "default-src" in policy else ["no default-src: what has no directive of its own may come from anywhere"]
    )
    name = "script-src" if "script-src" in policy else "default-src"
    # A nonce or hash makes browsers ignore 'unsafe-inline': it is there for old ones.
    harmless = {*allowed, *(["unsafe-inline"] if _trusted(scripts) else [])}
    words = [one for one in ("unsafe-inline", "unsafe-eval") if f"'{one}'" in scripts and one not in harmless]
    found += [f"{name} allows '{word}'" for word in words]
    # With 'strict-dynamic' a browser does not look at hosts and schemes at all.
    wide = [] if "'strict-dynamic'" in scripts else [one for one in scripts if one in _WIDE or one == "data:"]
    found += [f"{name} allows {one}, which is everybody" for one in wide if one not in allowed]
    general = [one for one in policy.get("default-src", []) if one in _WIDE and one not in allowed]
    if name != "default-src":
        found += [f"default-src allows {one}, which is everybody" for one in general]
    return found


def _trusted(sources: Sequence[str]) -> bool:
    return any(_SELF_MADE.match(one) for one in sources) or "'strict-dynamic'" in sources


def framed(policies: Sequence[Policy]) -> list[str] | None:
    """Who may frame the page by the strictest policy that says so; None when none does."""
    said = [policy["frame-ancestors"] for policy in policies if "frame-ancestors" in policy]
    return next((one for one in said if not set(one) & _WIDE), said[0]) if said else None


def wide(sources: Sequence[str]) -> bool:
    """Whether a list of sources lets everybody in."""
    return bool(set(sources) & _WIDE)
