"""What there is to say about a corpus: the numbers of the paper's Table 1, and its tree."""

from typing import Any

import numpy as np

from fractalctl.corpora.corpus import Corpus
from fractalctl.corpora.registry import registered_corpora


def describe(corpus: Corpus) -> dict[str, Any]:
    """Numbers and tree of a corpus, as JSON values.

    Returns:
        ``name``, ``levels``, ``classes`` (K of each level), ``branching`` (mean number of children),
        ``entropies`` (H(L0), H(L1|L0), ... in bits, on the training split), ``rows`` by split, ``tree``
        (class -> classes below it, with the number of training rows at the finest level), ``notes``, and of
        registered corpora ``title``, ``licence``, ``citation``, ``url``.
    """
    spec = registered_corpora().get(corpus.name)
    about = {key: getattr(spec, key) for key in ("title", "licence", "citation", "url")} if spec else {}
    return {
        "name": corpus.name,
        **about,
        "levels": list(corpus.levels),
        "classes": list(corpus.tree.class_counts),
        "branching": list(corpus.tree.branching),
        "entropies": list(corpus.entropies),
        "rows": {name: len(split) for name, split in corpus.splits.items()},
        "notes": list(corpus.notes),
        "tree": nested_tree(corpus),
    }


def nested_tree(corpus: Corpus) -> dict[str, Any]:
    """Classes below classes, down to the number of training rows of each finest class."""
    finest = corpus.splits["train"].labels[:, -1]
    rows = np.bincount(finest, minlength=corpus.tree.class_counts[-1])
    root: dict[str, Any] = {}
    for path, count in zip(corpus.tree.paths, rows, strict=True):
        branch = root
        for name in path[:-1]:
            branch = branch.setdefault(name, {})
        branch[path[-1]] = int(count)
    return root


def count_rows(branch: Any) -> int:
    """Training rows at and below a branch of a nested tree."""
    return sum(map(count_rows, branch.values())) if isinstance(branch, dict) else int(branch)
