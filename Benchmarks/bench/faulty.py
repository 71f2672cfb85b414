"""A registry in memory that fails as it is told, for the programs that look at `imglife serve` in front of one."""

import gzip
import hashlib
import http.server
import io
import json
import os
import ssl
import tarfile
import threading
import time

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def image(sizes):
    """The blobs of an image whose layers, of random bytes, can be unpacked, and its manifest."""
    blobs, layers, diffs = {}, [], []
    for number, size in enumerate(sizes):
        text = io.BytesIO()
        with tarfile.open(fileobj=text, mode="w") as archive:
            member = tarfile.TarInfo(f"file{number}")
            member.size = size
            archive.addfile(member, io.BytesIO(os.urandom(size)))
        packed = gzip.compress(text.getvalue(), 1)
        blobs[digest(packed)] = packed
        diffs.append(digest(text.getvalue()))
        layers.append({"mediaType": LAYER, "digest": digest(packed), "size": len(packed)})
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {},
                         "rootfs": {"type": "layers", "diff_ids": diffs}}).encode()
    blobs[digest(config)] = config
    manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "layers": layers, "config": {
        "mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(config), "size": len(config)}}).encode()
    return blobs, manifest


class Registry:
    """One repository whose tags are the numbers of the images.

    `fault(request)` says how a request fails: `none`, `429`, `503`, `hang`, `break` (1 MiB of a body and no more) or `cut`.
    """

    def __init__(self, images, fault=lambda request: "none", tls=None, port=0):
        self.images, self.fault = images, fault
        self.blobs = {name: data for blobs, _ in images for name, data in blobs.items()}
        self.manifests = {}
        for number, (_, manifest) in enumerate(images):
            self.manifests[str(number)] = self.manifests[digest(manifest)] = manifest
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_HEAD(self):
                registry.answer(self, False)

            def do_GET(self):
                registry.answer(self, True)

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", port), Handler)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, request, with_body):
        fault = self.fault(request)
        if fault in ("hang", "cut"):
            time.sleep(60 if fault == "hang" else 0)
            request.close_connection = True
            return
        if fault in ("429", "503"):
            return self.send(request, int(fault), b"{}", "application/json", with_body, [("Retry-After", "1")])
        path = request.path.split("?")[0]
        name = path.rsplit("/", 1)[1]
        if path == "/v2/":
            return self.send(request, 200, b"{}", "application/json", with_body)
        if "/manifests/" in path and name in self.manifests:
            return self.send(request, 200, self.manifests[name], MANIFEST, with_body)
        blob = self.blobs.get(name)
        if blob is None:
            return self.send(request, 404, b'{"errors":[{"code":"NAME_UNKNOWN"}]}', "application/json", with_body)
        start = 0
        if request.headers.get("Range", "").startswith("bytes="):
            start = int(request.headers["Range"][6:].split("-")[0])
        self.send(request, 206 if start else 200, blob[start:], "application/octet-stream", with_body,
                  [("Content-Range", f"bytes {start}-{len(blob) - 1}/{len(blob)}")] if start else [],
                  1 << 20 if fault == "break" else None)

    def send(self, request, status, body, kind, with_body, fields=(), stop=None):
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(body)))
        if status == 200:
            request.send_header("Docker-Content-Digest", digest(body))
        for name, value in fields:
            request.send_header(name, value)
        request.end_headers()
        if with_body:
            request.wfile.write(body[:stop])
        if stop is not None and stop < len(body):
            request.close_connection = True
