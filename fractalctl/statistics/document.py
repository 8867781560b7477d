"""The document of statistics (``stats.json``): all that one call computes from a set of measurements."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fractalctl.statistics.comparisons import Comparison, Pair, compare, default_pair
from fractalctl.statistics.curves import quadratic_block
from fractalctl.statistics.equivalence import ALPHA, equivalence
from fractalctl.statistics.notes import notes_on
from fractalctl.statistics.observations import Observation, choose_backbone, choose_protocol, first_seen
from fractalctl.statistics.pooling import meta_block, sign_block
from fractalctl.statistics.power import plan
from fractalctl.statistics.published import beside_paper
from fractalctl.statistics.query_tests import query_tests
from fractalctl.statistics.reading import read_profiles
from fractalctl.statistics.robustness import robustness
from fractalctl.statistics.scaling import find_profiles, points, scaling

ENCODING_TYPE = "fractalctl-statistics"
ENCODING_VERSION = "1.0"


@dataclass(frozen=True)
class Options:
    """What to compute.

    Attributes:
        pairs: strategies to compare as (a, b); empty: see `comparisons.default_pair`. Pooling, scaling and
            robustness are of the first pair.
        metric: a key of ``steerability`` in evaluation files, or a column of a table.
        protocol: ``loo`` or ``index``; None: ``loo`` where both are there.
        backbone: keep only its measurements; None: all.
        correction: a key of `corrections.CORRECTIONS`; None: no adjusted p values.
        families: see `families.family_names`.
        allow_unpaired: drop seeds that only one arm has.
        meta, scaling, robustness, power: compute these blocks.
        equivalence: margin of the equivalence tests; None: none.
        profiles: CSV table of corpus profiles.
        quadratic: CSV table of a curve over H(L0).
    """

    pairs: tuple[Pair, ...] = ()
    metric: str = "S"
    protocol: str | None = None
    backbone: str | None = None
    correction: str | None = None
    families: tuple[str, ...] = ("pair",)
    allow_unpaired: bool = False
    meta: bool = False
    scaling: bool = False
    robustness: bool = False
    power: bool = False
    equivalence: float | None = None
    profiles: Path | None = None
    quadratic: Path | None = None


def analyse(observations: Sequence[Observation], options: Options) -> dict[str, Any]:
    """Compute everything that is asked for.

    Args:
        observations: as `reading.read_observations` gives them; may be empty when only a curve is asked for.
        options: what to compute.

    Returns:
        JSON values without NaN: where a figure does not exist it is null and ``reason`` says why.

    Raises:
        RequestError: the measurements do not allow what is asked for.
    """
    document: dict[str, Any] = {"encoding-type": ENCODING_TYPE, "encoding-version": ENCODING_VERSION}
    if observations:
        document |= _of_measurements(observations, options)
    else:
        document |= {"comparisons": [], "sign_test": None}
    if options.quadratic:
        document["quadratic"] = quadratic_block(options.quadratic)
    return document


def _of_measurements(observations: Sequence[Observation], options: Options) -> dict[str, Any]:
    chosen = choose_protocol(choose_backbone(observations, options.backbone), options.protocol)
    pairs = options.pairs or (default_pair(chosen),)
    rows = compare(
        chosen,
        pairs,
        metric=options.metric,
        correction=options.correction,
        families=options.families,
        allow_unpaired=options.allow_unpaired,
    )
    first = [row for row in rows if (row.a, row.b) == pairs[0]]
    profiles = find_profiles(chosen, read_profiles(options.profiles) if options.profiles else None)
    document: dict[str, Any] = {
        "metric": options.metric,
        "protocol": rows[0].protocol or None,
        "alpha": ALPHA,
        "correction": options.correction,
        "families": _families(rows),
        "comparisons": [_row(row, options) for row in rows],
        "sign_test": sign_block(first) if first else None,
    }
    if options.meta:
        document["meta"] = meta_block(first, profiles)
    if options.scaling:
        strategy = pairs[0][0]
        measured = points(chosen, strategy, options.metric, profiles)
        document["scaling"] = {"strategy": strategy, "metric": options.metric, **scaling(measured)}
    if options.robustness:
        document["robustness"] = robustness(chosen, pairs[0], options.allow_unpaired)
    if (queries := query_tests(chosen, rows)) is not None:
        document["queries"] = queries
    document["notes"] = notes_on(observations, chosen, rows, pairs)
    document["published"] = [asdict(figure) for figure in beside_paper(document)]
    return document


def _row(row: Comparison, options: Options) -> dict[str, Any]:
    document = row.document()
    if options.equivalence is not None:
        document["equivalence"] = {
            "b": asdict(equivalence(row.values_b, options.equivalence, ALPHA)),
            "difference": asdict(equivalence(row.gaps, options.equivalence, ALPHA)),
        }
    if options.power:
        document["power"] = asdict(plan(row.effects.cohens_d, row.test.n, alpha=ALPHA))
    return document


def _families(rows: Sequence[Comparison]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "m": sum(row.test.p is not None for row in rows if row.family == name),
            "correction": rows[0].correction,
            "members": [
                {"corpus": row.unit.corpus, "backbone": row.unit.backbone or None, "a": row.a, "b": row.b}
                for row in rows
                if row.family == name
            ],
        }
        for name in first_seen(row.family for row in rows)
    ]
