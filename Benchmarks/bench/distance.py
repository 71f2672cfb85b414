"""Copies with a registry far away: round trips, a rate for each connection, TLS as in life."""

import os
import subprocess
import sys

from . import corpora, measure, peers
from .registry import free_port, wait_for_port

ROUND_TRIPS = (0.02, 0.08, 0.2)
LINK_RATE = 100e6
LINK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "link.py")


class Far:
    """A registry behind a line; it has the registry's interface as far as a configuration needs it."""

    def __init__(self, bench, registry, rtt, connection_rate=0):
        self.registry = registry
        self.port = free_port()
        certificate, key = certificates(bench.work)
        command = [sys.executable, LINK, str(self.port), str(registry.port), "--rtt", str(rtt)]
        command += ["--connection-rate", str(connection_rate), "--link-rate", str(LINK_RATE)]
        self.process = subprocess.Popen(command + ["--certificate", certificate, "--key", key])
        self.ca_file = certificate
        wait_for_port(self.port, self.process)

    @property
    def host(self):
        return f"127.0.0.1:{self.port}"

    def stop(self):
        self.process.kill()
        self.process.wait()


def certificates(work):
    certificate, key = os.path.join(work, "far.crt"), os.path.join(work, "far.key")
    if not os.path.exists(certificate):
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
        subprocess.run(command + ["-keyout", key, "-out", certificate], check=True, capture_output=True)
    return certificate, key


class Route:
    """Where a copy goes from and to; either end may be far."""

    def __init__(self, bench, rtt, far, connection_rate=0):
        self.bench = bench
        self.lines = []
        self.source = self.end(bench.source, "source" in far, rtt, connection_rate)
        self.target = self.end(bench.target, "target" in far, rtt, connection_rate)

    def end(self, registry, is_far, rtt, connection_rate):
        if not is_far:
            return registry
        self.lines.append(Far(self.bench, registry, rtt, connection_rate))
        return self.lines[-1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for line in self.lines:
            line.stop()

    def sync(self, corpus):
        extra = "registries:\n" + "".join(f"  '{line.host}': {{ca_file: {line.ca_file}}}\n" for line in self.lines)
        configuration = corpora.write_configuration(
            os.path.join(self.bench.work, "far.yaml"),
            [(f"{self.source.host}/{corpus.repository}", f"{self.target.host}/mirror/{corpus.name}")],
            extra,
        )
        command = [self.bench.imglife, "--log-level", "error", "--config", configuration, "--cache-dir", self.bench.cache]
        return measure.run(command + ["sync", "--progress", "none"])

    def peer(self, corpus, peer, way):
        secure = (self.source in self.lines, self.target in self.lines)
        authority = certificates(self.bench.work)[0]
        ends = peers.Ends(corpus, self.source.host, self.target.host, self.bench.work, secure, authority)
        return peer.copy(ends, way)


def far_copy(bench, name, rounds, rtt, far, connection_rate=0, warm=False):
    """imglife and its peers in turn, each at its best; the target is emptied on its own side of the line, its address stays."""
    corpus = bench.corpus(name)

    def once(action):
        if not warm:
            bench.cold()
        with Route(bench, rtt, far, connection_rate) as route:
            return bench.measured(corpus, lambda: action(route))

    if warm:
        bench.cold()
        bench.configuration(corpus)
        bench.sync()
    # Who else uses the processors makes every figure worse, of the fastest most.
    load = os.getloadavg()[0]
    samples, note = peers.compare(
        corpus,
        rounds,
        lambda: once(lambda route: route.sync(corpus)),
        lambda peer, way: once(lambda route: route.peer(corpus, peer, way)),
        far=True,
    )
    ends = " and ".join(far)
    rate = f", {connection_rate / 1e6:.0f} MB/s a connection" if connection_rate else ""
    return {
        "title": f"{'no-op, ' if warm else ''}{name}, {ends} at {rtt * 1000:.0f} ms{rate}: {len(corpus.tags)} tags, TLS",
        "samples": samples,
        "note": f"{note}. Load of the machine before: {load:.1f}",
    }


ENDS = {"source": ("source",), "target": ("target",), "both": ("source", "target")}


def case(*arguments, **options):
    return lambda bench, rounds: [far_copy(bench, arguments[0], rounds, *arguments[1:], **options)]


def cases():
    """By name; each takes less than some minutes."""
    named = {}
    for rtt in ROUND_TRIPS:
        name = f"distance-{rtt * 1000:.0f}"
        for end, far in ENDS.items():
            named[f"{name}-{end}"] = case("far-small", rtt, far)
        named[f"{name}-typical"] = case("far-typical", rtt, ENDS["source"])
        named[f"{name}-no-op"] = case("far-small", rtt, ENDS["both"], warm=True)
    named["distance-large"] = case("far-large", 0.08, ENDS["source"], connection_rate=6e6)
    return named


CASES = cases()
