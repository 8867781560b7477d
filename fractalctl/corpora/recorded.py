"""What a feature set's recipe says of its corpus."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store import FeatureSet


def level_names(features: "FeatureSet") -> tuple[str, ...]:
    """What the corpus calls its levels, coarsest first; L0, L1 ... where nobody has named them."""
    said = features.recipe["corpus"]["identity"]
    names = said.get("levels")
    named = isinstance(names, list) and len(names) == features.n_levels and not said.get("path")
    return tuple(map(str, names)) if named else unnamed(features.n_levels)


def source_of(features: "FeatureSet") -> str | None:
    """Where the texts came from, as somebody typed it, paths whole; None in sets of earlier versions."""
    said: str | None = features.recipe["observed"].get("source")
    return said


def duplicates(features: "FeatureSet") -> int | None:
    """How many test rows stand in the training split too, see `Corpus.duplicates`; None where nobody said."""
    count: int | None = features.recipe["observed"].get("duplicates")
    return count


def published(features: "FeatureSet") -> bool:
    """Whether it is of a registered corpus that others publish: no file of one's own, and not `pydocs`."""
    said = features.recipe["corpus"]["identity"]
    return "spec" in said and "edition" not in said


def unnamed(n_levels: int) -> tuple[str, ...]:
    """Names of D levels that nobody has named."""
    return tuple(f"L{level}" for level in range(n_levels))
