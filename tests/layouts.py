"""Images as an OCI layout, as builders and daemons with containerd's store write them, and the archives of old."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from typing import Any

OCI = "application/vnd.oci.image."


def tar(files: Mapping[str, bytes]) -> bytes:
    """An archive of files."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, raw in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(raw)
            archive.addfile(member, io.BytesIO(raw))
    return stream.getvalue()


def older(layers: list[bytes], config: Mapping[str, Any] | None = None, leave_out: int = -1) -> bytes:
    """What `docker save` of old printed."""
    names = [f"{number}/layer.tar" for number in range(len(layers))]
    manifest = [{"Config": "c.json", "Layers": names}]
    files = {"c.json": json.dumps(config or {"rootfs": {}}).encode()}
    files |= {name: raw for number, (name, raw) in enumerate(zip(names, layers, strict=True)) if number != leave_out}
    return tar({**files, "manifest.json": json.dumps(manifest).encode()})


def path(descriptor: Mapping[str, Any]) -> str:
    """Where the content of a descriptor lies."""
    return f"blobs/{descriptor['digest'].replace(':', '/')}"


class Layout:
    """Blobs by their digests."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def blob(self, raw: bytes, kind: str = "") -> dict[str, Any]:
        """Keep it; returns its descriptor."""
        digest = hashlib.sha256(raw).hexdigest()
        self.files[f"blobs/sha256/{digest}"] = raw
        return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(raw)}

    def json(self, content: Mapping[str, Any], kind: str) -> dict[str, Any]:
        """Keep a document."""
        return self.blob(json.dumps({"mediaType": kind, **content}).encode(), kind)

    def image(self, layers: Sequence[bytes], architecture: str = "amd64", **settings: Any) -> dict[str, Any]:
        """An image for a platform."""
        platform = {"os": "linux", "architecture": architecture}
        config = self.json({**platform, "rootfs": {"type": "layers"}, **settings}, OCI + "config.v1+json")
        kind = {b"\x1f\x8b": "+gzip", b"\x28\xb5": "+zstd"}
        listed = [self.blob(raw, OCI + "layer.v1.tar" + kind.get(raw[:2], "")) for raw in layers]
        manifest = {"schemaVersion": 2, "config": config, "layers": listed}
        return {**self.json(manifest, OCI + "manifest.v1+json"), "platform": platform}

    def papers(self, *statements: Mapping[str, Any]) -> dict[str, Any]:
        """What a builder attests, beside the images."""
        layers = [self.blob(json.dumps(one).encode(), "application/vnd.in-toto+json") for one in statements]
        config = self.json({"os": "unknown", "architecture": "unknown"}, OCI + "config.v1+json")
        manifest = {"schemaVersion": 2, "config": config, "layers": layers}
        return {
            **self.json(manifest, OCI + "manifest.v1+json"),
            "platform": {"os": "unknown", "architecture": "unknown"},
            "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
        }

    def index(self, *entries: Mapping[str, Any]) -> dict[str, Any]:
        """Several in one."""
        return self.json({"schemaVersion": 2, "manifests": list(entries)}, OCI + "index.v1+json")

    def drop(self, descriptor: Mapping[str, Any]) -> None:
        """Take away what a descriptor names."""
        del self.files[path(descriptor)]

    def content(self, descriptor: Mapping[str, Any]) -> bytes:
        """What a descriptor names."""
        return self.files[path(descriptor)]

    def archive(self, *entries: Mapping[str, Any], **more: bytes) -> bytes:
        """The whole; `index.json` comes last, as daemons write it."""
        index = {"schemaVersion": 2, "manifests": list(entries)}
        ends = {"index.json": json.dumps(index).encode(), "oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}
        return tar({**self.files, **ends, **more})
