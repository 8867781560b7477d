"""Compare the conditions of an ablation: every one against a reference, in the paper's families of tests."""

from collections.abc import Sequence
from typing import Any

from fractalctl.statistics.comparisons import Comparison, compare
from fractalctl.statistics.families import ABLATION_FAMILIES
from fractalctl.statistics.observations import Observation
from fractalctl.statistics.reading import encoder_of


def compare_conditions(documents: Sequence[dict[str, Any]], reference: str = "v5") -> list[Comparison]:
    """Test one condition against each other one, seed by seed, Holm-corrected in the paper's families.

    Over all the files given, inverted and no-prefix form one family (m = 4 on two corpora), uhmt another
    (m = 2), mrl a third (paper, Table 4). Conditions of one's own share a fourth.

    Args:
        documents: ablation files of one protocol, one per corpus.
        reference: the condition that the others are compared with.

    Returns:
        Comparisons in the order of files and conditions; none when the reference was not run.
    """
    observations = [
        Observation(
            document["corpus"],
            run["strategy"],
            run["seed"],
            {"S": run["steerability"]["S"]},
            backbone=encoder_of(document),
            protocol=document["protocol"],
            hits=run["hits"],
        )
        for document in documents
        for run in document["runs"]
    ]
    others = list(dict.fromkeys(one.strategy for one in observations if one.strategy != reference))
    if not others or len(others) == len({one.strategy for one in observations}):
        return []
    in_families = {name for family in ABLATION_FAMILIES for name in family.partition("=")[2].split(",")}
    own = [name for name in others if name not in in_families]
    families = [*ABLATION_FAMILIES, *([f"own={','.join(own)}"] if own else [])]
    return compare(
        observations, [(reference, other) for other in others], correction="holm", families=families
    )
