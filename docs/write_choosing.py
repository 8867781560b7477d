"""Write choosing.md: ``python docs/write_choosing.py RUNS``, from what ``fractalctl evaluate`` left there."""

import sys
from dataclasses import replace
from pathlib import Path

from fractalctl.report.results import read_results
from fractalctl.report.sections import choosing
from fractalctl.report.writers import markdown_page
from fractalctl.statistics.summary import compare_all
from store.files import write_aside

if __name__ == "__main__":
    results = read_results(Path(sys.argv[1]))
    section = choosing.build(replace(results, compared=compare_all(results.evaluations)))
    if section is None:
        sys.exit(f"{sys.argv[1]}: no two arms have leakage and cascade; 'fractalctl evaluate' adds them")
    page = Path(__file__).parent / "choosing.md"
    with write_aside(page) as aside:
        aside.write_text(markdown_page("Choosing a head", [section]), encoding="utf-8")
    sys.stdout.write(f"{page}\n")
