"""What `zoom` was made to do, and what it does: a section of choosing.md, from results."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from fractalctl.documents.compare import PlaceCompared
from fractalctl.documents.experiments import Ablation
from fractalctl.numbers import percent, signed
from fractalctl.report.results import Results, by_condition
from fractalctl.report.sections.choosing import BEHIND, unreached
from fractalctl.statistics.side_by_side import flat_accuracy
from fractalctl.tables import Section, Table
from store import FeatureStore

DEFAULT, END = "zoom", "zoom-1"
GOALS = f"""What the strategy was made to reach, and how far it gets, at 64 and 256 numbers:

- *beyond*: no other arm lies beyond all of its settings by more than {100 * BEHIND:.1f} points (table above);
- *kept*, *cost*: by default, a shortlist of 64 keeps at least 99 % of the nearest neighbours, at a quarter
  of the multiply-adds of a search at full length;
- *S of bound*: at amount 1, S is at least .8 of what it could be. The bound is the accuracy of the whole at
  the finest level, less that of naming each coarse class's most frequent finest class. Where that guess is
  right more often than a search, there is no bound to speak of;
- *coarse*, *fine*: there, the prefix's coarse and the whole's finest accuracy are at most .3 points below
  those of a head that is trained on that level alone (`coarse`, `fine`) and measured in the same way. A
  linear classifier of the untouched features stands beside it: it can weigh what k-NN among few rows of a
  class cannot;
- *10 rows*, *50 rows*: with so many labelled rows of each class, the whole's finest accuracy is not below
  the backbone's;
- *unseen*: among classes that training did not see, the finest accuracy is not below the backbone's, cut or
  whole.

Differences are in points. How long it trains stands among the [measurements of speed](performance.md)."""


def goals(results: Results, store: FeatureStore) -> Section:
    """Two tables with a row for each corpus that was measured under ``index``."""
    [index] = [one for one in results.compared if one.protocol == "index"]
    linear = {
        one.corpus: flat
        for one in results.evaluations
        if one.protocol == "index"
        if (flat := flat_accuracy(one))
    }
    ends = [list(_ends(place, linear[place.label], store)) for place in index.places]
    columns = ["corpus", "beyond", "kept", "cost", "S of bound"]
    columns += [
        f"{what}, against {whom}" for whom in ("a head", "a classifier") for what in ("coarse", "fine")
    ]
    prices = [[place.label, *_prices(results.ablations, place.label)] for place in index.places]
    return Section(
        "What zoom was made to do",
        [
            GOALS,
            Table("goals", "Goals at the default and at the end of the knob; protocol index.", columns, ends),
            Table("goals-prices", "Goals where labels are few or classes new; protocol index-2000.",
                  ["corpus", "10 rows", "50 rows", "unseen, cut", "unseen, whole"], prices),
        ],
        0,
    )  # fmt: skip


def _ends(place: PlaceCompared, linear: Mapping[str, float], store: FeatureStore) -> Iterator[str]:
    arms = {one.arm: {name: value.mean for name, value in one.measures.items()} for one in place.arms}
    default, end = arms[DEFAULT], arms[END]
    beyond = [lead.by for lead in unreached(place)]
    bound = end["full_fine"] - _guess(store, place.label)
    yield place.label
    yield f"{len(beyond)} by at most {100 * max(beyond):.1f}" if beyond else "none"
    yield percent(default["kept_64"], 1)
    yield percent(default["cost_64"], 0)
    yield f"{end['S'] / bound:.2f}" if bound > 0 else "no bound"
    for coarse, fine in (
        (arms["coarse"]["full_coarse"], arms["fine"]["full_fine"]),
        (linear["full_coarse"], linear["full_fine"]),
    ):
        yield _points(end["short_coarse"] - coarse)
        yield _points(end["full_fine"] - fine)


def _prices(ablations: Sequence[Ablation], corpus: str) -> Iterator[str]:
    for point in (10, 50):
        yield _points(_gain(ablations, corpus, "rows", point, -1))
    for place in (0, -1):
        yield _points(_gain(ablations, corpus, "unseen", "unseen", place))


def _points(difference: float) -> str:
    return signed(100 * difference, 1)


def _gain(ablations: Sequence[Ablation], corpus: str, axis: str, point: int | str, place: int) -> float:
    """Finest accuracy of `zoom` less that of the backbone, cut or whole, at one point of an axis."""
    [one] = [one for one in ablations if one.axis == axis and one.corpus == corpus]
    length, level = str(one.dims[place]), f"L{len(one.profile.classes) - 1}"
    runs = by_condition(one)
    ours, raw = (
        float(np.mean([run.accuracy[length][level] for run in runs[arm, (point,)]]))
        for arm in (DEFAULT, "raw")
    )
    return ours - raw


def _guess(store: FeatureStore, corpus: str) -> float:
    """Share of test rows whose finest class is the most frequent one, in training, of their coarse class."""
    features = store.resolve(f"{corpus}/minilm")
    training, asked = (np.asarray(features.labels(split)) for split in ("train", "test"))
    usual = {
        coarse: np.bincount(training[training[:, 0] == coarse, -1]).argmax()
        for coarse in np.unique(training[:, 0])
    }
    return float(np.mean([usual[coarse] == fine for coarse, fine in asked[:, [0, -1]]]))
