"""Debian's docker-registry on loopback, with its access log counted."""

import hashlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import time
import zlib

from . import measure

LINE = re.compile(r'"(GET|HEAD|POST|PUT|PATCH|DELETE) (\S+) HTTP/[\d.]+" (\d+) (\d+)')


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port, process):
    for _ in range(200):
        if process.poll() is not None:
            raise SystemExit(f"a server ended with {process.returncode} instead of listening on {port}")
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            time.sleep(0.02)
    raise SystemExit(f"nothing listens on port {port}")


class Registry:
    """A registry over a storage directory that outlives its process."""

    def __init__(self, directory):
        self.directory = directory
        self.process = None
        self.storages = 0
        os.makedirs(directory, exist_ok=True)

    @property
    def host(self):
        return f"127.0.0.1:{self.port}"

    @property
    def storage(self):
        return os.path.join(self.directory, f"storage-{self.storages}" if self.storages else "storage")

    def start(self):
        self.port = free_port()
        configuration = os.path.join(self.directory, "configuration.yml")
        with open(configuration, "w") as file:
            file.write(
                "version: 0.1\nlog: {level: error}\n"
                f"storage: {{filesystem: {{rootdirectory: {self.storage}, maxthreads: 256}}}}\n"
                f'http: {{addr: "127.0.0.1:{self.port}", relativeurls: true}}\n'
            )
        self.log = open(os.path.join(self.directory, "access.log"), "wb")
        self.process = subprocess.Popen(
            ["docker-registry", "serve", configuration], stdout=self.log, stderr=subprocess.DEVNULL
        )
        wait_for_port(self.port, self.process)
        return self

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.log.close()
            self.process = None

    def wipe(self):
        """An empty registry is what a first run meets; see `Bench.forget_cache` for why the old one is left."""
        self.stop()
        measure.delete_large_files(self.storage)
        self.storages += 1
        return self.start()

    def cpu(self):
        return measure.process_cpu(self.process.pid)

    def forget_requests(self):
        os.ftruncate(self.log.fileno(), 0)
        self.log.seek(0)

    def requests(self):
        """Since they were forgotten: how many, and the bytes answered to GET."""
        count = bytes_out = 0
        with open(self.log.name, errors="replace") as lines:
            for line in lines:
                if match := LINE.search(line):
                    count += 1
                    if match[1] == "GET":
                        bytes_out += int(match[4])
        return count, bytes_out

    def head(self, repository, reference):
        """The digest that a tag names, or None."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        kinds = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json"
        connection.request("HEAD", f"/v2/{repository}/manifests/{reference}", headers={"Accept": kinds})
        answer = connection.getresponse()
        answer.read()
        return answer.headers.get("Docker-Content-Digest") if answer.status == 200 else None


class Storage:
    """Writes a repository in docker-registry's own layout on disk, which is much faster than pushing it."""

    def __init__(self, directory, repository):
        self.root = os.path.join(directory, "storage/docker/registry/v2")
        self.repository = os.path.join(self.root, "repositories", repository)
        self.made = set()

    def _write(self, path, data):
        parent = os.path.dirname(path)
        if parent not in self.made:
            os.makedirs(parent, exist_ok=True)
            self.made.add(parent)
        with open(path, "wb") as file:
            file.write(data)

    def data_path(self, digest):
        algorithm, digits = digest.split(":")
        return os.path.join(self.root, "blobs", algorithm, digits[:2], digits, "data")

    def link(self, place, digest):
        self._write(os.path.join(self.repository, place, "link"), digest.encode())

    def blob(self, data):
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        self._write(self.data_path(digest), data)
        self.link(f"_layers/sha256/{digest[7:]}", digest)
        return digest, len(data)

    def big_blob(self, size):
        """Random bytes in a gzip stream, written in pieces."""
        digest = hashlib.sha256()
        partial = os.path.join(self.root, "partial")
        os.makedirs(self.root, exist_ok=True)
        stream = zlib.compressobj(0, wbits=31)
        with open(partial, "wb") as file:
            for number in range(size // (1 << 20)):
                piece = stream.compress(os.urandom(1 << 20))
                piece += stream.flush() if number == size // (1 << 20) - 1 else b""
                digest.update(piece)
                file.write(piece)
            size = file.tell()
        name = "sha256:" + digest.hexdigest()
        os.makedirs(os.path.dirname(self.data_path(name)), exist_ok=True)
        os.rename(partial, self.data_path(name))
        self.link(f"_layers/sha256/{name[7:]}", name)
        return name, size

    def manifest(self, document, tag=None):
        data = json.dumps(document, separators=(",", ":")).encode()
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        self._write(self.data_path(digest), data)
        self.link(f"_manifests/revisions/sha256/{digest[7:]}", digest)
        if tag:
            self.link(f"_manifests/tags/{tag}/current", digest)
            self.link(f"_manifests/tags/{tag}/index/sha256/{digest[7:]}", digest)
        return digest, len(data)
