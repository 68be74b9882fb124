"""`list`: what the product can do."""

from __future__ import annotations

from deploy_gate import arguments
from deploy_gate.catalog import Catalog


def run(argv: list[str]) -> int:
    """Print every check and operation with its first sentence."""
    arguments.Parser("list", "List every check and operation.").parse(argv)
    capabilities = Catalog().all()
    width = max((len(one.name) for one in capabilities), default=0)
    for kind in ("check", "operation"):
        print(f"{kind}s")
        for one in capabilities:
            if one.kind == kind:
                print(f"  {one.name:<{width}}  {one.manifest.summary}")
    return 0
