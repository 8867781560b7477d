"""Metrics as parts of evaluation files: kept, added, made anew, compared with matched heads."""

from dataclasses import replace

import pytest

from fractalctl.errors import FractalError, RequestError
from fractalctl.experiments import evaluating
from fractalctl.experiments.evaluating import evaluate_heads
from fractalctl.experiments.policy import Overwrite
from fractalctl.measures.evaluation import Evaluator
from fractalctl.measures.metrics import metrics
from fractalctl.measures.protocols import Protocol
from tests.experiments.conftest import train

LOO = Protocol("loo")


@pytest.fixture
def heads(features, tmp_path):
    return train(features, tmp_path / "runs", ["v5", "mrl", "coarse", "fine"]).heads


def one(heads, store, metric):
    return evaluate_heads(heads[:1], LOO, store, metrics=[metric]).documents[0]


def use(monkeypatch, **changed):
    """Let some metrics be others."""
    known = metrics()
    table = known | {name: replace(known[name], **change) for name, change in changed.items()}
    monkeypatch.setattr(evaluating, "known_metrics", lambda: table)


def refuse(*_arguments):
    raise AssertionError("was computed again")


def test_every_metric_is_a_part(heads, store) -> None:
    result = evaluate_heads(heads, LOO, store, metrics=["all"])
    for document in result.documents:
        assert list(document.metrics) == list(metrics())
        assert all(metric.read(document) is not None for metric in metrics().values())
    assert (result.warnings, result.n_reused, result.replaced) == ((), 0, ())


def test_a_missing_part_is_added_and_nothing_else_computed(heads, store, monkeypatch) -> None:
    before = evaluate_heads(heads[:1], LOO, store, metrics=["none", "retrieval"]).documents[0]
    monkeypatch.setattr(Evaluator, "evaluate", refuse)
    use(monkeypatch, retrieval={"measure": refuse})
    said: list[str] = []
    names = ["none", "retrieval", "localisation"]
    after = evaluate_heads(heads[:1], LOO, store, metrics=names, note=said.append).documents[0]
    assert (list(after.metrics), said) == (["localisation", "retrieval"], [])
    assert after.metrics["retrieval"] == before.metrics["retrieval"]
    assert replace_metrics(after) == replace_metrics(before)
    assert evaluate_heads(heads[:1], LOO, store, metrics=["none", "localisation"]).n_reused == 1
    assert evaluate_heads(heads[:1], LOO, store, metrics=["none"]).n_reused == 1
    more = evaluate_heads(heads[:1], LOO, store).documents[0]
    assert list(more.metrics) == ["baselines", "cascade", "leakage", "localisation", "retrieval"]


def replace_metrics(document):
    from msgspec.structs import replace

    return replace(document, metrics={})


def test_other_settings_make_a_part_anew(heads, store, monkeypatch) -> None:
    first = one(heads, store, "retrieval")
    use(monkeypatch, retrieval={"settings": {"seed": 7}})
    with pytest.raises(RequestError, match="'retrieval' was measured with other matched heads or settings"):
        evaluate_heads(heads[:1], LOO, store, overwrite=Overwrite.NEVER, metrics=["retrieval"])
    said: list[str] = []
    second = evaluate_heads(heads[:1], LOO, store, metrics=["retrieval"], note=said.append).documents[0]
    assert second.identity == first.identity
    assert second.metrics["retrieval"].identity != first.metrics["retrieval"].identity
    assert said[0].endswith(
        "'retrieval' was measured with other matched heads or settings; it is measured again"
    )


def test_the_command_is_remade_with_the_metrics_that_are_there(heads, store) -> None:
    def argv(head, names, protocol):
        return [head.strategy, protocol.name, *names]

    for name, expected in (
        ("retrieval", ["v5", "loo", "retrieval"]),
        ("localisation", ["v5", "loo", "localisation", "retrieval"]),
    ):
        document = evaluate_heads(heads[:1], LOO, store, argv=argv, metrics=["none", name]).documents[0]
        assert document.argv == expected


def test_unknown_metrics_are_refused_before_anything_is_measured(heads, store) -> None:
    with pytest.raises(RequestError, match="metric 'speed' is not known; choose from baselines, cascade, "):
        evaluate_heads(heads, LOO, store, metrics=["retrieval", "speed"])
    assert not list(heads[0].folder.glob("evaluation-*"))


def test_a_metric_that_fails_is_named_and_the_evaluation_is_kept(heads, store, monkeypatch) -> None:
    use(monkeypatch, retrieval={"measure": lambda _: {"recall": float("nan")}})
    with pytest.raises(FractalError, match="metric 'retrieval' of "):
        evaluate_heads(heads[:1], LOO, store, metrics=["retrieval"])
    assert evaluate_heads(heads[:1], LOO, store, metrics=["none"]).n_reused == 1


def test_a_matched_head_is_evaluated_where_nobody_asked_for_it(heads, store) -> None:
    routing = metrics()["routing"].read(one(heads, store, "routing"))
    assert not (heads[1].folder / "evaluation-loo.json").exists()
    accuracy = evaluate_heads(heads[1:2], LOO, store).documents[0].accuracy
    assert routing.mrl.mixed[-1] == pytest.approx(accuracy["16"]["L0"])
    assert routing.mrl.head_identity == heads[1].identity


def test_without_mrl_routing_says_so_and_is_measured_again_when_it_comes(features, store, tmp_path) -> None:
    runs, routing = tmp_path / "runs", metrics()["routing"]
    lonely = train(features, runs, ["v5"], [42, 123]).heads
    result = evaluate_heads(lonely, LOO, store, metrics=["routing"])
    assert [routing.read(document).mrl for document in result.documents] == [None, None]
    (warning,) = result.warnings
    assert warning.endswith(
        "no mrl head trained alike with seed 42, 123, so 'routing' has no comparison with it"
    )
    train(features, runs, ["mrl"], settings={"epochs": 1})
    again = evaluate_heads(lonely, LOO, store, metrics=["routing"])
    assert again.n_reused == 2, "a head of other settings is no match"
    train(features, runs, ["mrl"])
    again = evaluate_heads(lonely, LOO, store, metrics=["routing"])
    assert routing.read(again.documents[0]).mrl.dimension == 16
    assert again.n_reused == 1


def test_dual_without_dedicated_heads_gives_the_command_that_trains_them(features, store, tmp_path) -> None:
    lonely = train(features, tmp_path / "runs", ["v5"], [42, 123]).heads
    with pytest.raises(RequestError, match="dual needs heads of the strategies coarse and fine") as caught:
        evaluate_heads(lonely, LOO, store, metrics=["dual"])
    assert (
        str(caught.value)
        .splitlines()[-1]
        .startswith(f"fractalctl train {features.path} --strategy coarse,fine")
    )
    assert not (lonely[0].folder / "evaluation-loo.json").exists(), "nothing was begun"


def test_all_leaves_out_what_lacks_heads_and_says_so(features, store, tmp_path) -> None:
    lonely = train(features, tmp_path / "runs", ["v5"]).heads
    result = evaluate_heads(lonely, LOO, store, metrics=["all"])
    assert list(result.documents[0].metrics) == [name for name in metrics() if name != "dual"]
    assert result.warnings[0].startswith("'dual' is left out: ")
    assert "fractalctl train" in result.warnings[0]


def test_heads_of_other_trunks_are_measured_like_linear_ones(features, store, tmp_path) -> None:
    from fractalctl.experiments.training import build_arms, train_heads

    arms = build_arms(["v5", "mrl", "coarse", "fine"], 2, "fractal", {"dims": (4, 8), "epochs": 1})
    fractal = train_heads(features, arms, tmp_path / "runs", [42]).heads
    assert fractal[0].folder.parent.name == "v5-fractal-dims=4x8-epochs=1"
    document = evaluate_heads(fractal[:1], LOO, store, metrics=["all"]).documents[0]
    assert metrics()["routing"].read(document).mrl.head_identity == fractal[1].identity
    assert set(metrics()["dual"].read(document).head_identities) == {"coarse", "fine"}
