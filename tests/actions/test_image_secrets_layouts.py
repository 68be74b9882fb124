"""image-secrets: the archives of daemons with containerd's image store, and of docker since it writes OCI layouts."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import composed
import layouts
import pytest
import zstandard
from layouts import Layout, tar
from support import Repository

from deploy_gate import process
from deploy_gate.facts import imagelayout, imagesecrets, imagetar, secret_patterns
from deploy_gate.result import CouldNotTell, Status
from deploy_gate.workbench import packages
from deploy_gate.workbench.dockerd import Docker
from deploy_gate.workbench.server import running

TOKEN = "ghp_" + "q9Zx" * 9
WORD = "marked-Xk29slpQ"
FIRST = tar({"a/key": TOKEN.encode(), "b": b"1"})
SECOND = tar({"a/.wh.key": b"", "srv/.env": f"DB_PASSWORD={WORD}\n".encode()})
THERE = [(1, "a/key", "github-token", 2), (2, "srv/.env", "secret-setting", 0)]
STATEMENT = {"_type": "https://in-toto.io/Statement/v0.1", "predicate": {"args": {"build-arg:A_TOKEN": WORD}}}


def zstd(raw: bytes, **given: Any) -> bytes:
    return zstandard.ZstdCompressor(**given).compress(raw)


def read(raw: bytes) -> imagetar.Contents:
    return imagetar.read(io.BytesIO(raw), imagesecrets._look(secret_patterns.rules()))


def hits(raw: bytes) -> dict[str, list[tuple[int, str, str, int]]]:
    """By platform."""
    return {
        image.platform: [(one.layer, one.path, one.rule, one.gone_in) for one in image.hits]
        for image in read(raw).images
    }


def two_platforms() -> tuple[Layout, bytes]:
    """Both are here, with what the builder attests; of a third only the manifest was fetched, of a fourth nothing."""
    made = Layout()
    here = [made.image([zstd(FIRST), gzip.compress(SECOND)]), made.image([FIRST], "arm64")]
    listed = made.image([zstd(tar({"c": b"2"}))], "s390x")
    document = json.loads(made.content(listed))
    for one in (document["config"], *document["layers"]):
        made.drop(one)
    gone = made.image([tar({"d": b"3"})], "riscv64")
    made.drop(gone)
    return made, made.archive(made.index(*here, listed, gone, made.papers(STATEMENT, {"note": TOKEN})))


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd], ids=["plain", "gzip", "zstd"])
def test_layers_of_an_oci_layout(pack: Any) -> None:
    made = Layout()
    assert hits(made.archive(made.image([pack(FIRST), pack(SECOND)]))) == {"linux/amd64": THERE}


def test_zstd_in_pieces() -> None:
    """Frames one after the other, and such as hold no data, before, between and after."""
    made = Layout()
    table = b"\x5f\x2a\x4d\x18\x04\x00\x00\x00toc!"
    raw = table + table + zstd(FIRST[:700]) + table + zstd(b"") + zstd(FIRST[700:]) + table
    assert hits(made.archive(made.image([raw])))["linux/amd64"] == [(1, "a/key", "github-token", 0)]


def test_every_platform_that_is_here_and_what_is_attested() -> None:
    _, raw = two_platforms()
    assert hits(raw) == {"linux/amd64": THERE, "linux/arm64": [(1, "a/key", "github-token", 0)]}
    found = list(imagesecrets._attested(read(raw), secret_patterns.rules()))
    assert [(one.place, one.rule) for one in found] == [
        ("arg:A_TOKEN", "secret-setting"),
        ("attestation", "github-token"),
    ]


def test_both_documents_of_one_image_are_one_image() -> None:
    made = Layout()
    entry = made.image([FIRST, SECOND])
    manifest = json.loads(made.content(entry))
    names = [layouts.path(one) for one in (manifest["config"], *manifest["layers"])]
    old = json.dumps([{"Config": names[0], "RepoTags": ["shop:1"], "Layers": names[1:]}]).encode()
    assert [len(one.hits) for one in read(made.archive(entry, **{"manifest.json": old})).images] == [2]
    # And where one names an image that the other does not, both are looked at.
    other = made.image([SECOND], "arm64")
    assert hits(made.archive(other, **{"manifest.json": old})) == {
        "linux/arm64": [(1, "srv/.env", "secret-setting", 0)],
        "linux/amd64": THERE,
    }


def test_a_layer_that_begins_like_a_document() -> None:
    made = Layout()
    layer = tar({"[slug]/key": TOKEN.encode()})
    assert hits(made.archive(made.image([layer])))["linux/amd64"] == [(1, "[slug]/key", "github-token", 0)]


def test_the_same_layer_twice_is_a_link_in_the_older_layout() -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        link = tarfile.TarInfo("1/layer.tar")
        link.type, link.linkname = tarfile.SYMTYPE, "../0/layer.tar"
        archive.addfile(link)
    links = stream.getvalue()[:512]
    assert hits(links + layouts.older([FIRST, FIRST], leave_out=1))[""] == [
        (1, "a/key", "github-token", 2),
        (2, "a/key", "github-token", 0),
    ]


# --- what is no answer ---


def no_platform_is_whole(made: Layout) -> bytes:
    entries = [made.image([FIRST], one) for one in ("amd64", "arm64")]
    for one in entries:
        made.drop(json.loads(made.content(one))["config"])
    return made.archive(made.index(*entries))


def its_only_manifest_is_missing(made: Layout) -> bytes:
    entry = made.image([FIRST])
    made.drop(entry)
    return made.archive(entry)


def papers_that_are_not_there(made: Layout) -> bytes:
    entry, papers = made.image([FIRST]), made.papers(STATEMENT)
    made.drop(made.blob(json.dumps(STATEMENT).encode()))
    return made.archive(entry, papers)


def a_layer_that_is_missing(made: Layout) -> bytes:
    entry = made.image([FIRST, SECOND])
    made.drop(made.blob(SECOND))
    return made.archive(entry)


def a_layer_with_another_content(made: Layout) -> bytes:
    entry = made.image([FIRST])
    made.files[layouts.path(made.blob(FIRST))] = SECOND
    return made.archive(entry)


def an_index_in_an_index(made: Layout) -> bytes:
    entry = made.image([FIRST])
    for _ in range(7):
        entry = made.index(entry)
    return made.archive(entry)


def too_much_memory(made: Layout) -> bytes:
    wide = zstandard.ZstdCompressionParameters(window_log=30)
    packer = zstandard.ZstdCompressor(compression_params=wide).compressobj()
    return made.archive(made.image([packer.compress(FIRST) + packer.flush()]))


WHOLE = "the manifest or the settings of the image could not be read"
END = "cannot be read to its end"
CUT = [zstd(FIRST)[:-9], zstd(FIRST)[:40] + b"\0" + zstd(FIRST)[41:], gzip.compress(FIRST)[:-9]]


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (no_platform_is_whole, WHOLE),
        (its_only_manifest_is_missing, WHOLE),
        (lambda made: made.archive(made.papers(STATEMENT)), WHOLE),
        (papers_that_are_not_there, "layer blobs/sha256/"),
        (a_layer_that_is_missing, "layer blobs/sha256/"),
        (a_layer_with_another_content, "has another content than its digest says"),
        (an_index_in_an_index, "has more than 200 entries, or 4 levels"),
        (lambda made: made.archive(*[made.image([FIRST])] * 201), "has more than 200 entries, or 4 levels"),
        (too_much_memory, END),
        *((lambda made, raw=raw: made.archive(made.image([raw])), END) for raw in CUT),
    ],
)
def test_a_layout_that_is_not_whole_is_no_answer(broken: Callable[[Layout], bytes], says: str) -> None:
    with pytest.raises(CouldNotTell) as trouble:
        hits(broken(Layout()))
    assert says in trouble.value.found


@pytest.mark.parametrize(
    "document", [None, 1, [], {}, {"manifests": 1}, {"manifests": [1, {}, {"digest": 1}]}, [{"Layers": None}]]
)
def test_a_document_of_any_shape_is_no_traceback(document: object) -> None:
    with pytest.raises(CouldNotTell):
        imagelayout.images({"index.json": document, "manifest.json": document}, ())


# --- through the check, and by others' hands ---


def test_finds_name_their_platform(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "whole.tar").write_bytes(two_platforms()[1])
    body = f"""case "$1 $2" in
    "version --format") echo 29;;
    "image inspect") echo '[{{"Id": "sha256:1"}}]';;
    "save --") cat {tmp_path}/whole.tar;;
    *) exit 1;;
    esac"""
    composed.pretend_docker(tmp_path / "bin", monkeypatch, body)
    repository.write("compose.yaml", composed.COMPOSE)
    found = composed.run("image-secrets", build="false")
    assert found.status is Status.FAILED
    assert found.found.startswith(
        "5 credentials in 2 images with 3 layers, 6 files, 110 B, the limit is 0: "
        "backend, linux/amd64: a/key in layer 1 of 2 (github-token), gone in layer 2"
    ), found.found
    assert [one["message"] for one in found.evidence][
        -1
    ] == "backend, linux/arm64: a/key in layer 1 of 1 (github-token)"
    assert WORD not in json.dumps(found.as_json())


def test_what_containerd_exports() -> None:
    """It takes the layout that was made here for an image, and writes it as a daemon that keeps images in it does."""
    try:
        server = packages.ensure("containerd")
        client = packages.ensure("ctr")
    except CouldNotTell as fault:
        pytest.skip(f"{fault.found}; {fault.fix}")
    made, _ = two_platforms()
    with tempfile.TemporaryDirectory(prefix="img-") as name:
        folder = Path(name)
        config = f'version = 2\nroot = "{folder}/root"\nstate = "{folder}/state"\n[grpc]\naddress = "{folder}/s"\n'
        (folder / "config.toml").write_text(f'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n{config}')
        images = [made.image([zstd(FIRST), gzip.compress(SECOND)]), made.image([FIRST], "arm64")]
        entry = {**made.index(*images), "annotations": {"io.containerd.image.name": "docker.io/library/shop:1"}}
        (folder / "in.tar").write_bytes(made.archive(entry))

        def ctr(*words: str) -> None:
            done = process.run([client, "--address", str(folder / "s"), *words], timeout=60)
            assert done.code == 0, done.err

        with running([server, "--config", str(folder / "config.toml")], "successfully booted"):
            ctr("images", "import", "--all-platforms", "--no-unpack", str(folder / "in.tar"))
            ctr("images", "export", "--all-platforms", str(folder / "out.tar"), "docker.io/library/shop:1")
        assert hits((folder / "out.tar").read_bytes()) == {
            "linux/amd64": THERE,
            "linux/arm64": [(1, "a/key", "github-token", 0)],
        }


@pytest.mark.long  # installs a builder
def test_what_another_builder_compresses_with_zstd(tmp_path: Path) -> None:
    try:
        program = packages.ensure("buildah")
    except CouldNotTell as fault:
        pytest.skip(f"{fault.found}; {fault.fix}")
    (tmp_path / ".env").write_text(f"DB_PASSWORD={WORD}\n")
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY .env /srv/.env\nLABEL team=shop\n")
    with tempfile.TemporaryDirectory(prefix="img-") as folder:
        common: list[str | Path] = [
            program,
            "--root",
            f"{folder}/a",
            "--runroot",
            f"{folder}/b",
            "--storage-driver",
            "vfs",
        ]
        for words in (
            ["bud", "--isolation", "chroot", "--layers", "--tag", "shop:1", str(tmp_path)],
            ["push", "--compression-format", "zstd", "shop:1", f"oci-archive:{folder}/out.tar"],
        ):
            done = process.run([*common, *words], timeout=120, env={"XDG_RUNTIME_DIR": folder})
            assert done.code == 0, done.err
        raw = Path(folder, "out.tar").read_bytes()
    assert b"\x28\xb5\x2f\xfd" in raw
    assert list(hits(raw).values()) == [[(1, "srv/.env", "secret-setting", 0)]]


def test_the_same_layer_twice_in_a_real_image(repository: Repository, docker: Docker) -> None:
    repository.write("compose.yaml", "name: twice\n" + composed.COMPOSE)
    repository.write(".env", f"DB_PASSWORD={WORD}\n")
    repository.write("Dockerfile", "FROM scratch\nCOPY .env /.env\nCOPY .env /.env\n")
    found = composed.run("image-secrets")
    assert [(one["place"], one["layer"]) for one in found.evidence] == [(".env", 1), (".env", 2)], found.found
