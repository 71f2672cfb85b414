"""How time and memory grow with tags and blobs."""

import hashlib
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import urllib.parse

from . import corpora, measure

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class TagServer(http.server.ThreadingHTTPServer):
    """A registry that only lists tags, a thousand a page; both sides of a no-op run."""

    def __init__(self, count):
        super().__init__(("127.0.0.1", 0), TagAnswers)
        names = sorted(f"1.{number // 100}.{number % 100}" for number in range(count))
        self.pages = {}
        for start in range(0, count, 1000):
            last = names[start - 1] if start else ""
            page = names[start : start + 1000]
            self.pages[last] = json.dumps({"name": "bench/tags", "tags": page}).encode(), (
                page[-1] if start + 1000 < count else None
            )
        self.daemon_threads = True
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def host(self):
        return f"127.0.0.1:{self.server_address[1]}"


class TagAnswers(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        where = urllib.parse.urlsplit(self.path)
        if not where.path.endswith("/tags/list"):
            return self.answer(b"{}", None)
        last = urllib.parse.parse_qs(where.query).get("last", [""])[0]
        body, following = self.server.pages[last]
        link = following and f'<{where.path}?n=1000&last={following}>; rel="next"'
        self.answer(body, link)

    def answer(self, body, link):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if link:
            self.send_header("Link", link)
        self.end_headers()
        self.wfile.write(body)


def tags(bench):
    """A run with nothing to do over ever more tags; the server's own time is part of the wall time."""
    points = []
    for count in (100, 1000, 10_000, 100_000):
        server = TagServer(count)
        configuration = os.path.join(bench.work, "tags.yaml")
        corpora.write_configuration(configuration, [(f"{server.host}/bench/tags", f"{server.host}/mirror/tags")])
        command = [bench.imglife, "--log-level", "error", "--config", configuration]
        sample = measure.run(command + ["--cache-dir", os.path.join(bench.work, "no-cache"), "sync", "--progress", "none"])
        points.append({"x": count, "wall": sample.wall, "cpu": sample.cpu, "rss": sample.rss})
        server.shutdown()
        server.server_close()
    return {"title": "no-op sync by the number of tags", "x": "tags", "points": points}


def make_cache(bench, cache):
    """Only a run makes a cache; this one has nothing to do."""
    server = TagServer(1)
    configuration = os.path.join(bench.work, "tags.yaml")
    corpora.write_configuration(configuration, [(f"{server.host}/bench/tags", f"{server.host}/mirror/tags")])
    command = [bench.imglife, "--log-level", "error", "--config", configuration, "--cache-dir", cache]
    subprocess.run(command + ["sync", "--progress", "none"], check=True, capture_output=True)
    server.shutdown()
    server.server_close()


def blobs(bench, command, title):
    """A cache command over an index of ever more blobs; the files need not be there for it."""
    points = []
    for count in (1000, 10_000, 100_000, 1_000_000):
        cache = os.path.join(bench.work, f"blobs-{count}")
        if not os.path.exists(cache):
            make_cache(bench, cache)
            subprocess.run([os.path.join(HERE, "million-blobs"), cache, str(count)], check=True, capture_output=True)
        sample = measure.run([bench.imglife, "--log-level", "error", "--cache-dir", cache, "cache"] + command)
        points.append({"x": count, "wall": sample.wall, "cpu": sample.cpu, "rss": sample.rss})
    return {"title": title, "x": "blobs in the index", "points": points}


def cases(bench, rounds):
    yield tags(bench)
    yield blobs(bench, ["stats"], "cache stats by the number of blobs")
    yield blobs(bench, ["gc"], "cache gc with nothing to do by the number of blobs")
    for count in (1000, 10_000, 100_000, 1_000_000):
        shutil.rmtree(os.path.join(bench.work, f"blobs-{count}"), ignore_errors=True)
