"""The table, the figures as JSON, and the plots."""

import json
import os
import platform

from . import measure


def human(count):
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024


def machine():
    model = "unknown processor"
    with open("/proc/cpuinfo") as text:
        for line in text:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{model}, {os.cpu_count()} cores, {human(memory)} of memory, Linux {platform.release()}"


COLUMNS = [
    ("wall s", lambda s: s.wall, "{:.2f}"),
    ("CPU s", lambda s: s.cpu, "{:.2f}"),
    ("peak MiB", lambda s: s.rss / 1048576, "{:.0f}"),
    ("source requests", lambda s: s.counts.get("source_requests"), "{:.0f}"),
    ("source MiB", lambda s: None if s.counts.get("source_bytes") is None else s.counts["source_bytes"] / 1048576, "{:.1f}"),
    ("target requests", lambda s: s.counts.get("target_requests"), "{:.0f}"),
]


def _cell(samples, value, form):
    if any(value(sample) is None for sample in samples):
        return ""
    middle, wide = measure.median(samples, value), measure.spread(samples, value)
    return form.format(middle) + (f" ±{wide:.0%}" if wide >= 0.005 else "")


def _ratio(samples, value):
    """To the best peer, whichever that is in this column."""
    ours, *others = list(samples.values())
    if any(value(sample) is None for run in samples.values() for sample in run):
        return ""
    below = min(measure.median(run, value) for run in others)
    return f"**{measure.median(ours, value) / below:.2f}**" if below else ""


def table(case):
    """One case: a row a tool, and the ratios of the first to the best of the others."""
    samples = case["samples"]
    used = [c for c in COLUMNS if all(c[1](s) is not None for run in samples.values() for s in run)]
    lines = [f"### {case['title']}", ""]
    lines.append("| | " + " | ".join(name for name, _, _ in used) + " |")
    lines.append("|---|" + "---:|" * len(used))
    for tool, run in samples.items():
        label = case.get("peer", tool) if tool != "imglife" else tool
        lines.append(f"| {label} | " + " | ".join(_cell(run, value, form) for _, value, form in used) + " |")
    if len(samples) > 1:
        lines.append("| ratio | " + " | ".join(_ratio(samples, value) for _, value, _ in used) + " |")
    for note in (case.get("note"), case.get("unique_bytes") and f"Different bytes in the corpus: {human(case['unique_bytes'])}."):
        if note:
            lines += ["", note]
    return lines + [""]


def rates(case):
    """A case of rates: a row a tool, the columns as they come."""
    names = list(next(iter(case["rows"].values())))
    lines = [f"### {case['title']}", "", "| | " + " | ".join(names) + " |", "|---|" + "---:|" * len(names)]
    for tool, row in case["rows"].items():
        lines.append(f"| {tool} | " + " | ".join(str(row.get(name, "")) for name in names) + " |")
    return lines + [""] + ([case["note"], ""] if case.get("note") else [])


def curve(case):
    lines = [f"### {case['title']}", "", f"| {case['x']} | wall s | CPU s | peak MiB |", "|---:|---:|---:|---:|"]
    for point in case["points"]:
        lines.append(f"| {point['x']} | {point['wall']:.2f} | {point['cpu']:.2f} | {point['rss'] / 1048576:.0f} |")
    return lines + [""]


def read(directory):
    """The cases of an earlier run, to add others to them."""
    path = os.path.join(directory, "results.json")
    if not os.path.exists(path):
        return []
    with open(path) as file:
        document = json.load(file)
    cases = document["cases"]
    for case in cases:
        case.setdefault("measured", measured(document["about"]))
        for tool, rows in case.get("samples", {}).items():
            case["samples"][tool] = [
                measure.Sample(row.pop("wall"), row.pop("cpu"), row.pop("rss"), row) for row in rows
            ]
    return cases


def measured(about):
    """When a case was measured, how often and on what."""
    return f"{about['date']}, {about['rounds']} rounds. {about['machine']}."


def plain(case):
    """The figures of a case, for the JSON document."""
    if "samples" not in case:
        return case
    rows = {
        tool: [dict(wall=s.wall, cpu=s.cpu, rss=s.rss, **s.counts) for s in run] for tool, run in case["samples"].items()
    }
    return dict(case, samples=rows)


def write(directory, about, cases):
    os.makedirs(directory, exist_ok=True)
    lines = ["# Results", "", f"imglife {about['imglife']}; " + "; ".join(about["versions"].values()) + "."]
    lines += ["Medians of paired rounds, ± half of the range; date, rounds and machine stand below each table.", ""]
    for case in cases:
        shape = table if "samples" in case else curve if "points" in case else rates
        lines += shape(case) + [case["measured"], ""]
        if picture := case.get("picture"):
            lines += [f"![{case['title']}]({picture})", ""]
    with open(os.path.join(directory, "results.md"), "w") as file:
        file.write("\n".join(lines))
    with open(os.path.join(directory, "results.json"), "w") as file:
        json.dump({"about": about, "cases": [plain(case) for case in cases]}, file, indent=1)


def draw(directory, cases):
    """Bars for the paired cases, lines for the curves; SVG."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "imglife"
    from matplotlib import pyplot

    os.makedirs(directory, exist_ok=True)
    paired = [case for case in cases if "samples" in case and len(case["samples"]) > 1]
    if paired:
        figure, axes = pyplot.subplots(figsize=(8, 0.6 * len(paired) + 1.2))
        for row, case in enumerate(paired):
            ours, *others = list(case["samples"].values())
            for offset, value, color in ((0.2, lambda s: s.wall, "#2a6f97"), (-0.2, lambda s: s.cpu, "#a9d6e5")):
                ratio = measure.median(ours, value) / max(min(measure.median(run, value) for run in others), 1e-9)
                axes.barh(row + offset, ratio, 0.36, color=color)
                axes.text(ratio + 0.01, row + offset, f"{ratio:.2f}", va="center", fontsize=8)
        axes.axvline(1, color="black", linewidth=0.8)
        axes.set_yticks(range(len(paired)), [case["title"].split(":")[0].split(" (")[0] for case in paired])
        axes.set_xlabel("imglife / peer: wall time (dark), CPU (light); below 1 imglife needs less")
        figure.tight_layout()
        figure.savefig(os.path.join(directory, "ratios.svg"), metadata={"Date": None})
        pyplot.close(figure)
    for number, case in enumerate(case for case in cases if "points" in case):
        case["picture"] = f"curve-{number + 1}.svg"
        figure, (time, memory) = pyplot.subplots(1, 2, figsize=(8, 3))
        xs = [point["x"] for point in case["points"]]
        time.loglog(xs, [max(point["wall"], 1e-3) for point in case["points"]], "o-", label="wall")
        time.loglog(xs, [max(point["cpu"], 1e-3) for point in case["points"]], "o-", label="CPU")
        time.set_ylabel("seconds")
        time.legend()
        memory.semilogx(xs, [point["rss"] / 1048576 for point in case["points"]], "o-")
        memory.set_ylim(bottom=0)
        memory.set_ylabel("peak MiB")
        for axes in (time, memory):
            axes.set_xlabel(case["x"])
        figure.suptitle(case["title"], fontsize=10)
        figure.tight_layout()
        figure.savefig(os.path.join(directory, case["picture"]), metadata={"Date": None})
        pyplot.close(figure)
