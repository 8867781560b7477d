"""The section on training the encoder, from documents made by hand."""

import pytest

from fractalctl.report import finetuning
from fractalctl.report.measured import published
from fractalctl.report.sections import Picture, Table

pytest.importorskip("matplotlib")
SEEDS = (42, 123, 456)
SHAKES = {"v5": (-0.001, 0.0, 0.0015), "mrl": (0.001, 0.0, -0.0004)}
CELLS = {("v5", "tuned"): 0.04, ("mrl", "tuned"): 0.0, ("v5", "frozen"): 0.05, ("mrl", "frozen"): 0.001}


def document(corpus: str = "clinc", cells: dict = CELLS, seeds: tuple[int, ...] = SEEDS) -> dict:
    runs = [
        {
            "encoder": encoder,
            "strategy": strategy,
            "seed": seed,
            "steerability": {"S": s + shake * (2 if encoder == "tuned" else 1)},
            "accuracy": {"256": {"L0": 0.95, "L1": 0.7 if encoder == "tuned" else 0.65}},
            **({"moved": 0.0123, "baseline": {"L0": 0.92, "L1": 0.66}} if encoder == "tuned" else {}),
        }
        for (strategy, encoder), s in cells.items()
        for seed, shake in zip(seeds, SHAKES[strategy], strict=False)
    ]  # fmt: skip
    return {
        "corpus": corpus, "backbone": "minilm", "head": "linear", "protocol": "loo", "n_queries": 500,
        "dims": [64, 256], "profile": {"baseline": {"L0": 0.9, "L1": 0.6}}, "seeds": list(seeds), "layers": 2,
        "encoder_rate": 2e-5, "n_train": 2000, "runs": runs,
    }  # fmt: skip


def cells(table: Table, *start: object) -> dict:
    """One row of a table by column."""
    row = next(row for row in table.rows if tuple(row[: len(start)]) == start)
    return dict(zip(table.columns, row, strict=True))


def test_every_cell_and_test_stands_beside_the_papers() -> None:
    section = finetuning.section([document(), document("trec")])
    design, tests, encoders = (part for part in section.parts if isinstance(part, Table))
    row = cells(design, "clinc", "v5")
    assert (row["S frozen"], row["paper frozen"]) == ("+0.050 ± 0.001", "+0.050 ± 0.005")
    assert (row["layers"], row["their rate"], row["training rows"]) == (2, "2e-05", 2000)
    assert cells(design, "trec", "mrl")["paper tuned"] == "+0.008 ± 0.005"
    headline = cells(tests, "clinc", "v5 frozen", "mrl tuned")
    assert (headline["paper d"], headline["paper p"]) == ("11.6", "< 1e-7")
    assert cells(tests, "trec", "v5 over mrl tuned", "v5 over mrl frozen")["paper p"] == "-"
    row = cells(encoders, "clinc", "v5")
    assert (row["layers moved by %"], row["features, L0"], row["tuned, finest"]) == (
        "1.2",
        "90.0",
        "66.0 ± 0.0",
    )
    assert (row["head, finest"], row["with tuned layers"]) == ("65.0 ± 0.0", "70.0 ± 0.0")


def test_verdicts_follow_the_numbers() -> None:
    held = {claim: text for claim, _, text in finetuning.section([document()]).claims}
    assert len(held) == 5
    assert {text.split(":")[0] for text in held.values()} == {"**holds**"}
    contrary = {("v5", "tuned"): 0.2, ("mrl", "tuned"): 0.3, ("v5", "frozen"): 0.05, ("mrl", "frozen"): 0.001}
    failed = [text for *_, text in finetuning.section([document(cells=contrary)]).claims]
    assert {text.split(":")[0] for text in failed} == {"**does not hold**"}


def test_one_seed_is_no_test() -> None:
    section = finetuning.section([document(seeds=(42,))])
    texts = {claim: text for claim, _, text in section.claims}
    assert texts["v5 stays above mrl where the encoder is trained too (Figure 7)"].startswith(
        "**same direction"
    )


def test_the_picture_tells_the_four_cells_apart() -> None:
    section = finetuning.section([document(), document("trec")])
    picture = next(part for part in section.parts if isinstance(part, Picture))
    bars = picture.figure.axes[0].patches
    assert len(bars) == 8
    assert len({(bar.get_facecolor(), bar.get_hatch()) for bar in bars}) == 4
    names = [text.get_text() for text in picture.figure.legends[0].get_texts()]
    assert names == ["v5 frozen", "v5 tuned", "mrl frozen", "mrl tuned"]
    assert "hatched" in picture.caption


def test_every_published_corpus_has_its_tests() -> None:
    for theirs in published("finetuning").values():
        assert {"v5 frozen", "mrl tuned", "tests"} <= theirs.keys()
        assert all(len(found) == 2 for found in theirs["tests"].values())
