from fractalctl.statistics.comparisons import compare
from fractalctl.statistics.reading import read_observations
from tests.statistics.material import random_hits, write_evaluation


def test_heads_of_two_kinds_are_two_encoders(tmp_path) -> None:
    for kind, folder in (("linear", "linear"), ("fractal", "fractal")):
        for seed in (42, 123, 456):
            for strategy, steerable in (("v5", 0.3), ("mrl", 0.0)):
                hits = random_hits(seed, steerable)
                values = {"corpus": "clinc", "strategy": strategy, "seed": seed, "head": kind}
                write_evaluation(tmp_path / folder, hits, **values)
    rows = compare(read_observations([tmp_path]))
    assert len(rows) == 2
    assert {row.unit.backbone.endswith("+fractal") for row in rows} == {True, False}
    assert all(len(row.seeds) == 3 for row in rows)
