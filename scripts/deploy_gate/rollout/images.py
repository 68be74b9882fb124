"""The images of a release, as its manifest names them."""

from __future__ import annotations

import re
from pathlib import Path

from deploy_gate.problems import Misconfigured
from deploy_gate.result import brief
from deploy_gate.rollout import order

_SERVICE = re.compile(r"[\w-]{1,60}")
_DIGEST = re.compile(r"(?:[\w./:-]+@)?sha256:[0-9a-f]{64}")


def digests(manifest: Path | None) -> str:
    """One `service=digest` a line; empty where no manifest is named, Misconfigured for one that tells no digests."""
    if manifest is None:
        return ""
    if not manifest.is_file():
        step = "correct `manifest`, or see whether the job that builds the images left it"
        raise Misconfigured([f"the manifest {brief(str(manifest), 200)} is not there: {step}"])
    found = order.read(str(manifest)).get("images", {})
    if not isinstance(found, dict) or not all(_names(*one) for one in found.items()):
        named = brief(str(manifest), 200)
        raise Misconfigured([f"the manifest {named} names images otherwise than `service: sha256:…`: build it anew"])
    return "\n".join(f"{service}={digest}" for service, digest in sorted(found.items()))


def _names(service: str, digest: object) -> bool:
    """As the servers take it: a line that holds more than one image could stand for two manifests."""
    return bool(_SERVICE.fullmatch(service)) and isinstance(digest, str) and bool(_DIGEST.fullmatch(digest))
