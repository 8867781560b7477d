"""The same comparison under several encoders (paper, Table 6)."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from fractalctl.report.markdown import NOTHING, number, pair, probability, spread
from fractalctl.report.measured import published
from fractalctl.report.runs import Document
from fractalctl.report.sections import Claim, Section, Table
from fractalctl.report.settings import Setting, settings
from fractalctl.report.steerability import difference
from fractalctl.statistics.comparisons import Comparison, corrected

PATTERN = "evaluation-*.json"


def section(documents: Sequence[Document]) -> Section | None:
    """The report's part on encoders; None where no corpus was measured under two of them."""
    by_protocol = defaultdict(list)
    for setting in settings(documents):
        by_protocol[setting.protocol].append(setting)
    compared = {protocol: _compared(members) for protocol, members in by_protocol.items()}
    found = {protocol: rows for protocol, rows in compared.items() if rows}
    if not found:
        return None
    text = (
        "v5 against mrl under every encoder that was featurized: the backbone, and the kind of head where "
        "that is not the linear one. Holm over the encoders of a corpus."
    )
    tables = [_table(protocol, rows) for protocol, rows in found.items()]
    claims = [claim for protocol, rows in found.items() for claim in _claims(protocol, rows)]
    return Section("Across encoders", [text, *tables], claims)


def _compared(found: Sequence[Setting]) -> list[Comparison]:
    """Comparisons on the corpora that have several encoders, corrected within each corpus."""
    by_corpus = defaultdict(list)
    for setting in found:
        for row in setting.v5_against_mrl:
            by_corpus[row.unit.corpus].append(row)
    several = [row for rows in by_corpus.values() if len(rows) > 1 for row in rows]
    return corrected(several, "holm", ["corpus"]) if several else []


def _table(protocol: str, rows: Sequence[Comparison]) -> Table:
    cells = []
    for row in rows:
        p = f"{probability(row.p_adjusted)} (m = {row.family_size})"
        arms = [len(row.seeds), spread(row.values_a), spread(row.values_b)]
        cells.append([row.unit.corpus, row.unit.backbone, *arms, number(row.effects.cohens_d, ".2f"), p])
    for corpus in dict.fromkeys(row.unit.corpus for row in rows):
        for encoder, theirs in published("encoders").get(corpus, {}).items():
            arms = [theirs["seeds"], pair(theirs["v5"]), pair(theirs["mrl"])]
            cells.append([corpus, f"paper: {encoder}", *arms, NOTHING, NOTHING])
    columns = ["corpus", "encoder", "seeds", "v5 S", "mrl S", "paired d", "p (Holm)"]
    caption = f"v5 against mrl by encoder, protocol {protocol} (Table 6; the paper's protocol is loo)."
    return Table(f"table-6-encoders-{protocol}", caption, columns, cells, left=2)


def _claims(protocol: str, rows: Sequence[Comparison]) -> Iterator[Claim]:
    for row in rows:
        where = f"{row.unit.corpus}, {row.unit.backbone}, {protocol}"
        yield "steerability does not depend on the encoder (Table 6)", where, difference(row)
