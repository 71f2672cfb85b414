"""The images that are copied: the same bytes in every run, made from a seed."""

import gzip
import json
import os
import random

from .registry import Storage

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


class Corpus:
    """One repository: its tags, its different bytes, its blobs."""

    def __init__(self, name, directory):
        self.name = name
        self.repository = f"bench/{name}"
        self.storage = Storage(directory, self.repository)
        self.tags = {}
        self.blobs = {}

    @property
    def unique_bytes(self):
        return sum(self.blobs.values())

    def add_blob(self, data):
        digest, size = self.storage.blob(data)
        self.blobs[digest] = size
        return {"mediaType": LAYER, "digest": digest, "size": size}

    def add_layer(self, data):
        """Random bytes as a real gzip stream: skopeo looks at the bytes, and compresses what is not compressed."""
        return self.add_blob(gzip.compress(data, compresslevel=0, mtime=0))

    def add_manifest(self, document, tag=None):
        digest, size = self.storage.manifest(document, tag)
        self.blobs[digest] = size
        if tag:
            self.tags[tag] = digest
        return digest, size

    def image(self, layers, architecture, tag=None, salt=""):
        config = self.add_blob(
            json.dumps(
                {
                    "architecture": architecture,
                    "os": "linux",
                    "created": "2026-01-01T00:00:00Z",
                    "config": {"Env": [f"SALT={salt}"]},
                    "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]},
                }
            ).encode()
        )
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": dict(config, mediaType=CONFIG),
            "layers": layers,
        }
        return self.add_manifest(document, tag)


def small(directory, tags=200, layers=12, name="small"):
    """Many small layers, none shared: what a registry's round trips cost."""
    corpus = Corpus(name, directory)
    source = random.Random(1)
    for number in range(tags):
        stack = [corpus.add_layer(source.randbytes(source.randint(4 << 10, 64 << 10))) for _ in range(layers)]
        corpus.image(stack, "amd64", tag=f"1.{number}.0", salt=str(number))
    return corpus


def typical(directory, tags=40, own=3, shared=5, name="typical"):
    """Releases for two platforms on a few bases: most layers are shared, some tags are new bytes."""
    corpus = Corpus(name, directory)
    source = random.Random(2)
    bases = {}
    for number in range(tags):
        children = []
        for architecture in ("amd64", "arm64"):
            key = (architecture, number // 10)
            if key not in bases:
                bases[key] = [corpus.add_layer(source.randbytes(source.randint(1 << 20, 6 << 20))) for _ in range(shared)]
            stack = bases[key] + [
                corpus.add_layer(source.randbytes(source.randint(32 << 10, 768 << 10))) for _ in range(own)
            ]
            digest, size = corpus.image(stack, architecture, salt=f"{number}{architecture}")
            children.append(
                {
                    "mediaType": MANIFEST,
                    "digest": digest,
                    "size": size,
                    "platform": {"architecture": architecture, "os": "linux"},
                }
            )
        corpus.add_manifest({"schemaVersion": 2, "mediaType": INDEX, "manifests": children}, tag=f"3.{number}")
    return corpus


def big(directory, size=1 << 30, name="big"):
    """One layer of incompressible bytes that no tool has a reason to compress again."""
    corpus = Corpus(name, directory)
    digest, size = corpus.storage.big_blob(size)
    corpus.blobs[digest] = size
    corpus.image([{"mediaType": LAYER, "digest": digest, "size": size}], "amd64", tag="1.0")
    corpus.layer = digest
    return corpus


def layered(directory, layers=8, size=128 << 20):
    """Large layers that several processors can share: one blob can only be hashed by one."""
    corpus = Corpus("layered", directory)
    stack = []
    for _ in range(layers):
        digest, length = corpus.storage.big_blob(size)
        corpus.blobs[digest] = length
        stack.append({"mediaType": LAYER, "digest": digest, "size": length})
    corpus.image(stack, "amd64", tag="1.0")
    return corpus


def tiny_blobs(directory, count=1000, size=4096):
    """Blobs of 4 KiB in one image's layers, for requests per second."""
    corpus = Corpus("tiny", directory)
    source = random.Random(3)
    stack = [corpus.add_blob(source.randbytes(size)) for _ in range(count)]
    corpus.image(stack, "amd64", tag="1.0")
    corpus.layers = [layer["digest"] for layer in stack]
    return corpus


def write_configuration(path, entries, extra=""):
    """An imglife.yaml with (source, target) pairs that copies every tag."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write("sync:\n  entries:\n")
        for source, target in entries:
            file.write(f"    - source: {source}\n      tag_regex: '.'\n      target: {target}\n")
        file.write(extra)
    return path
