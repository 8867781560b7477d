"""Accuracy at every prefix length."""

from fractalctl.numbers import MISSING, percents
from fractalctl.report.figures import Lines, highest, row_panels
from fractalctl.report.results import Group, Results, how
from fractalctl.tables import Part, Picture, Section, Table

ORDER = 20
CUT = "backbone, cut"


def build(results: Results) -> Section | None:
    """The report's part on accuracy."""
    text = (
        "k-NN accuracy in %, mean ± standard deviation over seeds. The backbone is asked in the same way: "
        "with all its dimensions, and cut to the shortest length of the arm."
    )
    parts: list[Part] = []
    for group in results.settings:
        pictures = [_picture(group.on(corpus), results.places) for corpus in group.corpora]
        parts += [_table(group), *pictures]
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
                rows.append([corpus, found.titles[level], arm, len(documents), *backbone, *shares])
    columns = ["corpus", "level", "arm", "seeds", "backbone", CUT, "shortest prefix", "full length"]
    return Table(f"accuracy-{group.slug}", f"{how(group.first)}.", columns, rows, left=3)


def _picture(group: Group, places: dict[str, int]) -> Picture:
    """One corpus: a row for each end of its tree."""
    rows = {group.titles[level]: _lines(group, level) for level in group.ends}
    caption = (
        f"Accuracy at each prefix length, {group.name}: mean over seeds; bars are 95 % confidence intervals "
        "of the mean. The dashed line is the backbone's own features, cut to the same lengths."
    )
    labels = "dimensions", "k-NN accuracy (%)"
    name, alt = f"accuracy-{group.slug}", f"Accuracy over length, {group.name}. {highest(rows)}"
    return Picture(name, caption, lambda: row_panels(rows, places, *labels), alt)


def _lines(found: Group, level: str) -> Lines:
    lines = {}
    for arm in (one for one in found.arms if found.of(one)[0].document.strategy != "raw"):
        tables = [row.document.accuracy for row in found.of(arm)]
        dims = found.of(arm)[0].document.dims
        lines[arm] = dims, [[100 * table[str(length)][level] for length in dims] for table in tables]
    cut = {int(length): 100 * shares[level] for length, shares in found.first.profile.truncated.items()}
    return lines | ({CUT: (list(cut), [list(cut.values())])} if cut else {})
