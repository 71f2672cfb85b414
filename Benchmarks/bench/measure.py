"""Commands measured: wall time, CPU seconds, peak memory; and what several of them come to."""

import os
import statistics
import subprocess
import time
from dataclasses import dataclass, field

PEAK = "/tmp/imglife-bench.peak"


class Failed(Exception):
    """A command did not end as it should; what it printed says why."""


@dataclass
class Sample:
    """One run of one command, with whatever counts its case adds (requests, bytes)."""

    wall: float
    cpu: float
    rss: int
    counts: dict = field(default_factory=dict)


def run(command, *, cwd=None, env=None, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, ok=(0,)):
    """Runs a command and its waited-for children to their end.

    Peak memory is that of the largest single process, as `time` tells it: a child of this one inherits the peak that
    this one has had. A command that fails ends the benchmark: a figure of a failed run is worth nothing.
    """
    environment = dict(os.environ, **(env or {}))
    timed = ["time", "--quiet", "--format", "%M", "--output", PEAK] + command
    with open("/tmp/imglife-bench.err", "wb") as errors:
        start = time.perf_counter()
        child = subprocess.Popen(timed, cwd=cwd, env=environment, stdout=stdout, stdin=stdin, stderr=errors)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in ok:
        with open("/tmp/imglife-bench.err", errors="replace") as text:
            raise Failed(f"{' '.join(map(str, command))[:400]}\nfailed with {child.returncode}:\n{text.read()[-4000:]}")
    with open(PEAK) as text:
        return Sample(wall, usage.ru_utime + usage.ru_stime, int(text.read().split()[-1]) * 1024)


def process_cpu(pid):
    """CPU seconds that a living process has used, its threads included and its children not."""
    with open(f"/proc/{pid}/stat") as text:
        fields = text.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_memory(pid):
    """The largest resident size that a living process has had, in bytes."""
    with open(f"/proc/{pid}/status") as text:
        for line in text:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def median(samples, value):
    return statistics.median(value(sample) for sample in samples)


def spread(samples, value):
    """Half of the range, relative to the median."""
    values = [value(sample) for sample in samples]
    middle = statistics.median(values)
    return (max(values) - min(values)) / 2 / middle if middle else 0.0


def delete_large_files(directory):
    """Frees the room that a few files take, and leaves the many small ones."""
    for parent, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(parent, name)
            if os.lstat(path).st_size >= 16 << 20:
                os.remove(path)


def drop_caches():
    """Writes dirty pages back, so that one run does not pay for the one before it."""
    os.sync()
