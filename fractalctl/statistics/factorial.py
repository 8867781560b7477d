"""Tests of a two-by-two design: two supervisions, each on a frozen encoder and on a tuned one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fractalctl.statistics.comparisons import DEFAULT_PAIR, Comparison, Pair, compare, corrected
from fractalctl.statistics.observations import Observation, first_seen
from fractalctl.statistics.reading import encoder_of

ENCODERS = ("frozen", "tuned")


def arm(strategy: str, encoder: str) -> str:
    """What a cell of the design is called in comparisons: ``mrl tuned``."""
    return f"{strategy} {encoder}"


def lead(first: str, other: str, encoder: str) -> str:
    """What the lead of one strategy over another on one encoder is called: ``v5 over mrl tuned``."""
    return f"{first} over {other} {encoder}"


def compare_tuning(documents: Sequence[Mapping[str, Any]]) -> list[Comparison]:
    """The paper's comparisons of the design, and its interaction, paired over seeds.

    For the first strategy a (v5 where it is there) and each other one b: a against b on either encoder, a
    frozen against b tuned, tuned against frozen for each, and the interaction: whether a's lead over b on
    the tuned encoder differs from that on the frozen one. Holm over the comparisons of one corpus.

    Args:
        documents: files of the axis ``backbone`` of one protocol, one per corpus.

    Returns:
        Comparisons in the order of corpora; none where a file has one strategy.
    """
    strategies = first_seen(run["strategy"] for one in documents for run in one["runs"])
    first, *others = sorted(strategies, key=lambda name: name != DEFAULT_PAIR[0])
    if not others:
        return []
    observations = [one for document in documents for one in _observations(document, first, others)]
    return corrected(compare(observations, _pairs(first, others)), "holm", ["corpus"])


def _pairs(first: str, others: Sequence[str]) -> list[Pair]:
    frozen, tuned = ENCODERS
    pairs = []
    for other in others:
        pairs += [(arm(first, encoder), arm(other, encoder)) for encoder in ENCODERS]
        pairs += [(arm(first, frozen), arm(other, tuned))]
        pairs += [(lead(first, other, tuned), lead(first, other, frozen))]
    return pairs + [(arm(name, tuned), arm(name, frozen)) for name in (first, *others)]


def _observations(document: Mapping[str, Any], first: str, others: Sequence[str]) -> list[Observation]:
    """Every run, and every lead of the first strategy over another with the same seed and encoder."""
    runs = {
        (run["strategy"], run["encoder"], run["seed"]): Observation(
            document["corpus"],
            arm(run["strategy"], run["encoder"]),
            run["seed"],
            {"S": run["steerability"]["S"]},
            backbone=encoder_of(document),
            protocol=document["protocol"],
        )
        for run in document["runs"]
    }
    leads = [
        replace(
            one,
            strategy=lead(first, other, encoder),
            metrics={"S": one.metrics["S"] - runs[other, encoder, seed].metrics["S"]},
        )
        for (strategy, encoder, seed), one in runs.items()
        if strategy == first
        for other in others
        if (other, encoder, seed) in runs
    ]
    return [*runs.values(), *leads]
