"""What a folder of runs holds, read for reporting, and the names that every table and figure uses for it."""

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from itertools import chain, count
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from fractalctl.documents import Document, read_document
from fractalctl.documents.compare import ArmsCompared
from fractalctl.documents.evaluation import Evaluation
from fractalctl.documents.experiments import Ablation, Synthesis
from fractalctl.documents.latency import Latency
from fractalctl.documents.measured import Conditions, Run
from fractalctl.documents.statistics import Statistics
from fractalctl.documents.zoom import Zoom
from fractalctl.errors import FractalError, RequestError
from fractalctl.heads.arms import follows_depth
from fractalctl.statistics.observations import grouped
from fractalctl.statistics.reading import protocol_of

KINDS: dict[str, tuple[str, type[Document]]] = {
    "evaluations": ("evaluation-*.json", Evaluation),
    "ablations": ("ablation-*.json", Ablation),
    "syntheses": ("synth*.json", Synthesis),
    "latencies": ("latency*.json", Latency),
    "zooms": ("zoom*.json", Zoom),
    "statistics": ("stats*.json", Statistics),
}
"""Result files by the field of `Results` that holds them: the pattern of their names, and their class."""
LONGEST_SLUG = 180
"""Bytes; a name of a file has 255 at most."""


@dataclass(frozen=True)
class Measured:
    """One evaluation under the names that tables use.

    Attributes:
        corpus: what it was measured on; says more than the corpus's name where that would be ambiguous.
        arm: its label; says more where two arms that are trained differently have one label.
        result: of a metric, in its own type; None where none is looked at.
    """

    corpus: str
    arm: str
    document: Evaluation
    result: Any = None


@dataclass(frozen=True)
class Group:
    """Evaluations whose numbers may stand in one table; ``name`` says what they have in common."""

    name: str
    rows: Sequence[Measured]

    @property
    def slug(self) -> str:
        """For names of files."""
        return slug(self.name)

    @property
    def first(self) -> Evaluation:
        """One of the documents."""
        return self.rows[0].document

    @property
    def arms(self) -> list[str]:
        """Labels, each once."""
        return list(dict.fromkeys(row.arm for row in self.rows))

    @property
    def corpora(self) -> list[str]:
        """Names, each once."""
        return list(dict.fromkeys(row.corpus for row in self.rows))

    @property
    def levels(self) -> list[str]:
        """Names of the first document's levels, coarsest first."""
        return list(self.first.accuracy[str(self.first.dims[0])])

    @property
    def ends(self) -> list[str]:
        """Its coarsest and its finest level."""
        return list(dict.fromkeys((self.levels[0], self.levels[-1])))

    @property
    def titles(self) -> dict[str, str]:
        """What people call these levels."""
        return dict(zip(self.levels, self.first.profile.titles, strict=True))

    def of(self, arm: str) -> list[Measured]:
        """One arm's rows."""
        return [row for row in self.rows if row.arm == arm]

    def on(self, corpus: str) -> "Group":
        """The rows of one corpus."""
        return Group(f"{corpus}, {self.name}", [row for row in self.rows if row.corpus == corpus])


class Ends(NamedTuple):
    """What one table calls the coarsest and the finest level: whole in its caption, short in its columns."""

    coarsest: str = "the coarsest level"
    finest: str = "the finest level"
    coarse: str = "coarse"
    fine: str = "fine"

    @classmethod
    def of(cls, groups: Iterable[Group]) -> "Ends":
        """Their names where all groups have the same, else what can be said of all."""
        return cls.called(group.first.profile.titles for group in groups)

    @classmethod
    def called(cls, several: Iterable[Sequence[str]]) -> "Ends":
        """The same of the titles of several trees."""
        found = {(titles[0], titles[-1]) for titles in several}
        if len(found) != 1:
            return cls()
        (titles,) = found
        return cls(*titles, *map(name_of, titles))


@dataclass(frozen=True)
class Results:
    """Everything a report draws, each kind in the order of its files; ``warnings`` say what was left out."""

    evaluations: Sequence[Evaluation] = ()
    ablations: Sequence[Ablation] = ()
    syntheses: Sequence[Synthesis] = ()
    latencies: Sequence[Latency] = ()
    zooms: Sequence[Zoom] = ()
    statistics: Sequence[Statistics] = ()
    compared: Sequence[ArmsCompared] = ()
    warnings: Sequence[str] = ()

    @cached_property
    def measured(self) -> list[Measured]:
        """Every evaluation under the names that tables use."""
        names = zip(
            corpus_names(self.evaluations), _arm_names(self.evaluations), self.evaluations, strict=True
        )
        return [Measured(*one) for one in names]

    @cached_property
    def places(self) -> dict[str, int]:
        """A number for each arm, in the order of the results: it has one colour and marker in all figures."""
        names = [row.arm for row in self.measured]
        names += [run.arm for one in self.ablations for run in one.runs]
        names += [arm for one in self.syntheses for arm in one.arms]
        return {arm: place for place, arm in enumerate(dict.fromkeys(names))}

    @cached_property
    def settings(self) -> list[Group]:
        """Evaluations by backbone and protocol: S is compared within one."""
        found = grouped(self.measured, lambda row: setting_of(row.document))
        return [Group(name, rows) for name, rows in found.items()]

    def with_metric(
        self, name: str, read: Callable[[Evaluation], Any], condition: Callable[[Measured], str] | None = None
    ) -> list[Group]:
        """Evaluations that have a metric, by corpus, backbone, condition and prefix lengths.

        Args:
            condition: what sets its results apart, where it is not the protocol; of evaluations alike in that
                the first one of each arm and seed stands.
        """

        def place(row: Measured) -> tuple[str, tuple[int, ...]]:
            what = condition(row) if condition else protocol_of(row.document)
            return f"{row.corpus}, {row.document.backbone}, {what}", tuple(row.document.dims)

        having = [row for row in self.measured if name in row.document.metrics]
        groups = grouped([replace(row, result=read(row.document)) for row in having], place)
        firsts = [
            (key, grouped(rows, lambda row: (row.arm, row.document.seed))) for key, rows in groups.items()
        ]
        return [Group(key[0], [rows[0] for rows in seeds.values()]) for key, seeds in firsts]


def read_results(folder: Path) -> Results:
    """Read every result file below a folder, in order of path.

    A file that is damaged, of another format, or says again what another says is left out, with a warning.

    Raises RequestError: there is no result file that can be read.
    """
    found: dict[str, Any] = {kind: [] for kind in KINDS}
    warnings: list[str] = []
    seen: dict[Hashable, Path] = {}
    for kind, (pattern, document_type) in KINDS.items():
        for path in sorted(folder.rglob(pattern), key=_natural):
            try:
                document = _readable(read_document(path, document_type), warnings)
            except RequestError:
                continue  # a file of another kind that has a name like these
            except FractalError as error:
                warnings.append(f"left out {error}")
                continue
            if (other := seen.setdefault(_key(document, path), path)) is path:
                found[kind].append(document)
            else:
                warnings.append(
                    f"left out {path}: {other} holds the same arm and seed under the same conditions"
                )
    if not any(found.values()):
        why = f" ({warnings[0]})" if warnings else ""
        raise RequestError(
            f"{folder}: no results here{why}; run 'fractalctl evaluate', 'fractalctl ablate' or another "
            "experiment first"
        )
    _name_levels([found[kind] for kind in ("evaluations", "ablations", "syntheses")])
    return Results(**found, warnings=warnings)


def _name_levels(kinds: Sequence[list[Any]]) -> None:
    """Have files of earlier versions call the levels as other files of the same tree of classes do."""
    known = {_tree(one): one.profile.levels for one in chain.from_iterable(kinds) if one.profile.levels}
    for documents in kinds:
        for place, one in enumerate(documents):
            named = msgspec.structs.replace(one.profile, levels=_levels_of(one, known))
            documents[place] = msgspec.structs.replace(one, profile=named)


def _levels_of(one: Any, known: Mapping[tuple[str, int], list[str]]) -> list[str]:
    """Names of a file's levels; one that was added above those of its feature set has none of its own."""
    about, count_below = getattr(one, "about", {}), len(one.profile.classes) - 1
    below = known.get((str(about.get("base_identity")), count_below)) if "added_level" in about else None
    return ["added", *below] if below else known.get(_tree(one), one.profile.levels)


def _tree(one: Conditions) -> tuple[str, int]:
    """What decides the names of levels: the feature set, and how many levels of it were looked at."""
    return one.features.identity, len(one.profile.classes)


def _natural(path: Path) -> list[list[tuple[bool, int, str]]]:
    """A path for sorting, in which numbers count as numbers: ``seed-42`` comes before ``seed-123``."""
    words = [re.split(r"(\d+)", part) for part in path.parts]
    return [[(one.isdecimal(), int(one) if one.isdecimal() else 0, one) for one in part] for part in words]


def _readable(document: Document, warnings: list[str]) -> Document:
    """A document without the metrics that cannot be read."""
    if not isinstance(document, Evaluation) or not document.metrics:
        return document
    from fractalctl.measures.metrics import metrics

    known, kept = metrics(), dict(document.metrics)
    for name in document.metrics:
        try:
            if metric := known.get(name):
                metric.read(document)
        except FractalError as error:
            warnings.append(f"left out {error}")
            del kept[name]
    return msgspec.structs.replace(document, metrics=kept)


def _key(document: Document, path: Path) -> Hashable:
    """What may be there once: an arm's seed on a feature set under one protocol; other files as they are."""
    if not isinstance(document, Evaluation):
        return path
    arm = document.arm, _trained(document, whole=True)
    return setting_of(document), _unit(document), arm, document.seed


def name_of(title: str) -> str:
    """What a level is called, without the code behind it.

    >>> name_of("area [L0]"), name_of("L0")
    ('area', 'L0')
    """
    return title.rpartition(" [")[0] or title


def setting_of(one: Conditions) -> str:
    """Backbone and protocol, as captions name them."""
    odd = [] if one.metric == "cosine" else [one.metric]
    odd += [] if one.renormalised else ["not renormalised"]
    return ", ".join([one.backbone, protocol_of(one), *odd])


def how(one: Conditions) -> str:
    """How accuracy was taken, for captions."""
    rule = {"loo": "test rows ask each other", "index": "test rows ask the training rows"}[one.protocol]
    anew = ", every prefix normalised anew" if one.renormalised else ""
    return f"{setting_of(one)}: {rule}; k = {one.k}, {one.metric}{anew}"


def where(document: Statistics) -> str:
    """What part of a folder was tested, for captions; empty where the user named the measurements."""
    about = document.about
    words = [about.axis, about.backbone or "all backbones", about.protocol] if about else []
    return ", ".join(word for word in words if word)


def named(document: Statistics, what: str) -> str:
    """Stem of a table's or figure's files, different for every part of a folder."""
    return slug(f"{what}-{where(document)}")


def _unit(one: Any) -> tuple[str, str, str, str, str]:
    """Corpus, backbone and feature set that were measured; and what an evaluation's head was trained on."""
    features, trained = one.features, getattr(one, "trained_on", one.features)
    elsewhere = "" if trained.identity == features.identity else f"{trained.corpus}/{trained.name}"
    return one.corpus, one.backbone, features.name, features.identity, elsewhere


def corpus_names(documents: Iterable[Any]) -> list[str]:
    """What to call each feature set: its corpus, and more where another set of it has the same backbone."""
    units, names = list(map(_unit, documents)), []
    sets = {key: {one[2:4] for one in own} for key, own in grouped(units, lambda one: one[:2]).items()}
    for corpus, backbone, name, identity, trained in units:
        alike = sets[corpus, backbone]
        same_name = [one for one, _ in alike].count(name) > 1
        which = f" ({name}, {identity[:8]})" if same_name else f" ({name})" if len(alike) > 1 else ""
        names.append(f"{corpus}{which}" + (f", trained on {trained}" if trained else ""))
    return names


def by_condition(one: Ablation) -> dict[tuple[str, tuple[int | float | str, ...]], list[Run]]:
    """Runs by arm and point of the axis, in their order."""
    return grouped(one.runs, lambda run: (run.arm, tuple(run.point.values())))


def _trained(one: Evaluation, *, whole: bool) -> str:
    """Hexadecimal SHA-256 of an arm, with or without the settings that follow the depth of its tree."""
    kept = {
        name: value
        for name, value in one.shared_settings.items()
        if whole or not follows_depth(one.strategy, name, value)
    }
    what = msgspec.json.encode([one.strategy, one.method, one.trunk, kept], order="sorted")
    return sha256(what).hexdigest()


def _arm_names(evaluations: Sequence[Evaluation]) -> list[str]:
    """Labels, with digits of a hash where one label was trained in several ways.

    Corpora with another number of levels may differ in settings that follow it.
    """
    ways: dict[tuple[str, int], set[str]] = {}
    for one in evaluations:
        for levels in (0, len(one.profile.classes)):
            ways.setdefault((one.arm, levels), set()).add(_trained(one, whole=levels > 0))
    several = {arm for (arm, _), found in ways.items() if len(found) > 1}
    return [
        f"{one.arm} [{_trained(one, whole=True)[:8]}]" if one.arm in several else one.arm
        for one in evaluations
    ]


def unused(name: str, taken: set[str]) -> str:
    """A name, with a number behind it where it is taken; it is taken from then on.

    >>> taken = set()
    >>> [unused(name, taken) for name in ("loo-2", "loo", "loo", "loo")]
    ['loo-2', 'loo', 'loo-3', 'loo-4']
    """
    names = chain([name], (f"{name}-{turn}" for turn in count(2)))
    found = next(one for one in names if one not in taken)
    taken.add(found)
    return found


def slug(name: str) -> str:
    """A name in names of files: whatever it holds, it is one part of a path, and not too long for one.

    >>> slug("clinc (minilm), loo-2000")
    'clinc-minilm-loo-2000'
    """
    plain = re.sub(r"[^\w.=]+", "-", name).strip("-.") or "unnamed"
    if len(plain.encode()) <= LONGEST_SLUG:
        return plain
    short = plain.encode()[: LONGEST_SLUG - 9].decode(errors="ignore")
    return f"{short}-{sha256(name.encode(errors='replace')).hexdigest()[:8]}"
