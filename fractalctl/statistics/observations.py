"""What statistics are made of: one measurement of one strategy, trained with one seed, on one corpus."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fractalctl.errors import RequestError


@dataclass(frozen=True)
class Profile:
    """What a corpus is like before any training.

    Attributes:
        depth: bits, H(L1|L0): what the levels below the coarsest add, given the coarsest.
        learnability: fraction, accuracy of the untouched backbone at the finest level.
        coarse_entropy: bits, H(L0), where known.
    """

    depth: float
    learnability: float
    coarse_entropy: float | None = None


@dataclass(frozen=True)
class Observation:
    """One head's measurements.

    Attributes:
        corpus: name of the corpus.
        strategy: name of the supervision.
        seed: of training; pairs the arms.
        metrics: name to value, such as ``{"S": 0.15}``; fractions.
        backbone: name of the encoder, empty where a table does not say.
        protocol: ``loo`` or ``index``, empty where a table does not say.
        settings: what must be equal for two measurements to be comparable (k, rows, prefixes, ...).
        profile: of the corpus under the backbone, where known.
        hits: packed per-query hits, as in an evaluation file, where known.
        source: file, or file and row, for messages.
    """

    corpus: str
    strategy: str
    seed: int
    metrics: Mapping[str, float]
    backbone: str = ""
    protocol: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    profile: Profile | None = None
    hits: Mapping[str, Any] | None = None
    source: str = ""

    @property
    def where(self) -> str:
        """What a message calls this measurement."""
        return self.source or f"{self.corpus}, {self.strategy}, seed {self.seed}"

    @property
    def unit(self) -> "Unit":
        """The corpus and backbone that this is a measurement of."""
        return Unit(self.corpus, self.backbone)


@dataclass(frozen=True)
class Unit:
    """A corpus under a backbone: what effects are pooled over."""

    corpus: str
    backbone: str = ""

    def label(self, units: Iterable["Unit"]) -> str:
        """The corpus's name, with the backbone where these units differ in it."""
        several = len({unit.backbone for unit in units}) > 1
        return f"{self.corpus} ({self.backbone})" if several else self.corpus


def first_seen(values: Iterable[Any]) -> list[Any]:
    """The different values in their order of first appearance."""
    return list(dict.fromkeys(values))


def choose_protocol(observations: Sequence[Observation], wanted: str | None = None) -> list[Observation]:
    """Keep the measurements of one protocol: the wanted one, else ``loo`` where there are several.

    Steerability under two protocols is two different quantities (the sparser the reference, the larger
    S), so they are never mixed.

    Raises:
        RequestError: nothing was measured under the wanted protocol.
    """
    found = first_seen(observation.protocol for observation in observations)
    if wanted is None and len(found) <= 1:
        return list(observations)
    protocol = wanted or ("loo" if "loo" in found else found[0])
    kept = [observation for observation in observations if observation.protocol == protocol]
    if not kept:
        there = ", ".join(name or "none named" for name in found)
        raise RequestError(f"nothing was measured under protocol '{protocol}' (there is: {there})")
    return kept


def choose_backbone(observations: Sequence[Observation], wanted: str | None = None) -> list[Observation]:
    """Keep the measurements under one backbone, or all of them when none is named.

    Raises:
        RequestError: nothing was measured under the wanted backbone.
    """
    kept = [observation for observation in observations if wanted in (None, observation.backbone)]
    if not kept:
        found = first_seen(observation.backbone or "none named" for observation in observations)
        raise RequestError(f"nothing was measured under backbone '{wanted}' (there is: {', '.join(found)})")
    return kept


def check_protocol(observations: Sequence[Observation]) -> None:
    """Make sure that all measurements are of one protocol.

    Raises:
        RequestError: they are of several.
    """
    found = first_seen(observation.protocol for observation in observations)
    if len(found) > 1:
        there = " and ".join(name or "none named" for name in found)
        raise RequestError(
            f"S is not comparable across protocols, and these are of {there}: keep those of one"
        )


def check_metric(observations: Sequence[Observation], metric: str) -> None:
    """Make sure that every measurement has the metric.

    Raises:
        RequestError: one has not; the message names it and what there is.
    """
    for observation in observations:
        if metric not in observation.metrics:
            there = ", ".join(observation.metrics) or "nothing"
            raise RequestError(f"{observation.where}: no metric '{metric}' (there is: {there})")


def check_unique(observations: Sequence[Observation]) -> None:
    """Make sure that no seed of an arm was measured twice.

    Raises:
        RequestError: two measurements of the same corpus, backbone, strategy, seed and protocol.
    """
    seen: dict[tuple[Any, ...], str] = {}
    for one in observations:
        key = (one.corpus, one.backbone, one.strategy, one.seed, one.protocol)
        if key in seen:
            measured = f"{one.corpus}, {one.strategy}, seed {one.seed}"
            raise RequestError(
                f"{one.where}: {measured} was already measured in {seen[key]}; give one of the two"
            )
        seen[key] = one.where
