"""What a report gets tested about a folder of results."""

import msgspec
import numpy as np
import pytest
from scipy import stats

from fractalctl.documents.experiments import PartitionResult, Synthesis
from fractalctl.statistics import compare_partitions, heterogeneity, peak, summarise
from tests.statistics.material import ablation, evaluation, profile, random_hits, run

SEEDS = (42, 123, 456)


def evaluations(arms: dict[str, float], **changes):
    return [
        evaluation(random_hits(seed, steerable), strategy=arm, seed=seed, **changes)
        for arm, steerable in arms.items()
        for seed in SEEDS
    ]


def synthesis() -> Synthesis:
    """Two arms, two numbers of coarse classes, two partitions of each."""
    random = np.random.default_rng(0)

    def partition(coarse: int, seed: int | None) -> PartitionResult:
        runs = [run(arm, training, random.normal(mean, 0.02)) for arm, mean in (("lda", 0.1), ("v5", 0.2))
                for training in SEEDS]  # fmt: skip
        return PartitionResult(
            coarse=coarse, partition_seed=seed, groups=[], profile=profile(), runs=runs, identity=""
        )

    base = ablation("clinc", "x", None, [run("lda", 1, 0.0), run("v5", 1, 0.0)])
    common = {name: getattr(base, name) for name in Synthesis.__struct_fields__ if hasattr(base, name)}
    further = {
        "coarse": [2, 5],
        "partition_seeds": [1, 2],
        "natural": partition(10, None),
        "partitions": [partition(size, seed) for size in (2, 5) for seed in (1, 2)],
        "curves": {"lda": peak([[1.0], [2.0]], [[0.1], [0.2]])},
    }
    return Synthesis(**(common | further))


def test_every_backbone_and_protocol_has_a_document_of_its_own():
    arms = {"v5": 0.3, "mrl": 0.0, "lda": 0.1}
    found = summarise([
        *evaluations(arms), *evaluations(arms, corpus="trec", profile=profile([6, 50], [2.4, 2.2])),
        *evaluations(arms, protocol="index"), *evaluations(arms, max_test=60),
    ])  # fmt: skip
    assert [(one.about.kind, one.about.backbone, one.about.protocol) for one in found] == [
        ("evaluations", "minilm", "loo"),
        ("evaluations", "minilm", "index"),
        ("evaluations", "minilm", "loo-60"),
    ]
    first = found[0]
    assert (first.about.reference, first.about.corpora) == ("mrl", ["clinc", "trec"])
    pairs = [(row.label, row.a, row.b) for row in first.comparisons]
    assert pairs == [(corpus, arm, "mrl") for corpus in ("clinc", "trec") for arm in ("v5", "lda")]
    assert {row.family_size for row in first.comparisons} == {2}
    assert [(one.a, one.meta.k) for one in first.over_corpora()] == [("v5", 2), ("lda", 2)]
    assert first.scaling.arm == "v5"
    assert len(first.described) == 6


def test_backbones_are_compared_where_a_corpus_has_several():
    arms = {"v5": 0.3, "mrl": 0.0}
    found = summarise([
        *evaluations(arms), *evaluations(arms, backbone="e5"),
        *evaluations(arms, corpus="trec", profile=profile([6, 50], [2.4, 2.2])),
    ])  # fmt: skip
    (across,) = (one for one in found if one.about.kind == "backbones")
    assert [row.label for row in across.comparisons] == ["clinc (minilm)", "clinc (e5)"]
    assert {row.family for row in across.comparisons} == {"clinc, v5 vs mrl"}
    (one,) = across.across_backbones
    expected = heterogeneity({row.label: row.gaps for row in across.comparisons})
    assert (one.corpus, one.a, one.b, one.p) == ("clinc", "v5", "mrl", expected.p)


def test_what_cannot_be_compared_is_left_out_and_said():
    uneven = [*evaluations({"v5": 0.3, "mrl": 0.0}), *evaluations({"lda": 0.1})[:1]]
    (found,) = summarise(uneven)
    assert [(row.a, row.b) for row in found.comparisons] == [("v5", "mrl")]
    assert any("lda lacks 123, 456" in note for note in found.notes)
    (allowed,) = summarise(uneven, allow_unpaired=True)
    assert [(row.a, row.b, row.n) for row in allowed.comparisons] == [("v5", "mrl", 3), ("lda", "mrl", 1)]
    longer = evaluations({"v5": 0.3}, corpus="trec", settings={"epochs": 9})
    (found,) = summarise([*evaluations({"v5": 0.3, "mrl": 0.0}), *longer])
    assert found.comparisons == []
    message = "'epochs' is 5 in clinc/minilm/v5/seed-42, loo but 9 in trec/minilm/v5"
    assert any(message in note for note in found.notes)
    (found,) = summarise([*evaluations({"v5": 0.3, "mrl": 0.0}), *evaluations({"v5": 0.3})])
    assert len(found.comparisons) == 1
    assert "clinc/minilm/v5/seed-42, loo is left out: the same was measured in" in " ".join(found.notes)


def test_one_arm_is_described_and_nothing_is_nothing():
    (found,) = summarise(evaluations({"v5": 0.3}))
    assert (found.comparisons, found.about.reference, len(found.described)) == ([], None, 1)
    assert summarise([]) == []


def test_ablations_are_corrected_over_corpora_and_kept_apart_by_their_arms():
    def one(corpus: str, arms: tuple[str, ...], seed: int):
        random = np.random.default_rng(seed)
        runs = [run(arm, seed, random.normal(0.1, 0.02)) for arm in arms for seed in SEEDS]
        return ablation(corpus, "alignment", None, runs)

    ours, theirs = ("v5", "inverted"), ("v5-epochs=9", "inverted-epochs=9")
    files = [("clinc", ours, 1), ("trec", ours, 2), ("clinc", theirs, 3), ("clinc", ours, 4)]
    found = summarise([], [one(*file) for file in files])
    assert [(doc.about.axis, doc.about.corpora, doc.about.reference) for doc in found] == [
        ("alignment", ["clinc", "trec"], "v5"),
        ("alignment", ["clinc"], "v5-epochs=9"),
        ("alignment", ["clinc"], "v5"),
    ]
    assert [row.family_size for row in found[0].comparisons] == [2, 2]
    assert found[0].protocol == "loo-2000"


def test_synthetic_hierarchies_pair_seeds_over_mean_partitions():
    document = synthesis()
    (found,) = summarise([], [], [document])
    assert [(row.a, row.b, row.family_size) for row in found.comparisons] == [
        ("lda at K0 2", "v5 at K0 2", 2),
        ("lda at K0 5", "v5 at K0 5", 2),
    ]
    lda, v5 = (
        np.mean([[r.steerability.s for r in one.runs if r.arm == arm] for one in document.partitions[:2]], 0)
        for arm in ("lda", "v5")
    )
    assert found.comparisons[0].p == pytest.approx(stats.ttest_rel(lda, v5).pvalue)
    assert [row.a for row in compare_partitions(document, "v5")] == ["v5 at K0 2", "v5 at K0 5"]
    assert msgspec.json.decode(msgspec.json.encode(document), type=Synthesis) == document
