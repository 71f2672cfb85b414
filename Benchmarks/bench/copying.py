"""Copies between two registries: imglife and its peers in turn, each from the same state."""

import os
import shutil
import subprocess

from . import corpora, measure, peers
from .registry import Registry

SKOPEO_CACHE = "/var/lib/containers/cache"


class Bench:
    """Two registries, the corpora, and the tools that copy."""

    def __init__(self, imglife, work, scale=1.0):
        self.imglife = imglife
        self.work = work
        self.scale = scale
        self.source = Registry(os.path.join(work, "source"))
        self.target = Registry(os.path.join(work, "target"))
        self.caches = 0
        self.cache = os.path.join(work, "cache-0")
        self.made = {}

    def corpus(self, name):
        if name not in self.made:
            count = lambda full: max(2, round(full * self.scale))
            make = {
                "small": lambda: corpora.small(self.source.directory, tags=count(200)),
                "typical": lambda: corpora.typical(self.source.directory, tags=count(40)),
                "big": lambda: corpora.big(self.source.directory, size=count(1024) << 20),
                "layered": lambda: corpora.layered(self.source.directory, size=count(128) << 20),
                "tiny": lambda: corpora.tiny_blobs(self.source.directory),
                "far-small": lambda: corpora.small(self.source.directory, count(20), 8, "far-small"),
                "far-typical": lambda: corpora.typical(self.source.directory, count(10), name="far-typical"),
                "far-large": lambda: corpora.big(self.source.directory, count(200) << 20, "far-large"),
            }[name]
            self.made[name] = make()
        return self.made[name]

    def configuration(self, corpus, targets=("mirror",)):
        return corpora.write_configuration(
            os.path.join(self.work, "imglife.yaml"),
            [(f"{self.source.host}/{corpus.repository}", f"{self.target.host}/{name}/{corpus.name}") for name in targets],
        )

    def forget_cache(self):
        """The next run gets a new directory.

        ext4 searches long for an inode in the seconds after thousands were freed, which whoever creates files next would
        pay for; so only large files are deleted at once, and the small ones at the very end.
        """
        measure.delete_large_files(self.cache)
        self.caches += 1
        self.cache = os.path.join(self.work, f"cache-{self.caches}")

    # One measured run each. The registries' own CPU is told apart: it is the same work for every tool.

    def measured(self, corpus, action, targets=("mirror",)):
        measure.drop_caches()
        self.source.forget_requests()
        self.target.forget_requests()
        before = self.source.cpu() + self.target.cpu()
        sample = action()
        sample.counts["registries_cpu"] = self.source.cpu() + self.target.cpu() - before
        sample.counts["source_requests"], sample.counts["source_bytes"] = self.source.requests()
        sample.counts["target_requests"], _ = self.target.requests()
        for name in targets:
            self.check(corpus, f"{name}/{corpus.name}")
        return sample

    def check(self, corpus, repository):
        """A copy that is not the same is no result."""
        for tag in list(corpus.tags)[:: max(1, len(corpus.tags) // 10)]:
            found = self.target.head(repository, tag)
            if found != corpus.tags[tag]:
                raise SystemExit(f"{repository}:{tag} is {found} at the target instead of {corpus.tags[tag]}")

    def sync(self, parallelism=None):
        environment = {"IMGLIFE_SYNC_PARALLELISM": str(parallelism)} if parallelism else {}
        command = [self.imglife, "--log-level", "error", "--config", os.path.join(self.work, "imglife.yaml")]
        return measure.run(command + ["--cache-dir", self.cache, "sync", "--progress", "none"], env=environment)

    def peer(self, corpus, peer, way, under="mirror"):
        ends = peers.Ends(corpus, self.source.host, self.target.host, self.work, under=under)
        return peer.copy(ends, way)

    def cold(self):
        self.forget_cache()
        shutil.rmtree(SKOPEO_CACHE, ignore_errors=True)
        self.target.wipe()


def cold_copy(bench, name, rounds):
    """All tools onto an empty target with nothing cached, in turn."""
    corpus = bench.corpus(name)

    def ours():
        bench.cold()
        bench.configuration(corpus)
        return bench.measured(corpus, bench.sync)

    def theirs(peer, way):
        bench.cold()
        return bench.measured(corpus, lambda: bench.peer(corpus, peer, way))

    samples, note = peers.compare(corpus, rounds, ours, theirs)
    return {
        "title": f"{name}, cold: {len(corpus.tags)} tags, {len(corpus.blobs)} blobs, {corpus.unique_bytes >> 20} MiB",
        "samples": samples,
        "note": note + ".",
        "unique_bytes": corpus.unique_bytes,
    }


def no_op(bench, rounds):
    """Everything is at the target already, and all tools have run before."""
    corpus = bench.corpus("small")
    bench.cold()
    bench.configuration(corpus)
    bench.sync()
    ours = lambda: bench.measured(corpus, bench.sync)
    theirs = lambda peer, way: bench.measured(corpus, lambda: bench.peer(corpus, peer, way))
    samples, note = peers.compare(corpus, rounds, ours, theirs)
    return {"title": f"no-op: {len(corpus.tags)} tags up to date", "samples": samples, "note": note + "."}


def two_targets(bench, rounds):
    """One upstream, two repositories of the target; the upstream's bytes tell whether it was asked twice."""
    corpus = bench.corpus("typical")
    names = ("mirror", "second")

    def ours():
        bench.cold()
        bench.configuration(corpus, names)
        return bench.measured(corpus, bench.sync, names)

    def theirs(peer, way):
        bench.cold()

        def both():
            first, second = (bench.peer(corpus, peer, way, name) for name in names)
            return measure.Sample(first.wall + second.wall, first.cpu + second.cpu, max(first.rss, second.rss))

        return bench.measured(corpus, both, names)

    samples, note = peers.compare(corpus, rounds, ours, theirs)
    return {
        "title": f"two targets, cold: {len(corpus.tags)} tags, {corpus.unique_bytes >> 20} MiB each",
        "samples": samples,
        "note": f"Peers run twice. {note}.",
        "unique_bytes": corpus.unique_bytes,
    }


def target_emptied(bench, rounds):
    """The target is lost and filled again: imglife from its cache, the others from upstream."""
    corpus = bench.corpus("typical")
    bench.cold()
    bench.configuration(corpus)
    bench.sync()

    def ours():
        bench.target.wipe()
        bench.configuration(corpus)
        return bench.measured(corpus, bench.sync)

    def theirs(peer, way):
        shutil.rmtree(SKOPEO_CACHE, ignore_errors=True)
        bench.target.wipe()
        return bench.measured(corpus, lambda: bench.peer(corpus, peer, way))

    samples, note = peers.compare(corpus, rounds, ours, theirs)
    return {
        "title": f"target emptied, cache warm: {len(corpus.tags)} tags, {corpus.unique_bytes >> 20} MiB",
        "samples": samples,
        "note": note + ".",
        "unique_bytes": corpus.unique_bytes,
    }


def into_cache(bench, rounds):
    """1 GiB from a registry to the disk, verified and fsynced, against `skopeo copy … dir:`."""
    corpus = bench.corpus("big")
    bench.configuration(corpus)
    samples = {"imglife": [], "skopeo": []}
    directory = os.path.join(bench.work, "dir")
    reference = f"{bench.source.host}/{corpus.repository}:1.0"
    for _ in range(rounds):
        bench.forget_cache()
        measure.drop_caches()
        command = [bench.imglife, "--log-level", "error", "--config", os.path.join(bench.work, "imglife.yaml")]
        command += ["--cache-dir", bench.cache, "export", "-o", "-", "--progress", "none", reference]
        samples["imglife"].append(measure.run(command))
        shutil.rmtree(directory, ignore_errors=True)
        measure.drop_caches()
        samples["skopeo"].append(
            measure.run(["skopeo", "copy", "--quiet", "--src-tls-verify=false", f"docker://{reference}", f"dir:{directory}"])
        )
    shutil.rmtree(directory, ignore_errors=True)
    return {
        "title": "1 GiB into the cache alone (imglife export to a pipe that drops it; skopeo copy to dir:)",
        "samples": samples,
        "peer": "skopeo copy dir:",
    }


def parallelism(bench, name="small"):
    """Wall time by the number of images at a time."""
    corpus = bench.corpus(name)
    points = []
    for width in (1, 2, 4, 8, 16, 32, 64):
        bench.cold()
        bench.configuration(corpus)
        sample = bench.measured(corpus, lambda: bench.sync(width))
        points.append({"x": width, "wall": sample.wall, "cpu": sample.cpu, "rss": sample.rss})
    return {"title": f"{name}, cold, by IMGLIFE_SYNC_PARALLELISM", "x": "images at a time", "points": points}


def versions():
    def first_line(command):
        answer = subprocess.run(command, capture_output=True, text=True)
        return (answer.stdout + answer.stderr).strip().splitlines()[0]

    def peer(name):
        line = first_line([name, "version"]).removeprefix("Version:").strip()
        return f"{name} {line}" if any(character.isdigit() for character in line) else f"{name} of unknown version"

    return {name: peer(name) for name in ("crane", "oras", "regsync") if shutil.which(name)} | {
        "skopeo": first_line(["skopeo", "--version"]),
        "docker-registry": first_line(["docker-registry", "--version"]),
        "nginx": first_line(["nginx", "-v"]),
        "openssl": first_line(["openssl", "version"]),
        "tar": first_line(["tar", "--version"]),
    }
