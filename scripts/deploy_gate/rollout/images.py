"""The images of a release, as its manifest names them."""

from __future__ import annotations

from pathlib import Path

from deploy_gate.problems import Misconfigured
from deploy_gate.result import brief
from deploy_gate.rollout import order


def digests(manifest: Path | None) -> str:
    """One `service=digest` a line; empty where no manifest is named, Misconfigured for one that tells no digests."""
    if manifest is None:
        return ""
    if not manifest.is_file():
        step = "correct `manifest`, or see whether the job that builds the images left it"
        raise Misconfigured([f"the manifest {brief(str(manifest), 200)} is not there: {step}"])
    found = order.read(str(manifest)).get("images", {})
    if not isinstance(found, dict) or not all(isinstance(one, str) and "sha256:" in one for one in found.values()):
        named = brief(str(manifest), 200)
        raise Misconfigured([f"the manifest {named} names images without sha256 digests: build it anew"])
    return "\n".join(f"{service}={digest}" for service, digest in sorted(found.items()))
