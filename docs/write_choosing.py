"""Write choosing.md and README's table from results: ``python docs/write_choosing.py RUNS STORE TUNED``.

RUNS holds heads and their evaluations as they are, TUNED those of ``train --tune``.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from write_goals import goals
from write_tuned import tuned

from fractalctl.documents.compare import ArmAtPlace, ArmsCompared
from fractalctl.report.results import read_results
from fractalctl.report.sections import choosing
from fractalctl.report.writers import markdown_page
from fractalctl.statistics.summary import compare_all
from store import FeatureStore
from store.files import write_aside

DOCS = Path(__file__).parent
ARMS = {
    "raw": "MiniLM, cut",
    "pca": "PCA",
    "mrl": "Matryoshka",
    "zoom-0": "`zoom-0`",
    "zoom": "`zoom`",
    "zoom-0.95": "`zoom-0.95`",
}
"""The columns of README's table."""
PLACE = re.compile(r"(?<=<!-- measured -->\n\n).*?(?=\n\n<!-- /measured -->)", re.DOTALL)


def rows(compared: ArmsCompared) -> Iterator[str]:
    """A table in Markdown: both ends of every corpus, in %."""
    yield f"| coarse at 64 / fine at full length | {' | '.join(ARMS.values())} |"
    yield f"|:--|{'--:|' * len(ARMS)}"
    for place in compared.places:
        arms = {one.arm: one for one in place.arms}
        levels = [title.split(" [")[0] for title in place.titles]
        cells = [both(arms[name]) if name in arms else "" for name in ARMS]
        yield f"| {place.label}: {' / '.join(levels)} | {' | '.join(cells)} |"


def both(arm: ArmAtPlace) -> str:
    """Accuracies in %, at the shortest prefix and at full length."""
    return " / ".join(f"{100 * arm.measures[name].mean:.1f}" for name in ("short_coarse", "full_fine"))


def write(page: Path, text: str) -> None:
    """Replace a page."""
    with write_aside(page) as aside:
        aside.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{page}\n")


if __name__ == "__main__":
    results = read_results(Path(sys.argv[1]))
    compared = list(compare_all(results.evaluations))
    section = choosing.build(replace(results, compared=compared))
    if section is None:
        sys.exit(f"{sys.argv[1]}: no two arms have leakage and cascade; 'fractalctl evaluate' adds them")
    aims = goals(replace(results, compared=compared), FeatureStore(Path(sys.argv[2])))
    index = next(one for one in compared if one.protocol == "index")
    trials = read_results(Path(sys.argv[3])).evaluations
    [chosen] = compare_all(trials)
    sections = [section, tuned(index, chosen, trials), aims]
    write(DOCS / "choosing.md", markdown_page("Choosing a head", sections))
    readme = DOCS.parent / "README.md"
    table = "\n".join(rows(index))
    write(readme, PLACE.sub(lambda _: table, readme.read_text(encoding="utf-8")))
