import pickle
from pathlib import Path

import msgspec
import pytest

from fractalctl.errors import FractalError, RequestError
from fractalctl.heads.arms import (
    Arm,
    IdleSettingsError,
    build_arm,
    method_of,
    origin,
    read_arm,
    strategies,
)
from fractalctl.heads.methods.supervision import TABLES, Supervision, aligned
from fractalctl.heads.settings import MethodSettings, TrainingSettings, build_settings, describe, spelled


def test_the_papers_strategies_come_first() -> None:
    known = strategies()
    assert list(known)[: len(TABLES)] == list(TABLES)
    assert {"lda", "pca", "raw", "supcon"} < set(known)
    assert all(one.meaning and (one.source or one.method.source) for one in known.values())
    assert {origin(name) for name in known} == {None}


@pytest.mark.parametrize(
    ("strategy", "trunk", "settings", "label"),
    [
        ("v5", None, {}, "v5"),
        ("v5", "linear", {"epochs": 5, "dims": "64,128,192,256", "standardise": "yes"}, "v5"),
        ("v5", "fractal", {}, "v5-fractal"),
        ("v5", None, {"trunk": "fractal"}, "v5-fractal"),
        ("v5", None, {"epochs": "10"}, "v5-epochs=10"),
        ("v5", "fractal", {"batch_size": 16}, "v5-fractal-batch_size=16"),
        ("v5", "fractal", {"batch_size": 32}, "v5-fractal"),
        ("v5", None, {"dims": "32x64x128x256"}, "v5-dims=32x64x128x256"),
        ("v5", None, {"dims": "64"}, "v5-dims=64"),
        ("v5", None, {"learning_rate": "1e-5", "standardise": "no"}, "v5-learning_rate=1e-05-standardise=no"),
        ("mrl", None, {"holdout_seed": "42"}, "mrl-holdout_seed=42"),
        ("mrl", None, {"holdout_seed": "none"}, "mrl"),
        ("supcon", None, {}, "supcon"),
        ("supcon", "linear", {"temperature": 0.2}, "supcon-linear-temperature=0.2"),
        ("lda", None, {"shrinkage": 0.5}, "lda-shrinkage=0.5"),
    ],
)
def test_a_label_says_what_departs_from_the_defaults(strategy, trunk, settings, label) -> None:
    arm = build_arm(strategy, 2, trunk, settings)
    assert arm.label == label
    assert (arm.strategy, arm.dims[-1] == 256 or "dims" in settings) == (strategy, True)


def test_long_labels_end_in_a_hash_that_tells_them_apart() -> None:
    settings = {"epochs": 10, "batch_size": 64, "weight_decay": 0.5, "clip_norm": 3, "schedule": "constant"}
    found = [build_arm("v5", 2, "mlp", settings | {"holdout": share}) for share in (0.2, 0.3)]
    assert all(len(arm.label) <= 80 and arm.label.endswith(arm.identity[:8]) for arm in found)
    assert found[0].label != found[1].label
    table = build_arm("v5", 2, settings={"keep": "1,1,1,0.5"})
    assert table.label.startswith("v5-keep=")
    assert len(table.label) == len("v5-keep=") + 8


@pytest.mark.parametrize("name", ["v5", "uhmt", "supcon", "lda", "raw"])
def test_an_arm_can_be_typed_written_and_sent(name: str) -> None:
    arm = build_arm(name, 3, settings={"dims": (8, 16, 32)})
    assert build_arm(name, 3, settings=arm.typed()) == arm
    assert pickle.loads(pickle.dumps(arm)) == arm
    assert pickle.loads(pickle.dumps(arm)).nested == arm.nested
    named = arm.name()
    assert (named.arm, named.strategy, named.trunk) == (arm.label, name, arm.trunk)
    assert msgspec.json.decode(msgspec.json.encode(named), type=type(named)) == named
    assert msgspec.convert(named.settings, method_of(named.method).Settings) == arm.settings


def test_an_identity_is_of_everything_but_the_label() -> None:
    arms = [
        build_arm("v5", 2),
        build_arm("v5", 3),
        build_arm("mrl", 2),
        build_arm("no-prefix", 2),
        build_arm("v5", 2, "mlp"),
        build_arm("v5", 2, settings={"epochs": 6}),
        build_arm("raw", 2),
        build_arm("pca", 2),
    ]
    assert len({arm.identity for arm in arms}) == len(arms)
    assert build_arm("v5", 2, settings={"epochs": "5"}).identity == arms[0].identity


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": "0"}, r"setting epochs: expected int >= 1, got 0$"),
        ({"epochs": "5.5"}, "setting epochs: expected int, got 5.5"),
        ({"epochs": "many"}, "setting epochs"),
        ({"learning_rate": "nan"}, "setting learning_rate: expected float > 0.0, got nan"),
        ({"learning_rate": float("nan")}, "setting learning_rate"),
        ({"learning_rate": "inf"}, "learning_rate must be finite, got inf"),
        ({"learning_rate": float("inf")}, "learning_rate must be finite, got inf"),
        ({"learning_rate": -1}, "setting learning_rate: expected float > 0.0, got -1"),
        ({"weight_decay": "-0.1"}, "setting weight_decay: expected float >= 0.0"),
        ({"weight_decay": "nan"}, "weight_decay"),
        ({"prefix_weight": "inf"}, "prefix_weight must be finite"),
        ({"clip_norm": "0"}, "setting clip_norm"),
        ({"holdout": "1"}, "setting holdout: expected float < 1.0, got 1"),
        ({"holdout_seed": "-1"}, "setting holdout_seed"),
        ({"schedule": "linear"}, "setting schedule: expected cosine or constant or one-cycle, got linear"),
        ({"prefix_per": "row"}, "setting prefix_per: expected batch or sample, got row"),
        ({"standardise": "perhaps"}, "setting standardise: expected bool"),
        ({"dims": "64,32"}, "dims must be positive and ascending, got 64x32"),
        ({"dims": "0,32"}, "setting dims: expected int >= 1 at place 0, got 0,32"),
        ({"dims": "a"}, "setting dims: expected int at place 0, got a"),
        ({"dims": []}, "setting dims"),
        ({"keep": "[1, 1"}, "setting keep"),
        ({"prefix": "[[1, 0], [0, 1]]"}, "v5: prefix has 2 rows, expected 4, one for each of dims"),
        ({"cross_entropy": 0}, "cross_entropy, info_nce and margin are all 0"),
        ({"epoch": 5}, r"v5 has no setting epoch \(did you mean 'epochs'\?\); it has dims, trunk, "),
    ],
)
def test_wrong_settings_are_refused_by_name(settings, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        build_arm("v5", 2, settings=settings)


@pytest.mark.parametrize(
    ("strategy", "settings", "message"),
    [
        ("v5", {"temperature": "0.2"}, "v5: temperature changes nothing, for info_nce is 0"),
        ("heal", {"prefix_per": "sample"}, "heal: prefix_per changes nothing, for no prefix is drawn"),
        ("zoom", {"prefix_per": "sample"}, "zoom: prefix_per changes nothing"),
        ("csr", {"contrast": 0, "supervised": "yes"}, "supervised changes nothing, for contrast is 0"),
        ("smec", {"selection": "no", "gumbel_temperature": 2}, "changes nothing, for selection is no"),
    ],
)
def test_a_setting_that_would_change_the_label_alone_is_refused(strategy, settings, message) -> None:
    with pytest.raises(IdleSettingsError, match=message) as caught:
        build_arm(strategy, 2, settings=settings)
    assert caught.value.names == (list(settings)[-1],)
    assert build_arm(strategy, 2, settings={name: build_arm(strategy, 2).typed()[name] for name in settings})


@pytest.mark.parametrize(
    ("strategy", "weights"),
    [
        ("adaptor", ("ranking", "nearest", "pairwise", "reconstruction")),
        ("hanley", ("cosine", "angle", "contrast")),
    ],
)
def test_weights_that_are_all_zero_teach_nothing_and_are_refused(strategy: str, weights) -> None:
    with pytest.raises(RequestError, match=f"{strategy}: .*all 0, so nothing is learned"):
        build_arm(strategy, 2, settings=dict.fromkeys(weights, 0))
    for weight in weights:
        assert build_arm(strategy, 2, settings=dict.fromkeys(weights, 0) | {weight: 0.1})


def test_what_makes_a_setting_matter() -> None:
    assert build_arm("v5", 2, settings={"temperature": 0.2, "info_nce": 1}).label.endswith("temperature=0.2")
    assert build_arm("v5", 2, "fractal", {"temperature": 0.2}).label == "v5-fractal-temperature=0.2"
    assert build_arm("no-prefix", 2, settings={"prefix_per": "sample"}), "which moves its block dropout"


def test_settings_that_a_method_says_need_another_are_its_own() -> None:
    for strategy in strategies().values():
        known = set(strategy.method.Settings.__struct_fields__)
        assert {*strategy.method.needs, *strategy.method.needs.values()} <= known


def test_wrong_names_are_refused() -> None:
    with pytest.raises(
        RequestError, match=r"'inverse' is not known \(did you mean 'inverted'\?\); choose from v5, mrl, "
    ):
        build_arm("inverse", 2)
    with pytest.raises(RequestError, match="lda is a closed form and has no trunk"):
        build_arm("lda", 2, "linear")
    with pytest.raises(RequestError, match="lda has no setting epochs; it has dims, shrinkage"):
        build_arm("lda", 2, settings={"epochs": 3})
    with pytest.raises(RequestError, match="trunk 'tree' is not known; choose from"):
        build_arm("v5", 2, "tree")
    with pytest.raises(RequestError, match="method 'magic' is not known here"):
        method_of("magic")


@pytest.mark.parametrize("name", ["zoom", "zoom-0.5", "heal"])
@pytest.mark.parametrize("asked", [{"trunk": "fractal"}, {"settings": {"trunk": "linear"}}])
def test_a_method_with_parts_of_its_own_takes_no_other_trunk(name: str, asked) -> None:
    with pytest.raises(RequestError, match=r"parts of its own and no other trunk, so not (fractal|linear)"):
        build_arm(name, 2, **asked)
    assert build_arm(name, 2, "parts") == build_arm(name, 2)


def test_one_trunk_is_named() -> None:
    with pytest.raises(RequestError, match="v5 cannot have two trunks, fractal and mlp; name one"):
        build_arm("v5", 2, "fractal", {"trunk": "mlp"})
    assert build_arm("v5", 2, "mlp", {"trunk": "mlp"}) == build_arm("v5", 2, "mlp")


def test_every_setting_is_described_and_in_the_schema() -> None:
    for strategy in strategies().values():
        kind = strategy.method.Settings
        assert all(describe(kind).values()), strategy.name
        schema = msgspec.json.schema(kind)
        assert set(schema["$defs"][kind.__name__]["properties"]) == set(describe(kind))


def test_values_are_spelled_as_they_are_read() -> None:
    settings = build_settings(
        TrainingSettings, {"dims": "3,5", "holdout_seed": "7", "learning_rate": "1e-7"}, "x"
    )
    texts = {name: spelled(getattr(settings, name)) for name in settings.__struct_fields__}
    assert (texts["dims"], texts["holdout_seed"], texts["learning_rate"]) == ("3x5", "7", "1e-07")
    assert build_settings(TrainingSettings, texts, "x") == settings
    assert (MethodSettings().dimension, MethodSettings().n_blocks) == (256, 4)


OWN_TABLE = """
full = [0, 1]
prefix = [[1, 0], [0, 1]]
prefix_probabilities = [0.5, 0.5]
keep = [1, 1]
"""


def own(folder: Path, text: str = OWN_TABLE, name: str = "steps.toml", levels: int = 2, **settings) -> Arm:
    path = folder / name
    path.write_text(text)
    return read_arm(path, levels, settings={"dims": "4,8", **settings})


def test_own_table_is_named_after_its_file(tmp_path) -> None:
    arm = own(tmp_path)
    assert (arm.strategy, arm.method, arm.trunk) == ("steps", "supervision", "linear")
    assert arm.label == "steps-dims=4x8"
    assert isinstance(arm.settings, Supervision)
    assert (arm.settings.prefix, arm.settings.prefix_weight) == (((1, 0), (0, 1)), 0.6)
    whole = own(tmp_path, "dims = [4, 8]\nepochs = 9\n" + OWN_TABLE)
    assert (whole.label, whole.settings.epochs) == ("steps", 9)
    assert own(tmp_path, "dims = [4, 8]\n" + OWN_TABLE, trunk="fractal").label == "steps-fractal"
    assert own(tmp_path, name="coarse-to-fine.v2.toml").strategy == "coarse-to-fine.v2"
    assert (
        own(tmp_path).identity
        != own(tmp_path, OWN_TABLE.replace("keep = [1, 1]", "keep = [1, 0.5]")).identity
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("full = [0, 1]", "full = [0]"), "steps.toml: setting full: expected array of length >= 2"),
        (("full = [0, 1]", "full = [0, 0]"), "steps.toml: steps: full gives no level any weight"),
        (("full = [0, 1]", "full = [-1, 2]"), "setting full: expected float >= 0.0 at place 0"),
        (("full = [0, 1]", "full = [nan, 1]"), "full"),
        (("full = [0, 1]", "full = [0, inf]"), "full must be finite"),
        (("full = [0, 1]", "full = [0, 1]\nfall = 3"), "steps has no setting fall .did you mean 'full'"),
        (("full = [0, 1]", ""), "lacks full"),
        (("full = [0, 1]", "full = ["), "not a TOML file"),
        (("full = [0, 1]", 'full = ["a", 1]'), "setting full: expected float at place 0"),
        (("[0, 1]]", "[0, 1, 0]]"), "prefix row 2 has 3 weights, expected 2"),
        (("[0.5, 0.5]", "[0.5, 0.6]"), "sum to 1"),
        (("[0.5, 0.5]", "[1.0]"), "prefix_probabilities has 1 numbers, expected 2"),
        (("keep = [1, 1]", "keep = [1, 0]"), "setting keep: expected float > 0.0 at place 1"),
        (("keep = [1, 1]", "keep = [1, 1.1]"), "setting keep: expected float <= 1.0 at place 1"),
    ],
)
def test_wrong_tables_say_what_is_wrong(tmp_path, change: tuple[str, str], message: str) -> None:
    with pytest.raises(RequestError, match=message) as caught:
        own(tmp_path, OWN_TABLE.replace(*change))
    assert "steps.toml" in str(caught.value)


def test_table_must_fit_the_corpus_and_the_head(tmp_path) -> None:
    with pytest.raises(RequestError, match="2 prefixes x 2 levels, but the corpus has 3 levels"):
        own(tmp_path, levels=3)
    with pytest.raises(RequestError, match="prefix has 2 rows, expected 4, one for each of dims"):
        own(tmp_path, dims="4,8,12,16")
    with pytest.raises(RequestError, match=r"nowhere.toml: no such file"):
        read_arm(tmp_path / "nowhere.toml", 2)


@pytest.mark.parametrize(
    "name",
    [
        "v5",
        "lda",
        "V5",
        "v5-fractal",
        "mrl-mlp",
        "zoom-0.5",
        "Zoom-.7",
        "a b",
        ".hidden",
        "..",
        "x" * 61,
        "a=b",
        "-x",
    ],
)
def test_a_files_name_cannot_escape_or_take_a_strategys_place(tmp_path, name: str) -> None:
    with pytest.raises(RequestError, match="rename the file"):
        own(tmp_path, name=f"{name}.toml")


@pytest.mark.parametrize("name", ["../../../escaped", "v5", "fine words"])
def test_a_name_inside_the_file_is_refused(tmp_path, name: str) -> None:
    with pytest.raises(RequestError, match="named after its file; remove the key 'name'"):
        own(tmp_path, f'name = "{name}"\n' + OWN_TABLE)


def test_the_aligned_table_of_the_paper() -> None:
    assert aligned(4, 2)[:, 0].tolist() == [1, 0.7, 0.3, 0]


def test_two_methods_of_one_name_are_refused(monkeypatch) -> None:
    from fractalctl.heads.methods.pca import Pca

    monkeypatch.setattr(Pca, "name", "lda")
    with pytest.raises(FractalError, match=r"two methods are called 'lda', of .*\.lda and .*\.pca; rename"):
        method_of("lda")
