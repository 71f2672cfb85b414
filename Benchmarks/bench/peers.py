"""Other tools that copy: skopeo always, crane and regsync where they are on PATH."""

import json
import os
import shutil

from . import measure


class Ends:
    """Where a copy goes from and to: hosts, repositories, and the authority that both are to be trusted by."""

    def __init__(self, corpus, source, target, work, authority=None):
        self.corpus = corpus
        self.work = work
        self.authority = authority
        self.hosts = (source, target)
        self.source = f"{source}/{corpus.repository}"
        self.target = f"{target}/mirror/{corpus.name}"

    @property
    def environment(self):
        """What makes programs in Go trust the authority."""
        return {"SSL_CERT_FILE": self.authority} if self.authority else {}


class Skopeo:
    """One process a tag, several at a time, or all tags in one process, one after the other."""

    name = "skopeo"
    ways = ("sync", "2", "4", "8")
    # One tag after the other waits for most round trips, and is never the best over distance.
    far_ways = ("8", "16")

    def describe(self, way):
        return "skopeo sync" if way == "sync" else f"skopeo copy, {way} at a time"

    def copy(self, ends, way):
        if way == "sync":
            command = ["skopeo", "sync", "--all", "--src", "docker", "--dest", "docker", "--src-tls-verify=false"]
            return measure.run(command + ["--dest-tls-verify=false", ends.source, ends.target.rpartition("/")[0]])
        script = (
            f"printf '%s\\n' \"$TAGS\" | xargs -P {way} -I @ skopeo copy --quiet --all --src-tls-verify=false "
            f"--dest-tls-verify=false docker://{ends.source}:@ docker://{ends.target}:@"
        )
        return measure.run(["sh", "-c", script], env={"TAGS": "\n".join(ends.corpus.tags)})


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
        tls = "enabled" if ends.authority else "disabled"
        credentials = [{"registry": host, "tls": tls, "reqConcurrent": int(way)} for host in ends.hosts]
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
    return [peer for peer in (Skopeo(), Crane(), Regsync()) if shutil.which(peer.name)]


def best(peer, ways, copy):
    """The fastest of a peer's ways, each tried once with `copy`; and what each took."""
    timings = {}
    for way in ways:
        try:
            timings[way] = copy(way).wall
        except measure.Failed as failure:
            # docker-registry answers 500 when one blob is sent to it twice at the same time.
            print(f"{peer.describe(way)}: {failure}", flush=True)
    return (min(timings, key=timings.get), timings) if timings else (None, timings)
