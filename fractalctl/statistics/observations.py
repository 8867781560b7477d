"""What statistics are made of: measurements of arms by place, and the corpora that places measure."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from fractalctl.documents.measured import Features, PackedHits
from fractalctl.documents.pooled import CorpusUnit
from fractalctl.documents.statistics import Place
from fractalctl.errors import RequestError
from fractalctl.numbers import listed

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


@dataclass(frozen=True)
class CorpusProfile:
    """What a corpus is like before any training.

    That is H(finest | L0) in bits, what the levels below the coarsest add, and the accuracy, a fraction, of
    the untouched backbone at the finest level.
    """

    depth: float
    baseline_accuracy: float


@dataclass(frozen=True)
class Observation:
    """One head's measurements; a table leaves empty what it does not say.

    Attributes:
        seed: of training; pairs the arms.
        metrics: name to value, such as ``{"S": 0.15}``; fractions.
        protocol: with rows and k, as in names of files: ``loo``, ``index-k=10``.
        features: the set that was measured on.
        trained_on: the set that the head was trained on.
        conditions: how it was measured (k, rows, ...): equal between all that is compared.
        training: how it was trained: equal within an arm.
        labels: of the corpus, as one text: equal where two sets hold the same classes and shares of them.
        profile: of the corpus under the backbone.
        truncated: the metrics of the backbone's own features, cut to the same lengths.
        untrained: what the head has to beat, see `side_by_side.untrained`.
        flat: accuracy of flat classifiers of the untouched features, see `side_by_side.flat_accuracy`.
        levels: of the corpus; ``titles`` are what people call them.
        source: file, or file and row, for messages.
    """

    corpus: str
    arm: str
    seed: int
    metrics: Mapping[str, float]
    strategy: str = ""
    backbone: str = ""
    protocol: str = ""
    features: Features | None = None
    trained_on: Features | None = None
    conditions: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    labels: str = ""
    profile: CorpusProfile | None = None
    truncated: Mapping[str, float] = field(default_factory=dict)
    untrained: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    flat: Mapping[str, float] = field(default_factory=dict)
    dims: tuple[int, ...] = ()
    levels: int = 0
    titles: tuple[str, ...] = ()
    hits: PackedHits | None = None
    source: str = ""

    @property
    def where(self) -> str:
        """What a message calls this measurement."""
        return self.source or f"{self.corpus}, {self.arm}, seed {self.seed}"

    @property
    def place(self) -> Place:
        """Where it was measured."""
        here, there = self.features, self.trained_on
        elsewhere = here and there and there.identity != here.identity
        return Place(
            corpus=self.corpus,
            backbone=self.backbone or None,
            features=here.name if here else None,
            features_identity=here.identity if here else None,
            trained_on=f"{there.corpus}/{there.name}" if there and elsewhere else None,
        )


Seeds = dict[int, Observation]
Measured = dict[Place, dict[str, Seeds]]
"""Measurements by place, arm and seed, in their order of first appearance."""


def arranged(observations: Iterable[Observation]) -> Measured:
    """Measurements by place, arm and seed; RequestError where one of these was measured twice."""
    found: Measured = {}
    for one in observations:
        first = found.setdefault(one.place, {}).setdefault(one.arm, {}).setdefault(one.seed, one)
        if first is not one:
            measured = f"{one.corpus}, {one.arm}, seed {one.seed}"
            raise RequestError(
                f"{one.where}: {measured} was already measured in {first.where}; give one of the two"
            )
    return found


def first_seen(values: Iterable[Key]) -> list[Key]:
    """The different values in their order of first appearance."""
    return list(dict.fromkeys(values))


def grouped(values: Iterable[Value], key: Callable[[Value], Key]) -> dict[Key, list[Value]]:
    """The values of each key, both in their order of first appearance."""
    found: dict[Key, list[Value]] = {}
    for value in values:
        found.setdefault(key(value), []).append(value)
    return found


def place_labels(places: Iterable[Place]) -> dict[Place, str]:
    """What tables call each place: the corpus, with as much more as tells places of one corpus apart.

    >>> sets = [Place(corpus="clinc", backbone="minilm", features=name) for name in ("minilm", "minilm-1a2b")]
    >>> list(place_labels(sets).values())
    ['clinc (minilm)', 'clinc (minilm-1a2b)']
    """
    distinct = first_seen(places)
    least = int(len({place.backbone for place in distinct}) > 1)
    found: dict[Place, str] = {}
    for places_of in grouped(distinct, lambda place: place.corpus).values():
        names = [_names(place) for place in places_of]
        level = next((n for n in range(least, 3) if len({name[n] for name in names}) == len(names)), 3)
        found |= {place: name[level] for place, name in zip(places_of, names, strict=True)}
    return {place: found[place] for place in distinct}


def _names(place: Place) -> list[str]:
    """The place's name, ever longer: corpus; with backbone; with feature set; with its identity."""
    identity = f"{place.features}, {(place.features_identity or '')[:8]}" if place.features else None
    ending = f", trained on {place.trained_on}" if place.trained_on else ""
    details = [None, place.backbone, place.features, identity]
    return [f"{place.corpus} ({detail}){ending}" if detail else place.corpus + ending for detail in details]


def choose_protocol(observations: Sequence[Observation], wanted: str | None = None) -> list[Observation]:
    """Keep the measurements of one protocol: the wanted one, else ``loo`` where there are several.

    Steerability under two protocols is two different quantities (the sparser the reference, the larger S), so
    they are never mixed. The wanted one is given as in names of files, or by its first word; RequestError
    where nothing or several fit, or some measurements say theirs and others do not.
    """
    found = first_seen(one.protocol for one in observations)
    unnamed = next((one for one in observations if not one.protocol), None)
    if wanted is None and unnamed and len(found) > 1:
        others = listed(sorted(set(found) - {""}))
        raise RequestError(
            f"{unnamed.where} does not say its protocol, and others are of {others}: add a column 'protocol' "
            "to the table, give it by itself, or leave it out with --protocol"
        )
    if wanted is None:
        plainest = min(found, key=lambda slug: (slug != "loo", slug.split("-")[0] != "loo"), default="")
        return [one for one in observations if one.protocol == plainest]
    fitting = [slug for slug in found if wanted in (slug, slug.split("-")[0])]
    if not fitting:
        there = ", ".join(name or "none named" for name in found)
        raise RequestError(f"nothing was measured under protocol '{wanted}' (there is: {there})")
    if wanted not in fitting and len(fitting) > 1:
        raise RequestError(f"several protocols are '{wanted}': name one of {', '.join(fitting)}")
    return [one for one in observations if one.protocol == (wanted if wanted in fitting else fitting[0])]


def choose_backbone(observations: Sequence[Observation], wanted: str | None = None) -> list[Observation]:
    """Keep the measurements under one backbone, or all; RequestError where there are none."""
    kept = [one for one in observations if wanted in (None, one.backbone)]
    if not kept:
        found = first_seen(one.backbone or "none named" for one in observations)
        raise RequestError(f"nothing was measured under backbone '{wanted}' (there is: {', '.join(found)})")
    return kept


def placed(observations: Sequence[Observation]) -> list[Observation]:
    """Put the rows of tables where evaluations of the same corpus were made, so that they can be compared.

    A table does not say on which feature set it measured, and often not under which backbone: RequestError
    where evaluations of a row's corpus were made at several places that fit it.
    """
    evaluated = {one.place: one for one in observations if one.features and not one.place.trained_on}
    return [one if one.features else _beside(one, evaluated) for one in observations]


def _beside(row: Observation, evaluated: Mapping[Place, Observation]) -> Observation:
    fitting = [
        place
        for place in evaluated
        if place.corpus == row.corpus and row.backbone in ("", evaluated[place].backbone)
    ]
    if len(fitting) > 1:
        raise RequestError(
            f"{row.where} could be of {listed(list(place_labels(fitting).values()))}: say its backbone in a "
            "column 'backbone', or keep one with --backbone"
        )
    for place in fitting:
        one = evaluated[place]
        return replace(row, features=one.features, trained_on=one.trained_on, backbone=one.backbone)
    return row


Profiles = Mapping[tuple[str, str], CorpusProfile]
"""(corpus, backbone), or (corpus, "") for every backbone, to profile."""


@dataclass(frozen=True)
class Corpus:
    """A corpus as the unit of replication: its name, and what tables call it.

    Attributes:
        places: that measure it, with their labels: feature sets under any backbone.
        profiles: of each place; None where it is not known.
    """

    name: str
    label: str
    places: Mapping[Place, str]
    profiles: Mapping[Place, CorpusProfile | None]

    def profile(self, places: Iterable[Place]) -> CorpusProfile | None:
        """Mean over some of its places; None where that of one is not known."""
        return _mean_profile([self.profiles[place] for place in dict.fromkeys(places)])

    def unit(self, places: Iterable[Place]) -> CorpusUnit:
        """As it stands in ``stats.json``, measured at some of its places."""
        labels = [self.places[place] for place in dict.fromkeys(places)]
        return CorpusUnit(label=self.label, corpus=self.name, averaged=labels if len(labels) > 1 else [])


def corpora_of(measured: Measured, given: Profiles | None = None) -> list[Corpus]:
    """The corpora that were measured under one protocol, each with all places that measure it.

    Sets of one name with the same labels are one corpus, under whatever backbone; with other labels they are
    two. Heads measured on another set than their own are no replication: they count only where there are no
    others. Profiles that are given come before those of evaluations.
    """
    places = [place for place in measured if not place.trained_on] or list(measured)
    heads = {place: [one for seeds in measured[place].values() for one in seeds.values()] for place in places}
    known = {place: next((one.labels for one in heads[place] if one.labels), "") for place in places}
    of_name: dict[str, str] = {}
    for place in places:
        of_name[place.corpus] = of_name.get(place.corpus) or known[place]
    groups = grouped(places, lambda place: (place.corpus, known[place] or of_name[place.corpus]))
    tabled = given or {}
    profiles = {
        place: tabled.get((place.corpus, place.backbone or ""))
        or tabled.get((place.corpus, ""))
        or next((one.profile for one in heads[place] if one.profile), None)
        for place in places
    }
    labels, names = place_labels(measured), Counter(name for name, _ in groups)
    return [
        Corpus(
            name=name,
            label=name if names[name] == 1 else labels[members[0]],
            places={place: labels[place] for place in members},
            profiles={place: profiles[place] for place in members},
        )
        for (name, _), members in groups.items()
    ]


def _mean_profile(profiles: Sequence[CorpusProfile | None]) -> CorpusProfile | None:
    known = [(one.depth, one.baseline_accuracy) for one in profiles if one]
    return CorpusProfile(*np.mean(known, axis=0).tolist()) if len(known) == len(profiles) else None


def by_corpus(
    corpora: Sequence[Corpus], found: Iterable[Value], place_of: Callable[[Value], Place]
) -> list[tuple[Corpus, list[Value]]]:
    """What was found at the places of each corpus; corpora where nothing was are left out."""
    owners = {place: number for number, corpus in enumerate(corpora) for place in corpus.places}
    owned = (one for one in found if place_of(one) in owners)
    groups = grouped(owned, lambda one: owners[place_of(one)])
    return [(corpora[number], groups[number]) for number in sorted(groups)]
