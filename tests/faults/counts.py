"""What the tests of faults tried and how often, and the table of it in docs/reliability.md.

With ``FRACTALCTL_FAULT_COUNTS`` each test adds lines to that file, and
``python -m tests.faults.counts FILE PAGE`` puts their sums into a page, between the two marks.
"""

import json
import os
import sys
from pathlib import Path


def tried(what: str, number: int, outcome: str) -> None:
    """Note that something was tried some number of times, and what came of it each time."""
    if number and (path := os.environ.get("FRACTALCTL_FAULT_COUNTS")):
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"what": what, "number": number, "outcome": outcome}) + "\n")


def table(lines: list[str]) -> str:
    """The sums as Markdown, in the order of first appearance."""
    sums: dict[tuple[str, str], int] = {}
    for line in lines:
        one = json.loads(line)
        key = one["what"], one["outcome"]
        sums[key] = sums.get(key, 0) + one["number"]
    rows = [f"| {what} | {number:,} | {outcome} |" for (what, outcome), number in sums.items()]
    return "\n".join(["| what | how often | outcome |", "|:--|--:|:--|", *rows]) + "\n"


def put(page: Path, name: str, found: str) -> None:
    """Replace what stands in a page between ``<!-- NAME -->`` and ``<!-- /NAME -->``."""
    first, last = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
    before, mark, rest = page.read_text("utf-8").partition(first)
    _, end, after = rest.partition(last)
    if not mark or not end:
        raise SystemExit(f"{page}: has no place for {name} between {first.strip()} and {last.strip()}")
    page.write_text("".join([before, mark, found, end, after]), "utf-8")


def main() -> None:
    source, page = map(Path, sys.argv[1:3])
    put(page, "counts", table(source.read_text("utf-8").splitlines()))


if __name__ == "__main__":
    main()
