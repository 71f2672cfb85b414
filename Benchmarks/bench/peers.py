"""Other tools that copy: skopeo always; crane, oras and regsync where they are on PATH."""

import json
import os
import shutil
import sys

from . import measure


class Ends:
    """Where a copy goes from and to: hosts, repositories, which of the two speak TLS, and whom to trust for that."""

    def __init__(self, corpus, source, target, work, secure=(False, False), authority=None, under="mirror"):
        self.corpus = corpus
        self.work = work
        self.secure = secure
        self.authority = authority
        self.hosts = (source, target)
        self.source = f"{source}/{corpus.repository}"
        self.target = f"{target}/{under}/{corpus.name}"

    @property
    def environment(self):
        """What makes programs in Go trust the authority."""
        return {"SSL_CERT_FILE": self.authority} if self.authority else {}

    def each_tag(self, command, processes):
        """One process a tag, several at a time; `@` stands for the tag."""
        script = f"printf '%s\\n' \"$TAGS\" | xargs -P {processes} -I @ {command}"
        return measure.run(["sh", "-c", script], env=self.environment | {"TAGS": "\n".join(self.corpus.tags)})


class Skopeo:
    """One process a tag, several at a time, or all tags in one process, one after the other."""

    name = "skopeo"
    ways = ("sync", "2", "4", "8")
    # One tag after the other waits for most round trips, and is never the best over distance.
    far_ways = ("8", "16")

    def describe(self, way):
        return "skopeo sync" if way == "sync" else f"skopeo copy, {way} at a time"

    def copy(self, ends, way):
        insecure = "--src-tls-verify=false --dest-tls-verify=false"
        if way == "sync":
            command = ["skopeo", "sync", "--all", "--src", "docker", "--dest", "docker"] + insecure.split()
            return measure.run(command + [ends.source, ends.target.rpartition("/")[0]])
        return ends.each_tag(f"skopeo copy --quiet --all {insecure} docker://{ends.source}:@ docker://{ends.target}:@", way)


class Oras:
    """One process a tag, several at a time."""

    name = "oras"
    ways = ("2", "4", "8")
    far_ways = ("8", "16")

    def describe(self, way):
        return f"oras cp, {way} at a time"

    def copy(self, ends, way):
        plain = " ".join(f"--{side}-plain-http" for side, secure in zip(("from", "to"), ends.secure) if not secure)
        return ends.each_tag(f"oras cp --no-tty --concurrency 8 {plain} {ends.source}:@ {ends.target}:@", way)


class Crane:
    """A whole repository in one process."""

    name = "crane"
    ways = far_ways = ("4", "16", "64")

    def describe(self, way):
        return f"crane copy --all-tags --jobs {way}"

    def copy(self, ends, way):
        command = ["crane", "copy", "--all-tags", "--jobs", way, ends.source, ends.target]
        return measure.run(command, env=ends.environment)


class Regsync:
    """A whole repository in one process, as its configuration says it."""

    name = "regsync"
    ways = far_ways = ("4", "16", "64")

    def describe(self, way):
        return f"regsync once, {way} at a time"

    def copy(self, ends, way):
        credentials = [
            {"registry": host, "tls": "enabled" if secure else "disabled", "reqConcurrent": int(way)}
            for host, secure in zip(ends.hosts, ends.secure)
        ]
        document = {
            "version": 1,
            "creds": credentials,
            "defaults": {"parallel": int(way)},
            "sync": [{"source": ends.source, "target": ends.target, "type": "repository"}],
        }
        path = os.path.join(ends.work, "regsync.yaml")
        with open(path, "w") as file:
            json.dump(document, file)
        return measure.run(["regsync", "--config", path, "once"], env=ends.environment)


def present():
    """The peers that this machine has."""
    return [peer for peer in (Skopeo(), Crane(), Oras(), Regsync()) if shutil.which(peer.name)]


def compare(corpus, rounds, ours, theirs, far=False):
    """imglife and the peers in turn, A B C A B C, each peer at the fastest of its ways, which are tried once each.

    `ours()` is one run of imglife, `theirs(peer, way)` one of a peer. Returns the samples of each, and what the ways took.
    """
    chosen, notes = [], []
    for peer in present():
        timings = {}
        ways = peer.far_ways if far else peer.ways
        # A single tag leaves nothing to do beside it: the ways do not differ.
        for way in ways if len(corpus.tags) > 1 else ways[-1:]:
            try:
                timings[way] = theirs(peer, way).wall
                notes.append(f"{peer.describe(way)} {timings[way]:.2f} s")
            except measure.Failed as failure:
                print(failure, file=sys.stderr, flush=True)
                notes.append(f"{peer.describe(way)} failed")
        if timings:
            chosen.append((peer, min(timings, key=timings.get)))
    samples = {"imglife": []} | {peer.describe(way): [] for peer, way in chosen}
    for _ in range(rounds):
        samples["imglife"].append(ours())
        for peer, way in chosen:
            samples[peer.describe(way)].append(patiently(lambda: theirs(peer, way)))
    return samples, "Each peer's ways, once each: " + ", ".join(notes)


def patiently(action, tries=5):
    """docker-registry answers 500 when one blob is sent to it twice at the same time; such a run is made again."""
    for left in reversed(range(tries)):
        try:
            return action()
        except measure.Failed as failure:
            print(failure, file=sys.stderr, flush=True)
            if not left:
                raise
