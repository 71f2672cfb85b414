"""The cache served, beside nginx (sendfile) and docker-registry over the same bytes."""

import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time

from . import measure
from .registry import free_port, wait_for_port

NGINX = """
worker_processes 2;
pid {work}/nginx.pid;
error_log {work}/nginx.err;
events {{ worker_connections 2048; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;
  client_body_temp_path {work}/nginx-temp; proxy_temp_path {work}/nginx-temp; fastcgi_temp_path {work}/nginx-temp;
  uwsgi_temp_path {work}/nginx-temp; scgi_temp_path {work}/nginx-temp;
  default_type application/octet-stream;
  server {{ listen 127.0.0.1:{port}; root {work}/www; }}
  server {{ listen 127.0.0.1:{tls} ssl; ssl_certificate {work}/tls.crt; ssl_certificate_key {work}/tls.key;
           ssl_protocols TLSv1.2 TLSv1.3; root {work}/www; }}
}}
"""


class Servers:
    """imglife, nginx and docker-registry, each holding the same blobs under the same path."""

    def __init__(self, bench):
        self.bench = bench
        self.work = tempfile.mkdtemp(prefix="serve-", dir=bench.work)
        self.children = []

    def start(self):
        bench, work = self.bench, self.work
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2"]
            + ["-keyout", f"{work}/tls.key", "-out", f"{work}/tls.crt"],
            check=True,
            capture_output=True,
        )
        self.fill_cache()
        self.plain, self.tls = {}, {}
        self.start_nginx()
        self.start_imglife()
        self.plain["docker-registry"] = bench.source.port
        self.pids = {
            "imglife": [self.imglife.pid],
            "nginx": self.nginx_workers(),
            "docker-registry": [bench.source.process.pid],
        }

    def fill_cache(self):
        bench = self.bench
        bench.target.wipe()
        for name in ("big", "tiny"):
            bench.configuration(bench.corpus(name))
            bench.sync()

    def path(self, corpus, digest):
        return f"/v2/{self.prefix(corpus)}/blobs/{digest}"

    def prefix(self, corpus):
        return f"{corpus.repository}"

    def start_nginx(self):
        work = self.work
        for corpus, digests in (("big", [self.bench.corpus("big").layer]), ("tiny", self.bench.corpus("tiny").layers)):
            directory = f"{work}/www/v2/{self.bench.corpus(corpus).repository}/blobs"
            os.makedirs(directory)
            for digest in digests:
                os.symlink(os.path.join(self.bench.cache, "blobs", *digest.split(":")), f"{directory}/{digest}")
        os.chmod(self.bench.work, 0o755)
        os.chmod(work, 0o755)
        self.plain["nginx"], self.tls["nginx"] = free_port(), free_port()
        with open(f"{work}/nginx.conf", "w") as file:
            # The cache is private to its owner, so the workers must be that owner.
            owner = "user root;\n" if os.getuid() == 0 else ""
            file.write(owner + NGINX.format(work=work, port=self.plain["nginx"], tls=self.tls["nginx"]))
        self.nginx = subprocess.Popen(["nginx", "-c", f"{work}/nginx.conf", "-g", "daemon off;"])
        self.children.append(self.nginx)
        wait_for_port(self.plain["nginx"], self.nginx)

    def nginx_workers(self):
        listing = subprocess.run(["pgrep", "-P", str(self.nginx.pid)], capture_output=True, text=True)
        return [int(pid) for pid in listing.stdout.split()]

    def start_imglife(self):
        self.plain["imglife"], self.tls["imglife"] = free_port(), free_port()
        common = [self.bench.imglife, "--log-level", "error", "--config", os.path.join(self.bench.work, "imglife.yaml")]
        common += ["--cache-dir", self.bench.cache, "serve", "--max-connections", "2000"]
        self.imglife = subprocess.Popen(common + ["--listen", f"127.0.0.1:{self.plain['imglife']}"])
        secure = ["--tls-cert", f"{self.work}/tls.crt", "--tls-key", f"{self.work}/tls.key"]
        over_tls = subprocess.Popen(common + ["--listen", f"127.0.0.1:{self.tls['imglife']}"] + secure)
        self.tls_pid = over_tls.pid
        self.children += [self.imglife, over_tls]
        wait_for_port(self.plain["imglife"], self.imglife)
        wait_for_port(self.tls["imglife"], over_tls)

    def stop(self):
        for child in self.children:
            child.send_signal(signal.SIGTERM)
        for child in self.children:
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    def cpu(self, server):
        return sum(measure.process_cpu(pid) for pid in self.pids[server])

    def url(self, server, corpus, digest, secure=False):
        port = (self.tls if secure else self.plain)[server]
        query = f"?ns={self.bench.source.host}" if server == "imglife" else ""
        return f"{'https' if secure else 'http'}://127.0.0.1:{port}{self.path(corpus, digest)}{query}"


def whole_file(servers, rounds, secure):
    """One client that takes 1 GiB: throughput, and the server's CPU for it."""
    corpus = servers.bench.corpus("big")
    names = ["imglife", "nginx"] if secure else ["imglife", "nginx", "docker-registry"]
    if secure:
        servers.pids["imglife"] = [servers.tls_pid]
    samples = {name: [] for name in names}
    for round_number in range(rounds + 1):
        for name in names:
            before = servers.cpu(name)
            url = servers.url(name, corpus, corpus.layer, secure)
            sample = measure.run(["curl", "-sfk", "--noproxy", "*", "-o", "/dev/null", url])
            sample.cpu = servers.cpu(name) - before
            # The first round verifies and warms the page cache.
            if round_number:
                samples[name].append(sample)
    size = corpus.blobs[corpus.layer]
    rows = {
        name: {
            "MiB/s": f"{size / 1048576 / measure.median(run, lambda s: s.wall):.0f}",
            "spread": f"{measure.spread(run, lambda s: s.wall):.0%}",
            "server CPU s/GiB": f"{measure.median(run, lambda s: s.cpu) * (1 << 30) / size:.2f}",
        }
        for name, run in samples.items()
    }
    for name in names[1:]:
        pair = samples["imglife"], samples[name]
        rows[f"imglife / {name}"] = {
            "MiB/s": f"**{measure.median(pair[1], lambda s: s.wall) / measure.median(pair[0], lambda s: s.wall):.2f}**",
            "server CPU s/GiB": f"**{measure.median(pair[0], lambda s: s.cpu) / max(measure.median(pair[1], lambda s: s.cpu), 1e-3):.2f}**",
        }
    return {"title": f"serve: one {size >> 20} MiB blob over {'TLS' if secure else 'plain HTTP'}", "rows": rows}


SCRIPT = """
local paths = {{}}
for line in io.lines("{list}") do paths[#paths + 1] = line end
local at = 0
request = function() at = at % #paths + 1; return wrk.format("GET", paths[at]) end
"""


def small_requests(servers, rounds, connections):
    """wrk over a thousand blobs of 4 KiB."""
    corpus = servers.bench.corpus("tiny")
    rates = {"imglife": [], "nginx": [], "docker-registry": []}
    for _ in range(rounds):
        for name in rates:
            listing = f"{servers.work}/paths-{name}"
            with open(listing, "w") as file:
                for digest in corpus.layers:
                    file.write("/" + servers.url(name, corpus, digest).split("/", 3)[3] + "\n")
            with open(f"{servers.work}/wrk.lua", "w") as file:
                file.write(SCRIPT.format(list=listing))
            command = ["wrk", "-t", "2", "-c", str(connections), "-d", "5s", "-s", f"{servers.work}/wrk.lua"]
            answer = subprocess.run(
                command + [f"http://127.0.0.1:{servers.plain[name]}/"], capture_output=True, text=True, check=True
            ).stdout
            if "Non-2xx" in answer:
                raise SystemExit(f"{name} answered errors:\n{answer}")
            rates[name].append(float(re.search(r"Requests/sec:\s+([\d.]+)", answer)[1]))
    middle = {name: sorted(values)[len(values) // 2] for name, values in rates.items()}
    rows = {name: {"requests/s": f"{rate:.0f}"} for name, rate in middle.items()}
    for name in ("nginx", "docker-registry"):
        rows[f"imglife / {name}"] = {"requests/s": f"**{middle['imglife'] / middle[name]:.2f}**"}
    return {"title": f"serve: 4 KiB blobs, {connections} connections", "rows": rows}


def many_connections(servers, count=500):
    """Peak memory while that many clients take a large blob slowly."""
    corpus = servers.bench.corpus("big")
    url = servers.url("imglife", corpus, corpus.layer)
    path = "/" + url.split("/", 3)[3]
    sockets = []
    for _ in range(count):
        client = socket.create_connection(("127.0.0.1", servers.plain["imglife"]))
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        sockets.append(client)
    total = [0]

    def take(share):
        until = time.monotonic() + 10
        while time.monotonic() < until:
            for client in share:
                total[0] += len(client.recv(65536))

    threads = [threading.Thread(target=take, args=(sockets[part::4],)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for client in sockets:
        client.close()
    peak = measure.peak_memory(servers.imglife.pid)
    row = {"peak MiB": f"{peak / 1048576:.0f}", "MiB read": f"{total[0] / 1048576:.0f}"}
    return {"title": f"serve: memory with {count} connections on one large blob", "rows": {"imglife": row}}


def cases(bench, rounds):
    servers = Servers(bench)
    try:
        servers.start()
        yield whole_file(servers, rounds, secure=False)
        yield small_requests(servers, rounds, 16)
        yield small_requests(servers, rounds, 64)
        yield many_connections(servers)
        yield whole_file(servers, rounds, secure=True)
    finally:
        servers.stop()
