"""Sections on metrics, from documents made by hand."""

from importlib import import_module

import numpy as np
import pytest

from fractalctl.measures.bounds import theorem_1
from fractalctl.measures.routing import ALPHAS, mixed
from fractalctl.report.measured import Contest, decimals, groups, larger, percent, published
from fractalctl.report.sections import Picture, Section, Table

METRICS = ("retrieval", "localisation", "routing", "dual", "information", "retention")
DIMS = ("64", "128", "192", "256")
SEEDS = (42, 123, 456)


def document(strategy: str, seed: int, protocol: str = "loo") -> dict:
    """v5 is coarse when short; mrl is much the same at every length. Seeds differ by a little."""
    shake = 0.001 * (seed % 10)
    rise = [0.0, 0.04, 0.05, 0.06 + shake] if strategy == "v5" else [0.0, 0.002, 0.004, 0.006]
    fine = [(0.87 if strategy == "v5" else 0.93) + step + shake for step in rise]
    coarse = [0.97 + shake] * 4 if strategy == "v5" else [0.96 + shake] * 4
    accuracy = {d: {"L0": a, "L1": b} for d, a, b in zip(DIMS, coarse, fine, strict=True)}
    return {
        "corpus": "clinc", "backbone": "minilm", "head": "linear", "strategy": strategy, "seed": seed,
        "protocol": protocol, "dims": [64, 128, 192, 256], "accuracy": accuracy, **parts(accuracy, strategy),
    }  # fmt: skip


def parts(accuracy: dict, strategy: str) -> dict:
    ends = accuracy["256"]["L1"], accuracy["64"]["L0"]
    fixed = {d: {"mixed": mixed((accuracy[d]["L1"], accuracy[d]["L0"]))} for d in DIMS}
    bits = {"bits": 3.0 if strategy == "v5" else 2.8, "error": 0.05, "fano_bits": 2.5, "fano_error": 0.03}
    fine = {**bits, "bits": 3.6}
    lengths = {
        d: {"retained_accuracy": {"L0": 1.0, "L1": 0.9}, "retained_recall@10": {"L0": 1.0, "L1": None},
            "bytes_per_document": 4 * int(d), "relative_cost": int(d) / 256}
        for d in (*DIMS, "384")
    }  # fmt: skip
    side = {"coarse_short": accuracy["64"]["L0"], "coarse_full": 0.95, "fine_full": accuracy["256"]["L1"]}
    side |= {"bytes_per_document": 1024, "coarse_query_bytes": 256, "head_bytes": 9}
    entropies = {"L0": np.full(3, 3.3), "L1|L0": np.full(3, 3.9)}
    gains = {"L0": np.full(3, bits["bits"]), "L1|L0": np.full(3, 3.6)}
    theorem = theorem_1(entropies, gains)
    return {
        "retrieval": {
            "n_queries": 1000, "n_documents": 1000, "mrr": accuracy,
            "recall": {d: {name: dict.fromkeys(("1", "5", "10", "20"), share) for name, share in row.items()}
                       for d, row in accuracy.items()},
        },
        "localisation": {
            "accuracy": {"first": accuracy["64"], "rest": accuracy["256"]}, "separation": ends[1] - ends[0],
        },
        "routing": {
            "short": 64, "full": 256, "alphas": list(ALPHAS), "mean_dimension": mixed((256, 64)),
            "adaptive": mixed(ends), "fixed": fixed,
            "mrl": {"dimension": 256, "mixed": mixed((0.935, 0.96))},
        },
        "dual": {"single": side, "dedicated": {**side, "coarse_full": 0.96}},
        "information": {
            "rows": {"test": 2000}, "entropy": {"L0": 3.3, "L1|L0": 3.9}, "theorem_1": theorem,
            "bounds": {d: {"L0": bits, "L1|L0": fine} for d in DIMS},
        },
        "retention": {
            "head": {d: lengths[d] for d in DIMS}, "backbone": lengths,
            "measured_here": {"microseconds_per_query": dict.fromkeys(DIMS, 4.0), "n_reference": 500},
        },
    }  # fmt: skip


@pytest.fixture(scope="module")
def documents() -> list[dict]:
    return [
        document(strategy, seed, protocol)
        for protocol in ("loo", "index")
        for strategy in ("v5", "mrl")
        for seed in SEEDS
    ]


def module(name: str):
    return import_module(f"fractalctl.report.{name}")


@pytest.mark.parametrize("name", METRICS)
def test_sections_are_whole(name: str, documents: list[dict]) -> None:
    pytest.importorskip("matplotlib")
    section = module(name).section(documents)
    assert isinstance(section, Section)
    assert module(name).PATTERN == "evaluation-*.json"
    for table in (part for part in section.parts if isinstance(part, Table)):
        assert table.rows
        assert {len(row) for row in table.rows} == {len(table.columns)}
    names = [part.name for part in section.parts if isinstance(part, Table | Picture)]
    assert len(names) == len(set(names))
    assert section.claims
    assert all(len(claim) == 3 and claim[2].startswith("**") for claim in section.claims)


@pytest.mark.parametrize("name", METRICS)
def test_documents_without_the_metric_are_passed_over(name: str, documents: list[dict]) -> None:
    bare = [{key: value for key, value in one.items() if key != name} for one in documents]
    assert module(name).section(bare) is None
    assert module(name).tables(bare) == []


@pytest.mark.parametrize("name", METRICS)
def test_one_seed_of_one_strategy_is_enough(name: str) -> None:
    pytest.importorskip("matplotlib")
    assert module(name).section([document("uhmt", 42)]) is not None


def test_retrieval_stands_beside_table_7_and_counts_once(documents: list[dict]) -> None:
    table = module("retrieval").tables(documents)[0]
    assert len(table.rows) == 4, "both protocols hold the same retrieval"
    row = next(row for row in table.rows if row[1:3] == ["L1", "v5"])
    assert row[3] == "87.4 ± 0.2"
    assert row[-2:] == ["+6.4 ± 0.2", "87.1, 92.7, 93.7, 93.4"]


def test_verdicts_follow_the_numbers(documents: list[dict]) -> None:
    pytest.importorskip("matplotlib")
    said = {
        claim.split(" (")[0]: text.split("**")[1]
        for name in METRICS
        for claim, _, text in module(name).section(documents[:6]).claims
    }
    assert said["v5's fine Recall@1 ramps more steeply than mrl's"] == "holds"
    assert said["under v5, I(z_1; L0) > I(z_1; L1 | L0)"] == "does not hold", "the fine bound exceeds H(L0)"
    assert said["adaptive v5 is ahead of mrl wherever alpha >= 0.35"] == "holds"
    assert said["v5 at full length is within 1 point of a dedicated fine encoder"] == "holds"


def test_contests_are_tested_and_corrected_by_family() -> None:
    close = {42: 0.10, 123: 0.12, 456: 0.11, 789: 0.13}
    far = {42: 0.01, 123: 0.02, 456: 0.01, 789: 0.02, 1024: 9.9}
    noisy = {42: 0.3, 123: -0.1, 456: 0.2, 789: 0.0}
    contests = [
        Contest("a", close, far, "x"), Contest("b", far, close, "x"), Contest("c", noisy, far, "y"),
        Contest("d", close, {1: 0.0}),
    ]  # fmt: skip
    found = larger("claim", contests, lambda a, b: f"{a:.3f} against {b:.3f}")
    assert [where for _, where, _ in found] == ["a", "b", "c"]
    assert [text.split("**")[1] for _, _, text in found] == [
        "holds", "does not hold", "same direction, not significant",
    ]  # fmt: skip
    assert found[0][2] == "**holds**: 0.115 against 0.015, p < 0.001, n = 4 seeds"


def test_numbers_as_text() -> None:
    assert percent([0.1, 0.2]) == "15.0 ± 7.1"
    assert percent([0.021], "+") == "+2.1"
    assert decimals([], 2) == "-"


def test_documents_are_grouped_by_condition_and_length(documents: list[dict]) -> None:
    shorter = {**document("v5", 42), "dims": [32, 64]}
    found = groups([*documents, shorter], "routing")
    assert [(group.condition, group.dims[0], len(group.documents)) for group in found] == [
        ("loo", 64, 6), ("index", 64, 6), ("loo", 32, 1),
    ]  # fmt: skip
    assert found[0].where == "clinc, minilm, loo"


@pytest.mark.parametrize("name", ["retrieval", "localisation", "routing", "dual", "retention"])
def test_published_numbers_can_be_read(name: str) -> None:
    assert published(name)
