"""What a feature set's recipe says of its corpus."""

from store import FeatureSet


def level_names(features: FeatureSet) -> tuple[str, ...]:
    """What the corpus calls its levels, coarsest first; L0, L1 ... where nobody has named them."""
    said = features.recipe["corpus"]["identity"]
    names = said.get("levels")
    named = isinstance(names, list) and len(names) == features.n_levels and not said.get("path")
    return tuple(map(str, names)) if named else unnamed(features.n_levels)


def unnamed(n_levels: int) -> tuple[str, ...]:
    """Names of D levels that nobody has named."""
    return tuple(f"L{level}" for level in range(n_levels))
