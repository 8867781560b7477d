"""Reading evaluations and tables: what comes in, and what a user is told when it is wrong."""

import json
from pathlib import Path

import pytest

from fractalctl.errors import FractalError, RequestError
from fractalctl.statistics import read_observations, read_profiles
from fractalctl.statistics.comparisons import check_metric
from fractalctl.statistics.observations import choose_backbone, choose_protocol
from tests.statistics.material import observations, profile, random_hits, write_evaluation, write_table

ROWS = [("trec", "v5", 42, 0.05), ("trec", "mrl", 42, -0.01)]


def test_an_evaluation_file_gives_all_it_holds(tmp_path: Path):
    hits = random_hits(0, 0.3)
    (one,) = read_observations([write_evaluation(tmp_path, hits)])
    accuracy = hits.mean(axis=0)
    assert one.metrics["S"] == pytest.approx(
        accuracy[0, 0] - accuracy[-1, 0] + accuracy[-1, 1] - accuracy[0, 1]
    )
    assert {"S_auc", "S_mono", "S_gap", "delta_fine"} <= one.metrics.keys()
    assert (one.corpus, one.backbone, one.arm, one.seed, one.protocol) == (
        "clinc",
        "minilm",
        "v5",
        42,
        "loo",
    )
    assert (one.profile.depth, one.profile.baseline_accuracy) == (3.9, 0.88)
    assert one.training["trunk"] == "linear"
    assert (one.training["method"], one.training["epochs"]) == ("supervision", 5)
    assert one.conditions["n_queries"] == 60
    assert one.truncated["S"] == pytest.approx((0.8 - 0.96) + (0.86 - 0.7))
    assert one.dims == (64, 128, 192, 256)
    assert (one.hits.unpack() == hits).all()


def test_at_three_levels_depth_is_all_below_the_coarsest(tmp_path: Path):
    deep = profile([4, 12, 60], [2.0, 1.5, 2.5], baseline={"L0": 0.9, "L1": 0.8, "L2": 0.6})
    (one,) = read_observations([write_evaluation(tmp_path, random_hits(0), profile=deep)])
    assert (one.profile.depth, one.profile.baseline_accuracy) == (4.0, 0.6)


def test_folders_are_searched_in_order(runs: Path):
    found = read_observations([runs])
    assert len(found) == 12
    assert [one.corpus for one in found] == ["clinc"] * 6 + ["trec"] * 6


def test_a_table_keeps_its_order_and_further_metrics(tmp_path: Path):
    header = "corpus, strategy ,seed,steerability,S_auc,remark"
    path = write_table(
        tmp_path / "t.csv", [("wos", "v5", 1, 0.1, 0.2, "a"), ("arxiv", "v5", 1, 0.3, 0.4, "b")], header
    )
    found = read_observations([path])
    assert [one.corpus for one in found] == ["wos", "arxiv"]
    assert found[0].metrics == {"S": 0.1, "S_auc": 0.2}
    assert found[1].source == f"{path}, line 3"


def test_a_table_may_come_from_a_spreadsheet(tmp_path: Path):
    path = tmp_path / "t.csv"
    path.write_bytes(b'\xef\xbb\xbfdataset,strategy,seed,steerability\r\n\r\n"trec",v5,42,0.05\r\n')
    (one,) = read_observations([path])
    assert (one.corpus, one.metrics["S"]) == ("trec", 0.05)


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        ([("trec", "v5", 42)], "dataset,strategy,seed", "no column steerability .there is: dataset, strat"),
        ([(2, 1.0, 0.13)], "k0,h_l0,v5", "no column dataset, strategy, seed, steera.*--quadratic"),
        ([("trec", "v5", 42, "nan")], None, "line 2: column 'steerability' is 'nan', expected a finite"),
        ([("trec", "v5", 42, "high")], None, "line 2: column 'steerability' is 'high', expected a finite"),
        ([("trec", "v5", 42, "")], None, "line 2: column 'steerability' is empty"),
        ([("trec", "v5", "4.2", 0.1)], None, "line 2: column 'seed' is '4.2', expected a whole number"),
        ([("", "v5", 42, 0.1)], None, "line 2: column 'dataset' is empty"),
        ([*ROWS, ("trec", "v5", 42)], None, "line 4: expected 4 cells .*, found 3"),
        ([*ROWS, ("trec", "v5", 42, 0.2)], None, "line 4: trec, v5, seed 42 was already .*line 2"),
        ([], None, "expected a header and at least one row, found 1 lines"),
    ],
)  # fmt: skip
def test_a_wrong_table_is_refused(tmp_path: Path, rows, header, message: str):
    path = write_table(tmp_path / "t.csv", rows, header or "dataset,strategy,seed,steerability")
    with pytest.raises(RequestError, match=rf"t\.csv.*{message}"):
        read_observations([path])


def test_wrong_paths_are_refused(tmp_path: Path):
    with pytest.raises(RequestError, match="absent: no such file or folder"):
        read_observations([tmp_path / "absent"])
    with pytest.raises(
        RequestError, match=r"no evaluation-\*\.json in this folder; run 'fractalctl evaluate'"
    ):
        read_observations([tmp_path])
    (tmp_path / "notes.txt").touch()
    with pytest.raises(RequestError, match=r"notes\.txt: expected an evaluation"):
        read_observations([tmp_path / "notes.txt"])
    (tmp_path / "latin.csv").write_bytes(b"dataset\n\xe9\n")
    with pytest.raises(RequestError, match=r"latin\.csv, line 2: not a CSV table in UTF-8"):
        read_observations([tmp_path / "latin.csv"])


def test_wrong_evaluations_are_refused(tmp_path: Path):
    other = tmp_path / "evaluation-loo.json"
    other.write_text("[]")
    with pytest.raises(FractalError, match=r"evaluation-loo\.json: not a result file"):
        read_observations([other])
    path = write_evaluation(tmp_path, random_hits(0))
    document = json.loads(path.read_text())
    path.write_text(json.dumps({key: value for key, value in document.items() if key != "seed"}))
    with pytest.raises(FractalError, match=r"loo\.json: .*missing required field `seed`; make it again"):
        read_observations([path])
    document["steerability"]["S"] = float("nan")
    path.write_text(json.dumps(document))
    with pytest.raises(FractalError, match=r"evaluation-loo\.json: not a result file .*; make it again"):
        read_observations([path])
    path.write_text(json.dumps(document | {"encoding-type": "fractalctl-head", "steerability": None}))
    with pytest.raises(RequestError, match="encoding-type is 'fractalctl-head', expected 'fractalctl-eval"):
        read_observations([path])


def test_a_table_may_name_strategy_and_arm(tmp_path: Path):
    path = write_table(
        tmp_path / "t.csv", [("trec", "v5", "v5-fractal", 42, 0.1)], "corpus,strategy,arm,seed,steerability"
    )
    (one,) = read_observations([path])
    assert (one.corpus, one.strategy, one.arm) == ("trec", "v5", "v5-fractal")


def test_profiles(tmp_path: Path):
    path = write_table(
        tmp_path / "p.csv", [("trec", 2.2, 0.7, 2.4)], "dataset,h_l1_given_l0,baseline_l1,h_l0"
    )
    (profile,) = read_profiles(path).values()
    assert (profile.depth, profile.baseline_accuracy) == (2.2, 0.7)
    per_backbone = write_table(tmp_path / "q.csv", [("trec", "minilm", 2.2, 0.7)],
                               "corpus,backbone,h_l1_given_l0,baseline_l1")  # fmt: skip
    assert list(read_profiles(per_backbone)) == [("trec", "minilm")]


def test_wrong_profiles_are_refused(tmp_path: Path):
    twice = write_table(
        tmp_path / "p.csv", [("trec", 2, 0.7), ("trec", 2, 0.7)], "dataset,h_l1_given_l0,baseline_l1"
    )
    with pytest.raises(RequestError, match="line 3: a second profile of trec"):
        read_profiles(twice)
    lacking = write_table(tmp_path / "q.csv", [("trec", 2)], "dataset,h_l1_given_l0")
    with pytest.raises(RequestError, match="line 2: no column 'baseline_l1'"):
        read_profiles(lacking)
    with pytest.raises(RequestError, match=r"absent\.csv: no such file"):
        read_profiles(tmp_path / "absent.csv")


def test_protocols_are_never_mixed():
    both = [
        *observations({"clinc": {"v5": [0.1]}}, protocol="index"),
        *observations({"clinc": {"v5": [0.3]}}, protocol="loo"),
    ]
    assert [one.protocol for one in choose_protocol(both)] == ["loo"]
    assert [one.protocol for one in choose_protocol(both, "index")] == ["index"]
    assert choose_protocol(both[:1]) == both[:1]
    with pytest.raises(RequestError, match=r"nothing was measured under protocol 'loo' .there is: index"):
        choose_protocol(both[:1], "loo")


def test_rows_and_k_are_part_of_a_protocol():
    found = [
        one
        for slug in ("loo-2000", "loo-k=10", "index")
        for one in observations({"clinc": {"v5": [0.1]}}, protocol=slug)
    ]
    assert [one.protocol for one in choose_protocol(found)] == ["loo-2000"]
    assert [one.protocol for one in choose_protocol(found[1:], "loo")] == ["loo-k=10"]
    assert [one.protocol for one in choose_protocol(found, "loo-k=10")] == ["loo-k=10"]
    with pytest.raises(RequestError, match="several protocols are 'loo': name one of loo-2000, loo-k=10"):
        choose_protocol(found, "loo")


def test_backbones_are_chosen_by_name():
    both = [
        *observations({"clinc": {"v5": [0.1]}}, backbone="minilm"),
        *observations({"clinc": {"v5": [0.3]}}, backbone="e5"),
    ]
    assert [one.backbone for one in choose_backbone(both, "e5")] == ["e5"]
    assert choose_backbone(both) == both
    with pytest.raises(RequestError, match=r"under backbone 'bge' .there is: minilm, e5"):
        choose_backbone(both, "bge")


def test_an_unknown_metric_lists_the_known():
    with pytest.raises(RequestError, match=r"clinc, v5, seed 0: no metric 'S_auc' .there is: S"):
        check_metric(observations({"clinc": {"v5": [0.1]}}), "S_auc")
