"""Export against tar over the same files, import, and verify against openssl."""

import os
import re
import shutil
import subprocess

from . import measure


def cases(bench, rounds):
    corpus = bench.corpus("big")
    bench.cold()
    bench.configuration(corpus)
    bench.sync()
    common = [bench.imglife, "--log-level", "error", "--config", os.path.join(bench.work, "imglife.yaml")]
    reference = f"{bench.source.host}/{corpus.repository}:1.0"
    bundle, plain = os.path.join(bench.work, "bundle.tar"), os.path.join(bench.work, "plain.tar")

    def export():
        command = ["--cache-dir", bench.cache, "export", "--offline", "--force", "--progress", "none", "-o", bundle]
        return measure.run(common + command + [reference])

    def tar():
        script = f"tar -C {bench.cache} -cf {plain} blobs && sync {plain}"
        return measure.run(["sh", "-c", script])

    yield paired("export 1 GiB to a file, hashed and fsynced", "tar c, then sync", export, tar, rounds)

    other = os.path.join(bench.work, "other-cache")

    def take_in():
        shutil.rmtree(other, ignore_errors=True)
        measure.drop_caches()
        return measure.run(common + ["--cache-dir", other, "import", "--progress", "none", bundle])

    def untar():
        shutil.rmtree(other, ignore_errors=True)
        os.makedirs(other)
        measure.drop_caches()
        return measure.run(["sh", "-c", f"tar -C {other} -xf {plain} && sync -f {other}"])

    yield paired("import 1 GiB, hashed and fsynced", "tar x, then sync", take_in, untar, rounds)
    for path in (bundle, plain):
        os.remove(path)
    shutil.rmtree(other, ignore_errors=True)
    yield verify(bench, common, rounds)


def paired(title, peer, first, second, rounds):
    samples = {"imglife": [], "peer": []}
    for _ in range(rounds):
        measure.drop_caches()
        samples["imglife"].append(first())
        measure.drop_caches()
        samples["peer"].append(second())
    return {"title": title, "samples": samples, "peer": peer}


def verify(bench, common, rounds):
    """Bytes a second of `cache verify` against what openssl promises for two cores.

    In a cache of its own: a single layer of 1 GiB would keep one core waiting for the other.
    """
    bench.target.wipe()
    bench.forget_cache()
    for name in ("layered", "small", "typical"):
        bench.configuration(bench.corpus(name))
        bench.sync()
    size = sum(
        os.path.getsize(os.path.join(bench.cache, "blobs/sha256", name))
        for name in os.listdir(os.path.join(bench.cache, "blobs/sha256"))
    )
    command = common + ["--cache-dir", bench.cache, "cache", "verify"]
    measure.run(command)
    speeds, promises, peak = [], [], 0
    for _ in range(rounds):
        answer = subprocess.run(
            ["openssl", "speed", "-seconds", "2", "-bytes", "1048576", "-evp", "sha256"], capture_output=True, text=True
        ).stdout
        promises.append(float(re.search(r"sha256\s+([\d.]+)k", answer, re.IGNORECASE)[1]) * 1000 * min(2, os.cpu_count()))
        sample = measure.run(command)
        speeds.append(size / sample.wall)
        peak = max(peak, sample.rss)
    speed, promise = sorted(speeds)[rounds // 2], sorted(promises)[rounds // 2]
    rows = {
        "imglife cache verify": {"MiB/s": f"{speed / 1048576:.0f}", "peak MiB": f"{peak / 1048576:.0f}"},
        "openssl speed sha256, two cores": {"MiB/s": f"{promise / 1048576:.0f}"},
        "ratio": {"MiB/s": f"**{speed / promise:.2f}**"},
    }
    return {"title": f"cache verify: {size >> 20} MiB in the page cache", "rows": rows}
