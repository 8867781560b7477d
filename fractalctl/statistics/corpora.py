"""One corpus, one unit: what measures a corpus several times is averaged before corpora are counted."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from fractalctl.documents.pooled import CorpusUnit
from fractalctl.documents.statistics import Place
from fractalctl.statistics.observations import CorpusProfile, Measured, place_labels

Profiles = Mapping[tuple[str, str], CorpusProfile]
"""(corpus, backbone), or (corpus, "") for every backbone, to profile."""


@dataclass(frozen=True)
class Corpus:
    """A corpus as the unit of replication.

    Attributes:
        name: of the corpus.
        label: what tables call it.
        places: that measure it, with their labels: feature sets under any backbone.
        profile: mean over the places; None where one is not known.
    """

    name: str
    label: str
    places: Mapping[Place, str]
    profile: CorpusProfile | None

    def unit(self, places: Iterable[Place]) -> CorpusUnit:
        """As it stands in ``stats.json``, measured at some of its places."""
        labels = [self.places[place] for place in dict.fromkeys(places)]
        return CorpusUnit(label=self.label, corpus=self.name, averaged=labels if len(labels) > 1 else [])


def corpora_of(measured: Measured, given: Profiles | None = None) -> list[Corpus]:
    """The corpora that were measured, each with all places that measure it.

    Sets of one name with the same labels are one corpus, under whatever backbone; with other labels they are
    two. Heads measured on another set than their own are no replication: they count only where there are no
    others.

    Args:
        measured: of one protocol.
        given: profiles that come before those of evaluations.
    """
    places = [place for place in measured if not place.trained_on] or list(measured)
    heads = {place: [one for seeds in measured[place].values() for one in seeds.values()] for place in places}
    known = {place: next((one.labels for one in heads[place] if one.labels), "") for place in places}
    of_name: dict[str, str] = {}
    for place in places:
        of_name[place.corpus] = of_name.get(place.corpus) or known[place]
    groups: dict[tuple[str, str], list[Place]] = {}
    for place in places:
        groups.setdefault((place.corpus, known[place] or of_name[place.corpus]), []).append(place)
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
            profile=_mean_profile([profiles[place] for place in members]),
        )
        for (name, _), members in groups.items()
    ]


def _mean_profile(profiles: Sequence[CorpusProfile | None]) -> CorpusProfile | None:
    known = [(one.depth, one.baseline_accuracy) for one in profiles if one]
    return CorpusProfile(*np.mean(known, axis=0).tolist()) if len(known) == len(profiles) else None


At = TypeVar("At")


def by_corpus(
    corpora: Sequence[Corpus], found: Iterable[At], place_of: Callable[[At], Place]
) -> list[tuple[Corpus, list[At]]]:
    """What was found at the places of each corpus; corpora where nothing was are left out."""
    owners = {place: number for number, corpus in enumerate(corpora) for place in corpus.places}
    groups: dict[int, list[At]] = {}
    for one in found:
        if (number := owners.get(place_of(one))) is not None:
            groups.setdefault(number, []).append(one)
    return [(corpora[number], groups[number]) for number in sorted(groups)]
