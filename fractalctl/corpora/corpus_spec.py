"""What is to know about a corpus before it is read, as data: `CorpusSpec`."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

from fractalctl.corpora.records import ReadContext, Row
from fractalctl.errors import RequestError
from store.recipe import check_name

PROSE = {"title", "about", "licence", "citation", "url", "rows", "classes"}
"""Fields of a spec that describe its corpus without deciding what is read."""
NOT_IN_DIGEST = PROSE | {"read", "edition"}


@dataclass(frozen=True, kw_only=True)
class Repository:
    """A dataset on the Hugging Face hub.

    Args:
        id: owner and name.
        config: configuration, where there are several.
        data_files: files by split, where the repository does not say so itself.
    """

    id: str
    config: str | None = None
    revision: str | None = None
    data_files: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class HubCopy(Repository):
    """A repository that holds a corpus and loads without running scripts.

    Args:
        text: columns whose texts are joined by a space.
        labels: column of each level that has one, as ``name`` or ``name[0]`` (first entry of a list).
        single: column with a list of labels; only rows with exactly one are kept.
        row_id: column of the publisher's row identifier.
        rows: published number of rows by split, where it differs from the corpus's.
        classes: published number of classes by level, where it differs from the corpus's.
        citation: of the copy, where it is a corpus of its own.
    """

    text: tuple[str, ...] = ("text",)
    labels: Mapping[str, str] = field(default_factory=dict)
    single: str | None = None
    row_id: str | None = None
    rows: Mapping[str, int] | None = None
    classes: Mapping[str, int] | None = None
    citation: str | None = None


@dataclass(frozen=True, kw_only=True)
class CorpusSpec:
    """A corpus: its levels, where its rows come from, and what its publisher says of it.

    The rows come from the first of these that there is: a local copy (``--data``, for corpora with ``files``
    or ``hub``), the function ``read``, the hub. Further fields are explained at the head of ``corpora.toml``.

    Args:
        name: by which it is asked for; its folder in the store.
        levels: names of all levels, coarse to fine.
        default: the levels that are used unless others are asked for; empty for all.
        files: the publisher's files or folders by split, or one called ``all``.
        read: gives the rows: mappings with ``text``, a label under the name of each level, and where they
            have them ``split`` and ``id``.
        edition: JSON value that changes whenever ``read`` would give other rows, such as a version, or a
            function that finds it; part of the identity of feature sets.
        rows: published number of rows by split (``all``: of all rows).
        classes: published number of classes by level.

    Raises ValueError: fewer than two levels, an unknown default level, no rows, or ``read`` without
    ``edition``; StoreRequestError: the name cannot be that of a folder.
    """

    name: str
    levels: tuple[str, ...]
    default: tuple[str, ...] = ()
    title: str = ""
    about: str = ""
    licence: str = ""
    citation: str = ""
    url: str = ""
    hub: HubCopy | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    companions: Mapping[str, str] = field(default_factory=dict)
    alone: tuple[str, ...] = ()
    read: Callable[[ReadContext], Iterable[Row]] | None = None
    edition: Any = None
    characters: int | None = None
    drop: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    groups: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    before: Mapping[str, str] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)
    classes: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what could not be read."""
        check_name("corpus", self.name)
        if len(self.levels) < 2 or not set(self.default) <= set(self.levels):
            raise ValueError(f"corpus {self.name}: needs two levels or more, and default levels among them")
        if not (self.hub or self.files or self.read):
            raise ValueError(f"corpus {self.name}: needs hub, files or read, which its rows come from")
        if self.read and self.edition is None:
            raise ValueError(
                f"corpus {self.name}: needs an edition, by which to know the rows that read gives"
            )

    @property
    def takes_data(self) -> bool:
        """Whether a local copy can be read (``--data``)."""
        return bool(self.files or self.hub)

    @property
    def digest(self) -> str:
        """SHA-256 of all that decides the content, so that a changed grouping or limit is another corpus."""
        content = asdict(self)
        for part in (content, content["hub"] or {}):
            for name in NOT_IN_DIGEST & part.keys():
                del part[name]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def choose_levels(self, wanted: tuple[str, ...]) -> tuple[str, ...]:
        """The levels that a request means: its own, or the corpus's default.

        Raises RequestError: an unknown level, fewer than two, or an order that is not coarse to fine.
        """
        known = ", ".join(self.levels)
        unknown = [level for level in wanted if level not in self.levels]
        if unknown:
            raise RequestError(f"{self.name} has no level '{unknown[0]}'; its levels are {known}")
        if wanted and (len(wanted) < 2 or wanted != tuple(level for level in self.levels if level in wanted)):
            raise RequestError(
                f"levels must be two or more, coarse to fine, out of {known}; not {', '.join(wanted)}"
            )
        return wanted or self.default or self.levels

    def complete(self, labels: Mapping[str, str], wanted: tuple[str, ...]) -> dict[str, str]:
        """Add the classes of coarser levels that follow from those of finer ones.

        Args:
            labels: class by level, as the source gives them.
            wanted: levels that are asked for, coarse to fine.

        Returns class by level; a wanted level that does not follow from any given one is missing.

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
