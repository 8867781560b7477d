"""The page on speed: ``python -m tests.benchmarks.page benchmarks.json docs``."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fractalctl.report.figures import COLOURS, MARKERS, new_figure, save_figure
from fractalctl.report.writers import markdown_table
from fractalctl.tables import Table
from store.files import read_json, write_aside

INTRODUCTION = """# Performance

`nox -s bench` measures this and writes this page from its measurements. Each ratio is to a named peer, run in
turn in the same process on the same data: the median of {rounds} pairs, with the lowest and the highest.

{processor}, {cores} cores, Python {python}, {date}."""

SCALE = """## Growing

CLINC's features repeated with noise: one epoch of one linear head (batch 256), and of a zoom head (its closed
forms and its choice of shares included); evaluation of the linear head (2,000 queries, every training row a
reference, the backbone's own accuracy included); and the check of every byte. Each command runs in a process
of its own, starting included; memory is the most that was resident, mapped parts of the file included."""


LIMITS = """## Where the limits lie

- *Encoding.* The peer pads less than one would think: short texts leave little to gain but batches that
  stay in the processor's cache. What is left is the matrix product itself; see the share of its rate above.
- *Linear heads.* A step of one head is small matrix products, a pass of AdamW over weights and moments, and
  the calls of some two hundred operations, which cost the same for one head as for several. The heads of one
  arm share them. All heads of five arms at once would share more of them and take about half the time; arms
  would then have to agree on rows, batches and epochs to be trained at all.
- *A fractal fleet.* Nearly all of a step is matrix products, which the plain loop does at nearly the same
  rate. Products in bfloat16 were tried and gain about a quarter on a processor, for other numbers; they are
  not offered.
- *k-NN.* All four lengths together cost one matrix product at full length; the rest is the search for the
  largest similarities at four lengths instead of one, which reads every similarity from memory. Which of the
  two weighs more differs between processors, and so does the ratio to the peer. A second core makes the
  products twice as fast, and the rest hardly. Tiles that fit the cache, and query batches side by side on the
  cores, were tried and gain nothing."""


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], left: int = 1) -> str:
    """A table in Markdown without a caption; benchmarks name commands as code."""
    written = markdown_table(Table("speed", "", columns, list(rows), left)).partition("\n\n")[2]
    return written.replace("\\`", "`")


def performance(measured: dict[str, Any], output: Path) -> Path:
    """Write ``performance.md`` and its figure.

    Args:
        measured: the JSON document of pytest-benchmark.
        output: folder.
    """
    found = {one["fullname"].rpartition("/")[2]: one["extra_info"] for one in measured["benchmarks"]}
    machine = measured["machine_info"]
    rounds = {one["rounds"] for one in found.values() if "rounds" in one}
    parts = [
        INTRODUCTION.format(
            rounds=" or ".join(map(str, sorted(rounds))),
            processor=machine["cpu"]["brand_raw"],
            cores=machine["cpu"]["count"],
            python=machine["python_version"],
            date=measured["datetime"][:10],
        ),
        table(["what", "peer", "times faster", "range", "goal", "met"], _ratios(found), left=2),
        *_seconds(found),
        *_remarks(found),
    ]
    growth = sorted((one for one in found.values() if "growth" in one), key=lambda one: one["rows"])
    if len(growth) > 1:
        parts += [SCALE, *_growing(growth, output / "figures")]
    parts.append(LIMITS)
    page = output / "performance.md"
    with write_aside(page) as aside:
        aside.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return page


def _ratios(found: dict[str, dict[str, Any]]) -> Iterator[list[object]]:
    for one in found.values():
        if "peer" in one:
            spread = f"{one['lowest']:.2f} to {one['highest']:.2f}"
            met = "yes" if one["times_faster"] >= one["goal"] else "no"
            yield [one["what"], one["peer"], f"{one['times_faster']:.2f}", spread, one["goal"], met]


def _seconds(found: dict[str, dict[str, Any]]) -> Iterator[str]:
    """What was measured by itself, with a goal where it has one."""
    rows = []
    for one in found.values():
        if "seconds" in one:
            goal = one.get("goal")
            met = "-" if goal is None else "yes" if one["seconds"] <= goal else "no"
            rows.append([one["what"], one["seconds"], "-" if goal is None else goal, met])
    if rows:
        yield table(["what", "seconds", "at most", "met"], rows)


def _remarks(found: dict[str, dict[str, Any]]) -> Iterator[str]:
    """What else a benchmark has to say, such as where its limit lies."""
    lines = [f"- {one['what']}: {one['remark']}" for one in found.values() if "remark" in one]
    if lines:
        yield "\n".join(lines)


def _growing(growth: Sequence[dict[str, Any]], folder: Path) -> Iterator[str]:
    """Seconds and memory by rows, a straight line through the seconds, and where it leads."""
    rows = np.array([one["rows"] for one in growth])
    figure = new_figure(5.0, 3.6)
    axes = figure.subplots()
    cells, lines = [], []
    for place, name in enumerate(growth[0]["growth"]):
        seconds = np.array([one["growth"][name]["seconds"] for one in growth])
        resident = [one["growth"][name]["resident_mib"] for one in growth]
        slope, start = np.polyfit(rows, seconds, 1, w=1 / seconds)
        axes.plot(rows, seconds, linestyle="none", marker=MARKERS[place], color=COLOURS[place], label=name)
        axes.plot(rows, start + slope * rows, color=COLOURS[place], linewidth=1)
        worst = float(np.abs((start + slope * rows) / seconds - 1).max())
        lines.append([name, f"{start:.1f}", f"{1e6 * slope:.1f}", f"{100 * worst:.0f} %"])
        lines[-1].append(f"{(start + slope * 1e7) / 60:.0f}")
        for one, spent, most in zip(growth, seconds, resident, strict=True):
            rate = f"{one['mib'] / spent:.0f}" if name == "store verify" else "-"
            cells.append([name, f"{one['rows']:,}", f"{spent:.1f}", f"{most:.0f}", rate])
    axes.set(xscale="log", yscale="log", xlabel="training rows", ylabel="seconds")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    folder.mkdir(parents=True, exist_ok=True)
    save_figure(figure, folder / "growing")
    columns = ["command", "rows", "seconds", "resident MiB", "MiB of file per second"]
    yield table(columns, cells)
    yield "A straight line through the seconds of each, weighted by their reciprocals, and where it leads:"
    columns = ["command", "seconds at no rows", "seconds per million rows", "worst deviation"]
    yield table([*columns, "minutes for 10,000,000 rows, extrapolated"], lines)
    yield "![seconds by rows](figures/growing.png)"
    yield "*Seconds by rows, both axes logarithmic; lines are the fits.*"


if __name__ == "__main__":
    sys.stdout.write(performance(read_json(Path(sys.argv[1])), Path(sys.argv[2])).read_text(encoding="utf-8"))
