from itertools import islice
from pathlib import Path

import pytest
from scipy import stats

from fractalctl.documents import read_document
from fractalctl.documents.experiments import Ablation
from fractalctl.errors import RequestError
from fractalctl.experiments.ablation import AXES, ablate
from fractalctl.experiments.conditions import Condition
from fractalctl.experiments.synthesis import synthesise
from fractalctl.measures.protocols import Protocol
from tests.experiments.conftest import SETTINGS, label

SEEDS = (42, 123, 456)


def arms(document) -> list[tuple[str, int]]:
    return [(run.strategy, run.seed) for run in document.runs]


def test_every_condition_and_seed_is_there(features, tmp_path) -> None:
    path, document = ablate("alignment", features, tmp_path, settings=SETTINGS, seeds=SEEDS)
    assert path.parent == tmp_path / "garden" / "gaussian"
    strategies = ("v5", "inverted", "no-prefix", "uhmt", "mrl")
    assert arms(document) == [(name, seed) for name in strategies for seed in SEEDS]
    assert (
        list(document.arms)
        == [label(name) for name in strategies]
        == list(dict.fromkeys(r.arm for r in document.runs))
    )
    assert {arm.settings["holdout_seed"] for arm in document.arms.values()} == {42}
    assert document.runs[0].hits.unpack().shape == (120, 4, 2)
    assert (document.protocol, document.max_test) == ("loo", 2000)
    assert read_document(path, Ablation) == document
    again = ablate("alignment", features, tmp_path, settings=SETTINGS, seeds=SEEDS, device="meta")[1]
    assert again == document, "it is up to date, nothing is computed"


def test_the_plain_case_has_the_plain_name_and_no_other_has(features, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("fractalctl.experiments.ablation.SEEDS", SEEDS)
    plain = {"epochs": 1, "batch_size": 400}
    requests = [
        {"strategies": ["v5", "mrl"]},
        {"strategies": ["v5"]},
        {"strategies": ["v5", "mrl"], "seeds": (42,)},
        {"strategies": ["v5", "mrl"], "protocol": Protocol("index")},
        {"strategies": ["v5", "mrl"], "settings": {**plain, "epochs": 2}},
    ]
    paths = []
    for request in requests:
        before = {path: path.read_bytes() for path in paths}
        options = {"seeds": SEEDS, "settings": plain, **request}
        paths.append(ablate("alignment", features, tmp_path, **options)[0])
        assert {path: path.read_bytes() for path in before} == before, "nothing was replaced"
    assert len(set(paths)) == len(paths)
    row = AXES["noise"]
    monkeypatch.setitem(AXES, "noise", type(row)(row.conditions, (label("v5"),), row.max_test))
    path, _ = ablate("noise", features, tmp_path, ["v5"], settings=SETTINGS, seeds=SEEDS)
    assert path.name == "ablation-noise.json"
    smaller, _ = ablate("noise", features, tmp_path, ["v5"], settings=SETTINGS, seeds=SEEDS, values=(0, 10))
    assert smaller != path
    assert len(read_document(path, Ablation).values) == 6, "a smaller call leaves a larger one as it is"


def test_the_usual_protocol_is_no_part_of_a_name_and_none_replaces_another(features, tmp_path) -> None:
    rules = {name: Protocol(name, max_test=2000) for name in ("loo", "index")}

    def made(folder: str, name: str, usual: str = "index") -> Path:
        options = {"settings": {"dims": (4, 8)}, "seeds": (42,), "protocol": rules[name], "usual": usual}
        path = ablate("alignment", features, tmp_path / folder, ["lda"], **options)[0]
        assert read_document(path, Ablation).protocol == name
        return path

    index, loo = made("own", "index"), made("own", "loo")
    older = made("older", "loo", usual="loo")
    assert index.name == older.name != loo.name
    before = older.read_bytes()
    beside = made("older", "index")
    assert beside != older
    assert (made("older", "index"), made("older", "loo")) == (beside, older)
    assert older.read_bytes() == before


def test_comparisons_equal_scipy(features, tmp_path) -> None:
    rule = Protocol("index")
    document = ablate("alignment", features, tmp_path, settings=SETTINGS, seeds=SEEDS, protocol=rule)[1]
    s = {
        name: [run.steerability.s for run in document.runs if run.strategy == name] for name in ("v5", "uhmt")
    }
    peer = stats.ttest_rel(s["v5"], s["uhmt"])
    (row,) = [row for row in document.comparisons if row.b == label("uhmt")]
    assert (row.a, row.t, row.p) == (label("v5"), pytest.approx(peer.statistic), pytest.approx(peer.pvalue))


def test_a_closed_form_stands_beside_gradient_arms(features, tmp_path) -> None:
    document = ablate("alignment", features, tmp_path, ["v5", "pca"], settings=SETTINGS, seeds=SEEDS)[1]
    assert [run.best_epoch for run in document.runs if run.strategy == "pca"] == [None] * 3
    assert [(row.a, row.b) for row in document.comparisons] == [(label("v5"), "pca-dims=4x8x12x16")]


def stop_after(monkeypatch, count: int) -> list[list[tuple[str, int]]]:
    """Let `Condition.train` be interrupted after some runs; gives what was asked for."""
    train, asked = Condition.train, []

    def stops(self, jobs, *others):
        asked.append([(job.arm.strategy, job.seed) for job in jobs])
        yield from islice(train(self, jobs, *others), count)
        raise KeyboardInterrupt

    monkeypatch.setattr(Condition, "train", stops)
    return asked


def test_a_stopped_call_goes_on_where_it_was(features, tmp_path, monkeypatch) -> None:
    request = {"strategies": ["v5", "mrl"], "settings": SETTINGS, "seeds": SEEDS}
    whole = ablate("alignment", features, tmp_path / "whole", **request)[0]
    with monkeypatch.context() as patch:
        asked = stop_after(patch, 2)
        with pytest.raises(KeyboardInterrupt):
            ablate("alignment", features, tmp_path / "parts", **request)
    (parts,) = (tmp_path / "parts").rglob("*.parts")
    kept = sorted(parts.glob("*.json"))
    assert (len(asked[0]), len(kept)) == (6, 2)
    kept[0].write_text("{")
    with monkeypatch.context() as patch:
        asked = stop_after(patch, 9)
        with pytest.raises(KeyboardInterrupt):
            ablate("alignment", features, tmp_path / "parts", **request)
    assert len(asked[0]) == 5, "the damaged one is trained again"
    path, _ = ablate("alignment", features, tmp_path / "parts", **request)
    assert path.read_bytes() == whole.read_bytes()
    assert sorted(one.name for one in path.parent.iterdir()) == [path.name, "features.json"]


def test_a_stopped_synthesis_goes_on_where_it_was(features, tmp_path, monkeypatch) -> None:
    request = {"coarse": (2, 3), "partition_seeds": (1,), "strategies": ["v5"], "seeds": SEEDS}
    request |= {"settings": SETTINGS}
    whole = synthesise(features, tmp_path / "whole", **request)[0]
    with monkeypatch.context() as patch:
        stop_after(patch, 2)
        with pytest.raises(KeyboardInterrupt):
            synthesise(features, tmp_path / "parts", **request)
    with monkeypatch.context() as patch:
        asked = stop_after(patch, 9)
        with pytest.raises(KeyboardInterrupt):
            synthesise(features, tmp_path / "parts", **request)
    assert asked == [[("v5", 456)]]
    assert synthesise(features, tmp_path / "parts", **request)[0].read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(
    ("axis", "options", "message"),
    [
        ("size", {}, "axis 'size' is not known; choose from alignment, capacity, noise, .*unseen, backbone"),
        ("alignment", {"values": (1,)}, "--values does not belong to axis alignment, but to capacity, noise"),
        ("noise", {"encoder_rate": 1e-5}, "--encoder-rate does not belong to axis noise, but to backbone"),
        ("noise", {"speed": 1}, "--speed belongs to no axis"),
        ("alignment", {"strategies": ["v6"]}, "strategy 'v6' is not known"),
        ("alignment", {"settings": {"epoch": 1}}, "no setting epoch"),
        ("alignment", {"protocol": Protocol("loo", max_test=3)}, "k = 5 neighbours were asked for"),
    ],
)
def test_wrong_requests_leave_nothing_behind(features, tmp_path, axis, options, message) -> None:
    with pytest.raises(RequestError, match=message):
        ablate(axis, features, tmp_path / "runs", **options)
    assert not (tmp_path / "runs").exists()
