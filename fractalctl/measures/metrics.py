"""Every metric beyond k-NN accuracy in one table; a new one is a row here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fractalctl.errors import RequestError
from fractalctl.measures import information, probes, retrieval, routing
from fractalctl.measures.dual import dual
from fractalctl.measures.localisation import localisation
from fractalctl.measures.retention import CUTOFF, retention
from fractalctl.measures.subject import Sibling, Subject
from store.recipe import identity_of

EVERY = "all"
VERSION = "1.0"


@dataclass(frozen=True)
class Metric:
    """One metric of heads.

    Attributes:
        measure: from a subject to JSON values.
        settings: JSON values that decide its numbers, beyond head, features and protocol; recorded with them.
        uses: strategies whose heads it compares with where they are there.
        needs: strategies whose heads it cannot do without.
    """

    measure: Callable[[Subject], dict[str, Any]]
    settings: Mapping[str, Any] = field(default_factory=dict)
    uses: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


METRICS: dict[str, Metric] = {
    "retrieval": Metric(
        retrieval.retrieval, {"seed": retrieval.SPLIT_SEED, "cutoffs": list(retrieval.CUTOFFS)}
    ),
    "localisation": Metric(localisation),
    "routing": Metric(routing.routing, {"alphas": list(routing.ALPHAS)}, uses=("mrl",)),
    "dual": Metric(dual, needs=("coarse", "fine")),
    "information": Metric(
        information.information,
        {
            "seed": information.ROWS_SEED,
            "strengths": list(probes.STRENGTHS),
            "most_rows": [information.MOST_ROWS, information.MOST_VALIDATION_ROWS],
        },
    ),
    "retention": Metric(retention, {"seed": retrieval.SPLIT_SEED, "cutoff": CUTOFF}),
}
"""Metrics by their key in an evaluation file."""


def metric_names(wanted: Sequence[str]) -> tuple[str, ...]:
    """Names of metrics, each once, in the order of the table; ``all`` stands for every one.

    Raises:
        RequestError: there is no such metric.
    """
    if unknown := [name for name in wanted if name not in (*METRICS, EVERY)]:
        raise RequestError(
            f"metric '{unknown[0]}' is not known; choose from {', '.join(METRICS)}, or {EVERY}"
        )
    return tuple(name for name in METRICS if name in wanted or EVERY in wanted)


def metric_identity(name: str, evaluation: str, siblings: Mapping[str, Sibling]) -> str:
    """Hexadecimal SHA-256 of all that decides a metric's numbers; look-up and write both use it.

    Args:
        name: of the metric.
        evaluation: identity of the evaluation that it belongs to.
        siblings: heads by strategy that it compares with.
    """
    fixed = {
        "version": VERSION,
        "metric": name,
        "evaluation": evaluation,
        "settings": METRICS[name].settings,
        "siblings": {strategy: sibling.head.identity for strategy, sibling in siblings.items()},
    }
    return identity_of(fixed)
