"""An address serves a valid OpenAPI 3 document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from deploy_gate.catalog import About
from deploy_gate.facts import accounts, site
from deploy_gate.facts.http import Answer
from deploy_gate.problems import Misconfigured
from deploy_gate.result import Evidence, Result, brief, failed, passed
from deploy_gate.units import Duration, Size, counted, show_size

ABOUT = About(reads=site.READS, locks=("openapi",), timeout=120)

MOST = 20_000_000
MAX_DEPTH = 60
MAX_NODES = 1_000_000
SHOWN = 50
_KNOWN = ("https://spec.openapis.org/", "https://json-schema.org/")
_VERSION = re.compile(r"3\.[01]\.\d{1,3}(-\S{1,20})?")


@dataclass(frozen=True, slots=True)
class Facts:
    """The document's version and size, how many paths it describes, and every fault with its place."""

    where: str
    version: str
    size: int
    paths: int
    faults: tuple[str, ...]


def check(*, url: str, max_size: Size, min_paths: int, timeout: Duration) -> Result:
    """Fetch the document, look for what would lead outside of it, and validate it."""
    validate(url=url, max_size=max_size, min_paths=min_paths)
    answer = site.of(url, timeout=timeout, budget=1).ask(url, limit=max_size)
    site.judgeable(answer, "the document")
    return judge(_facts(answer, max_size), min_paths)


def validate(*, url: str, max_size: int, min_paths: int, **_: object) -> None:
    """Misconfigured for what can be known wrong before anything is asked."""
    site.of(url, timeout=1, budget=1)
    if not 1000 <= max_size <= MOST:
        raise Misconfigured([f"input 'max-size' is {show_size(max_size)}, expected 1 kB to {show_size(MOST)}"])
    if min_paths < 1:
        raise Misconfigured([f"input 'min-paths' is {min_paths}, expected 1 or more: an empty document proves nothing"])


def _facts(answer: Answer, max_size: int) -> Facts:
    where, size = answer.address.shown, len(answer.body)
    if answer.status != 200:
        return Facts(where, "", size, 0, (f"it answered {answer.status}, expected 200",))
    if not answer.whole:
        return Facts(where, "", size, 0, (f"it is larger than {show_size(max_size)}, the limit",))
    data = accounts.data(answer)
    if not isinstance(data, dict):
        return Facts(where, "", size, 0, ("it is no JSON object",))
    version, paths = str(data.get("openapi", "")), data.get("paths")
    if not _VERSION.fullmatch(version):
        told = f"`openapi` is {brief(version) or 'missing'}, expected 3.0 or 3.1"
        return Facts(where, "", size, 0, (told,))
    faults = tuple(_outside(data)) or tuple(_invalid(data))
    return Facts(where, version, size, len(paths) if isinstance(paths, dict) else 0, faults)


def _outside(data: Any) -> Iterator[str]:
    """References that lead out of the document, and a shape that no validator should be given."""
    waiting: list[tuple[Any, int]] = [(data, 0)]
    nodes = 0
    while waiting:
        value, depth = waiting.pop()
        nodes += 1
        if depth > MAX_DEPTH or nodes > MAX_NODES:
            yield f"it is nested deeper than {MAX_DEPTH} levels or has more than {MAX_NODES} values, the limits"
            return
        if isinstance(value, dict):
            reference = value.get("$ref")
            if isinstance(reference, str) and not reference.startswith("#"):
                yield f"a reference leads to {brief(reference)}, outside of the document; it is not fetched"
            # Their own base, or another dialect, would be fetched too.
            for key in ("$id", "$schema", "$dynamicRef", "jsonSchemaDialect"):
                text = value.get(key)
                if isinstance(text, str) and "://" in text and not text.startswith(_KNOWN):
                    yield f"{key} names {brief(text)}, outside of the document; it is not fetched"
            waiting += [(one, depth + 1) for one in value.values()]
        elif isinstance(value, list):
            waiting += [(one, depth + 1) for one in value]


def _invalid(data: Any) -> Iterator[str]:
    from openapi_spec_validator import OpenAPIV30SpecValidator, OpenAPIV31SpecValidator

    kind = OpenAPIV30SpecValidator if str(data["openapi"]).startswith("3.0") else OpenAPIV31SpecValidator
    try:
        for number, fault in enumerate(kind(data).iter_errors()):
            if number >= SHOWN:
                return
            place = "/".join(str(step) for step in fault.absolute_path)
            yield f"{brief(place) + ': ' if place else ''}{brief(str(fault.message), 200)}"
    except RecursionError:
        yield "it refers to itself without end"
    except Exception as fault:  # noqa: BLE001 - the validator trips over documents that are broken enough
        yield f"it cannot be validated: {brief(f'{type(fault).__name__}: {fault}', 200)}"


def judge(facts: Facts, min_paths: int) -> Result:
    """Without a fault, and with enough in it."""
    evidence: list[Evidence] = [{"message": one} for one in facts.faults]
    more = {"target": 0, "measured": len(facts.faults), "evidence": evidence}
    if facts.faults:
        many = f"{len(facts.faults)} faults, none is allowed: " if len(facts.faults) > 1 else ""
        found = f"{facts.where} is no valid OpenAPI document: {many}{'; '.join(facts.faults[:2])}"
        return failed(found, "correct the application's models and routes, or what is served at this address", **more)
    told = f"{facts.where}: OpenAPI {facts.version}, {counted(facts.paths, 'path')}, {show_size(facts.size)}"
    if facts.paths < min_paths:
        return failed(f"{told}, expected {min_paths} or more paths", "see why the routes are not in it", **more)
    return passed(f"{told}, valid", **more)
