"""The answer: how often each level is right at the shortest and at the full length."""

from collections.abc import Iterator
from statistics import mean

from fractalctl.numbers import MISSING, percent
from fractalctl.report.answers import BASELINES, Places, baselines_of, protocol_in_words, shares
from fractalctl.report.results import Group, Results, grouped, slug
from fractalctl.tables import Section, Table

ORDER = -10
MOST_ARMS = 5
"""Of a corpus that are shown at once; a page opens all of them on demand."""
PLAIN = ("pca",)
"""Arms that stand beside the others however good they are: what needs no labels."""
TEXT = (
    "Right answers in %: of the class that most of the nearest rows have. What training must beat stands "
    "below each corpus's arms: the untouched encoder cut to the same numbers, and its principal components "
    "(PCA), which need no labels. Means ± standard deviations over training seeds."
)


def build(results: Results) -> Section | None:
    """The report's first part."""
    parts: list[str | Table] = [TEXT]
    for group in sorted(results.settings, key=lambda group: group.first.protocol):
        for corpus in group.corpora:
            found = grouped(group.on(corpus).rows, lambda row: tuple(row.document.dims))
            for rows in found.values():
                parts += _tables(corpus, Group(f"{corpus}-{group.name}", rows))
    return Section("What you get", parts, ORDER, summary=True) if len(parts) > 1 else None


def _tables(corpus: str, group: Group) -> Iterator[Table]:
    """The best arms and, where there are more, all of them."""
    first = group.first
    titles = dict(zip(group.levels, first.profile.titles, strict=True))
    short, full = first.dims[0], first.dims[-1]
    places = [(level, str(length)) for length in dict.fromkeys((short, full)) for level in group.ends]
    columns = ["arm", *(f"{titles[level]} at {length}" for level, length in places)]
    rows, every = (list(_rows(group, places, most)) for most in (MOST_ARMS, None))
    saved = f"{short} numbers take {percent(short / full)} of the bytes of {full}." if full != short else ""
    best = f"The {MOST_ARMS} arms with the largest sum of the first and the last column."
    asked = f"{corpus}, {protocol_in_words(first)}."
    caption = " ".join(filter(None, [asked, saved, best if len(rows) < len(every) else ""]))
    name = slug(f"answer-{group.name}-{'-'.join(map(str, first.dims))}")
    yield Table(name, caption, columns, rows)
    if len(rows) < len(every):
        yield Table(f"{name}-all", f"All arms on {asked}", columns, every, folded=True)


def _rows(group: Group, places: Places, most: int | None) -> Iterator[list[object]]:
    """Arms, the best first, then what they must beat."""
    found = {arm: [row.document for row in group.of(arm)] for arm in group.arms}

    def gain(arm: str) -> float:
        asked = (places[0], places[-1])
        return sum(mean(one.accuracy[length][level] for one in found[arm]) for level, length in asked)

    ranked = sorted((arm for arm in found if arm not in PLAIN), key=gain, reverse=True)
    documents = [row.document for row in group.rows]
    measured = any(BASELINES in one.metrics for one in documents)
    beside = [arm for arm in PLAIN if arm in found and not measured]
    for arm in [*ranked[:most], *beside]:
        yield [arm, *shares([one.accuracy for one in found[arm]], places)]
    for name, accuracy in baselines_of(documents).items():
        if all(length in accuracy for _, length in places):
            yield [name, *shares([accuracy], places)]
    whole = shares([{"": documents[0].profile.baseline}], [(level, "") for level in group.ends])
    blank = [MISSING] * (len(places) - len(group.ends))
    yield [f"{documents[0].backbone}, all its numbers", *blank, *whole]
