import pytest

from fractalctl.report.claims import claims
from fractalctl.report.markdown import probability, spread, table
from fractalctl.report.runs import RunFiles
from fractalctl.statistics.comparisons import compare
from fractalctl.statistics.observations import Observation

CLOSE = {
    "v5": [0.10, 0.12, 0.11, 0.13],
    "mrl": [0.01, 0.00, 0.02, 0.01],
    "inverted": [-0.04, -0.05, 0.01, -0.03],
}


def observations(values: dict[str, list[float]]) -> list[Observation]:
    return [
        Observation("clinc", name, seed, {"S": value}, protocol="loo")
        for name, found in values.items()
        for seed, value in enumerate(found)
    ]


def document(strategy: str, fine: float, baseline: float, classes: int = 150) -> dict:
    return {
        "corpus": "clinc",
        "backbone": "minilm",
        "strategy": strategy,
        "dims": [64, 256],
        "accuracy": {"64": {"L0": 0.9, "L1": 0.5}, "256": {"L0": 0.9, "L1": fine}},
        "profile": {"classes": [10, classes], "baseline": {"L0": 0.9, "L1": baseline}},
    }


def verdicts(values: dict[str, list[float]], documents: list[dict], tmp_path) -> dict[str, str]:
    measured = observations({name: values[name] for name in ("v5", "mrl")})
    runs = RunFiles(tmp_path, {"loo": documents}, {"loo": measured}, [])
    others = [("v5", name) for name in values if name not in ("v5", "mrl")]
    ablation = compare(observations(values), others, correction="holm") if others else []
    return {claim.split(" (")[0]: text.split("**")[1] for claim, _, text in claims(runs, ablation)}


def test_what_is_there_holds(tmp_path) -> None:
    found = verdicts(CLOSE, [document("v5", 0.60, 0.70), document("mrl", 0.61, 0.70)], tmp_path)
    assert set(found.values()) == {"holds"}
    assert "inverting the alignment reverses the sign" in found
    assert "the projection costs fine accuracy where fine classes are many" in found


def test_what_is_not_there_does_not(tmp_path) -> None:
    values = {
        "v5": [0.00, 0.01, 0.02, 0.01],
        "mrl": [0.05, 0.04, 0.06, 0.05],
        "inverted": [0.1, 0.2, 0.1, 0.1],
    }
    found = verdicts(values, [document("v5", 0.60, 0.50), document("mrl", 0.70, 0.50)], tmp_path)
    assert set(found.values()) == {"does not hold"}


def test_a_difference_in_the_noise_is_said_to_be_one(tmp_path) -> None:
    values = {"v5": [0.10, -0.10, 0.09, 0.00], "mrl": [0.00, 0.01, 0.00, 0.00]}
    found = verdicts(values, [document("v5", 0.6, 0.6, 20), document("mrl", 0.6, 0.6, 20)], tmp_path)
    assert found["v5 is steerable beyond mrl"] == "same direction, not significant"
    assert "the projection costs fine accuracy where fine classes are many" not in found


def test_markdown() -> None:
    assert table(["a|b", "c"], [["x|y", 1]], left=1) == "| a\\|b | c |\n| :--- | ---: |\n| x\\|y | 1 |"
    assert spread([0.1, 0.2]) == "+0.150 ± 0.071"
    assert spread([-0.1]) == "-0.100"
    assert [probability(p) for p in (None, 0.0004, 0.0126)] == ["-", "< 0.001", "0.013"]


def test_figures_are_the_same_bytes_each_time(tmp_path) -> None:
    pytest.importorskip("matplotlib")
    from fractalctl.report.figures import prefix_accuracy, save_figure, steerability_bars

    documents = [document("v5", 0.6, 0.6), document("v5", 0.7, 0.6), document("mrl", 0.6, 0.6)]
    for name, draw in {
        "lines": lambda: prefix_accuracy(documents, "title"),
        "bars": lambda: steerability_bars([("clinc", CLOSE), ("trec", {"v5": [0.1]})], "title"),
    }.items():
        first, second = (save_figure(draw(), tmp_path / f"{name}-{time}") for time in (1, 2))
        assert [path.suffix for path in first] == [".png", ".pdf"]
        assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
