"""Accuracy at every prefix length."""

from fractalctl.numbers import MISSING, percents
from fractalctl.report.figures import Lines, line_panels
from fractalctl.report.results import Group, Results, how
from fractalctl.tables import Picture, Section, Table

ORDER = 20
CUT = "backbone, cut"


def build(results: Results) -> Section | None:
    """The report's part on accuracy."""
    text = (
        "k-NN accuracy in %, mean ± standard deviation over seeds. The backbone is asked in the same way: "
        "with all its dimensions, and cut to the shortest length of the arm."
    )
    parts = [part for group in results.settings for part in (_table(group), _picture(group, results.places))]
    return Section("Accuracy", [text, *parts], ORDER) if parts else None


def _table(group: Group) -> Table:
    rows = []
    for corpus in group.corpora:
        found = group.on(corpus)
        for level in found.ends:
            for arm in found.arms:
                documents = [row.document for row in found.of(arm)]
                first, lengths = documents[0], [str(documents[0].dims[0]), str(documents[0].dims[-1])]
                cut = first.profile.truncated.get(lengths[0], {}).get(level)
                shares = [percents([one.accuracy[length][level] for one in documents]) for length in lengths]
                backbone = [
                    percents([first.profile.baseline[level]]),
                    MISSING if cut is None else percents([cut]),
                ]
                rows.append([corpus, level, arm, len(documents), *backbone, *shares])
    columns = ["corpus", "level", "arm", "seeds", "backbone", CUT, "shortest prefix", "full length"]
    return Table(f"accuracy-{group.slug}", f"{how(group.first)}.", columns, rows, left=3)


def _picture(group: Group, places: dict[str, int]) -> Picture:
    panels = {
        f"{corpus}, {level}": _lines(group.on(corpus), level)
        for corpus in group.corpora
        for level in group.on(corpus).ends
    }
    caption = (
        f"Accuracy at each prefix length, {group.name}: mean over seeds; bars are 95 % confidence intervals "
        "of the mean. Crosses are the backbone's own features, cut to the same lengths."
    )
    labels = "dimensions", "k-NN accuracy (%)"
    return Picture(f"accuracy-{group.slug}", caption, lambda: line_panels(panels, places, *labels))


def _lines(found: Group, level: str) -> Lines:
    lines = {}
    for arm in found.arms:
        tables = [row.document.accuracy for row in found.of(arm)]
        dims = found.of(arm)[0].document.dims
        lines[arm] = dims, [[100 * table[str(length)][level] for length in dims] for table in tables]
    cut = {int(length): 100 * shares[level] for length, shares in found.first.profile.truncated.items()}
    return lines | ({CUT: (list(cut), [list(cut.values())])} if cut else {})
