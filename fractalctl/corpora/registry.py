"""The registered corpora as data: one `CorpusSpec` for each table of ``corpora.toml``."""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from functools import cache, cached_property
from importlib.resources import files
from itertools import pairwise
from typing import Any

from fractalctl.errors import RequestError

PYDOCS = "pydocs"
"""The corpus that is made at run time; it has no spec."""

PROSE = frozenset({"title", "about", "licence", "citation", "url", "rows", "classes"})
"""Fields of a spec that describe its corpus without deciding what is read."""


@dataclass(frozen=True)
class HubCopy:
    """A copy on the Hugging Face hub that loads without running scripts.

    Args:
        id: owner and name.
        text: columns whose texts are joined by a space.
        labels: column of each level that has one, as ``name`` or ``name[0]`` (first entry of a list).
        config: configuration of the repository.
        revision: commit that is loaded; None where none could be verified.
        data_files: files by split, where the repository does not say so itself.
        single: column with a list of labels; only rows with exactly one are kept.
        row_id: column of the publisher's row identifier.
        rows: published number of rows by split, where it differs from the corpus's.
        classes: published number of classes by level, where it differs from the corpus's.
        citation: of the copy, where it is a corpus of its own.
    """

    id: str
    text: tuple[str, ...]
    labels: Mapping[str, str]
    config: str | None = None
    revision: str | None = None
    data_files: Mapping[str, str] | None = None
    single: str | None = None
    row_id: str | None = None
    rows: Mapping[str, int] | None = None
    classes: Mapping[str, int] | None = None
    citation: str | None = None


@dataclass(frozen=True)
class CorpusSpec:
    """A registered corpus; the meaning of the fields is told at the head of ``corpora.toml``."""

    name: str
    title: str
    about: str
    levels: tuple[str, ...]
    default: tuple[str, ...]
    licence: str
    citation: str
    url: str
    hub: HubCopy
    files: Mapping[str, str]
    companions: Mapping[str, str] = field(default_factory=dict)
    alone: tuple[str, ...] = ()
    characters: int | None = None
    drop: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    groups: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    before: Mapping[str, str] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)
    classes: Mapping[str, int] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """SHA-256 of all that decides the content, so that a changed grouping or limit is another corpus."""
        content = asdict(self)
        for part in (content, content["hub"]):
            for name in PROSE & part.keys():
                del part[name]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def choose_levels(self, wanted: tuple[str, ...]) -> tuple[str, ...]:
        """The levels that a request means: its own, or the corpus's default.

        Raises:
            RequestError: an unknown level, fewer than two, or an order that is not coarse to fine.
        """
        known = ", ".join(self.levels)
        unknown = [level for level in wanted if level not in self.levels]
        if unknown:
            raise RequestError(f"{self.name} has no level '{unknown[0]}'; its levels are {known}")
        if wanted and (len(wanted) < 2 or wanted != tuple(level for level in self.levels if level in wanted)):
            raise RequestError(
                f"levels must be two or more, coarse to fine, out of {known}; not {', '.join(wanted)}"
            )
        return wanted or self.default

    def complete(self, labels: Mapping[str, str], wanted: tuple[str, ...]) -> dict[str, str]:
        """Add the classes of coarser levels that follow from those of finer ones.

        Args:
            labels: class by level, as the source gives them.
            wanted: levels that are asked for, coarse to fine.

        Returns:
            Class by level; a wanted level that does not follow from any given one is missing.

        Raises:
            LookupError: a class that stands in none of the groups of the level above; the message says which.
        """
        found = dict(labels)
        for finer, coarser in pairwise(reversed(self.levels[self.levels.index(wanted[0]) :])):
            if finer not in found or coarser in found:
                continue
            if coarser in self.before:
                found[coarser] = found[finer].partition(self.before[coarser])[0]
            elif coarser in self.groups:
                if found[finer] not in self._parents[coarser]:
                    raise LookupError(
                        f"'{found[finer]}' stands in no group of level '{coarser}' of {self.name}"
                    )
                found[coarser] = self._parents[coarser][found[finer]]
        return found

    @cached_property
    def _parents(self) -> dict[str, dict[str, str]]:
        return {
            level: {child: group for group, children in groups.items() for child in children}
            for level, groups in self.groups.items()
        }


@cache
def registered() -> Mapping[str, CorpusSpec]:
    """All registered corpora by name."""
    tables = tomllib.loads(files(__package__).joinpath("corpora.toml").read_text("utf-8"))
    return {name: _spec(name, table) for name, table in tables.items()}


def no_such_corpus(name: str) -> RequestError:
    """The error for a name that is neither a registered corpus nor a file; it lists what there is."""
    near = get_close_matches(name, [*registered(), PYDOCS], 1)
    guess = f" (did you mean '{near[0]}'?)" if near else ""
    names = ", ".join([*registered(), PYDOCS])
    return RequestError(
        f"'{name}' is neither a registered corpus{guess} nor a file. Registered are {names}; "
        "own data is the path of a .csv, .tsv, .jsonl or .parquet file, or hub:owner/name"
    )


def _spec(name: str, table: dict[str, object]) -> CorpusSpec:
    values = _frozen(table)
    return CorpusSpec(name=name, **{**values, "hub": HubCopy(**values["hub"])})


def _frozen(value: object) -> Any:
    if isinstance(value, dict):
        return {key: _frozen(item) for key, item in value.items()}
    return tuple(value) if isinstance(value, list) else value
