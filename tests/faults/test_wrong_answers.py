"""What is damaged, contradicts itself or is no number is refused; it never becomes a result."""

import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import torch
from safetensors.torch import load, save

from fractalctl.backbones.folder import fingerprint, weight_files
from fractalctl.backbones.resolve import resolve_backbone
from fractalctl.corpora.request import CorpusRequest
from fractalctl.documents import read_document
from fractalctl.documents.evaluation import Evaluation
from fractalctl.errors import FractalError, RequestError
from fractalctl.experiments.evaluating import evaluate_heads
from fractalctl.heads.head import load_head
from fractalctl.measures.protocols import Protocol
from fractalctl.report.results import read_results
from fractalctl.statistics.reading import read_observations, read_profiles
from store import FeatureSet
from store.checked import note_path
from store.errors import StoreError
from tests.backbones.models import as_sentence_transformers, build_bert
from tests.cli.calls import call, said
from tests.faults.conftest import train
from tests.feature_sets import make_features


def test_weights_that_are_no_numbers_are_not_evaluated(head, store):
    weights = load(head.weights_path.read_bytes())
    weights["projection"][0, 0] = float("nan")
    head.weights_path.write_bytes(save(weights))
    path = head.folder / "head.json"
    document = json.loads(path.read_text())
    document["weights_sha256"] = sha256(head.weights_path.read_bytes()).hexdigest()
    path.write_text(json.dumps(document))
    with pytest.raises(FractalError, match=r"head.safetensors: 'projection' holds what is no finite number"):
        evaluate_heads([load_head(head.folder)], Protocol("loo"), store)


@pytest.mark.parametrize("what", ["missing", "damaged"])
def test_weights_that_are_damaged_or_missing_are_trained_again(features, head, tmp_path, what):
    if what == "missing":
        head.weights_path.unlink()
    else:
        head.weights_path.write_bytes(head.weights_path.read_bytes()[:-1] + b"?")
    again = train(features, tmp_path / "runs")
    assert (again.n_reused, again.heads[0].folder) == (0, head.folder)
    assert torch.isfinite(again.heads[0].weights["projection"]).all()


def flipped(path: Path, name: str = "train/features") -> None:
    """Flip the sign of one number in place, as a bad disk or program would."""
    with h5py.File(path, locking=False) as file:
        offset = file[name].id.get_offset()
    with path.open("r+b") as stream:
        stream.seek(offset + 3)
        byte = stream.read(1)[0]
        stream.seek(offset + 3)
        stream.write(bytes([byte ^ 0x80]))


@pytest.mark.parametrize("name", ["train/features", "test/labels"])
def test_a_damaged_set_is_found_on_first_use(features, store, tmp_path, name):
    FeatureSet(features.path).features("train")
    assert note_path(features.path).exists()
    times = features.path.stat()
    flipped(features.path, name)
    os.utime(features.path, ns=(times.st_atime_ns, times.st_mtime_ns))
    again = FeatureSet(features.path)
    with pytest.raises(StoreError, match=f"changed since it was written: {name}"):
        train(again, tmp_path / "runs")
    with pytest.raises(StoreError, match="featurize again"):
        make_features(store)  # looks for it and takes what it finds


def test_a_set_is_looked_at_thoroughly_once_in_each_version(features, monkeypatch):
    FeatureSet(features.path).check()

    def again(*_: object) -> None:
        raise AssertionError("read a second time")

    monkeypatch.setattr("store.checked.verify", again)
    FeatureSet(features.path).labels("test")
    note_path(features.path).write_text("{")
    with pytest.raises(AssertionError, match="a second time"):
        FeatureSet(features.path).labels("test")


def sealed(path: Path, change: Any) -> None:
    """Change a set and seal it anew, as a stranger could."""
    from store.layout import changed_datasets, seal

    with h5py.File(path, "r+", locking=False) as file:
        change(file)
        for name in changed_datasets(file):
            digest = sha256(np.ascontiguousarray(file[name][:]).data).hexdigest()
            file[name].attrs["sha256"] = np.bytes_(digest)
    seal(path)


def put(name: str, place: Any, value: Any) -> Any:
    return lambda file: file[name].__setitem__(place, value)


def retyped(name: str, kind: str) -> Any:
    def change(file: h5py.File) -> None:
        values = file[name][:]
        del file[name]
        file.create_dataset(name, data=values.astype(kind))

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("train/features", (3, 1), np.nan), "row 3 of 'train/features' is not finite"),
        (
            put("test/labels", (5, 1), 99),
            "row 5 of 'test/labels' is class 99 at level 1, whose cl",
        ),
        (put("test/labels", (5, 0), -1), "row 5 of 'test/labels' is class -1"),
        (put("levels/1/parents", 0, 7), "'levels/1/parents' are no classes of the level above"),
        (retyped("train/features", ">f4"), "'train/features' is >f4 with 2 axes, expected <f4"),
        (retyped("train/labels", "<i8"), "'train/labels' is <i8"),
    ],
)
def test_a_set_that_was_sealed_with_nonsense_is_refused(features, change, message):
    sealed(features.path, change)
    with pytest.raises(StoreError, match=message):
        FeatureSet(features.path).features("train")


def evaluation(head, store) -> Path:
    return evaluate_heads([head], Protocol("loo", max_test=40), store).paths[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda d: d["steerability"].update(S=1.5),
            "steerability.S is 1.5, but the accuracies beside it give",
        ),
        (lambda d: d["steerability"].update(S=10), "field steerability.S: expected `float` <= 2"),
        (lambda d: d["accuracy"]["4"].update(L0=1.2), r"field accuracy\[...\]\[...\]: expected `float` <= 1"),
        (lambda d: d["profile"].update(h_l0=-0.1), "field profile.h_l0: expected `float` >= 0"),
        (
            lambda d: d["profile"].update(entropies=[-1.0]),
            r"field profile.entropies\[0\]: expected `float` >= 0",
        ),
        (lambda d: d.update({"encoding-version": "3.0"}), "format version 3.0, but this version"),
        (lambda d: d["accuracy"].pop("4"), "accuracy lacks a length of dims or a level"),
    ],
)
def test_an_evaluation_that_contradicts_itself_is_refused(head, store, change, message):
    path = evaluation(head, store)
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises(FractalError, match=message):
        read_document(path, Evaluation)


def test_an_evaluation_of_a_later_version_is_in_no_result(head, store):
    path = evaluation(head, store)
    path.write_text(path.read_text().replace('"encoding-version": "2.0"', '"encoding-version": "3.0"'))
    with pytest.raises(FractalError, match=r"evaluation-loo.*json: format version 3\.0, but"):
        read_observations([path])
    with pytest.raises(RequestError, match=r"left out .*format version 3\.0, but"):
        read_results(head.folder)


def test_a_key_that_stands_twice_is_named(head, store, tmp_path):
    path = evaluation(head, store)
    path.write_text(path.read_text().replace('"k": 5', '"k": 5, "k": 7'))
    with pytest.raises(FractalError, match=r"evaluation-loo.*json: .*the key 'k' stands twice"):
        read_document(path, Evaluation)
    lines = tmp_path / "a.jsonl"
    lines.write_text('{"text": "a", "coarse": "x", "fine": "y", "fine": "z"}\n')
    with pytest.raises(FractalError, match=r"a\.jsonl, line 1: the key 'fine' stands twice"):
        CorpusRequest(str(lines)).load()


@pytest.mark.parametrize(
    "row",
    [
        *("a,v5,1_0,0.1", "a,v5,1,1_000", "a,v5,\uff11,0.1", "a,v5,1,\u0660.\u0661"),
        *("a,v5,1,nan", "a,v5,1,0x1", "a,v5,1,10", "a,v5,1,-2.5"),
    ],
)
def test_numbers_in_tables_are_plain_ones_in_their_range(tmp_path, row):
    path = tmp_path / "t.csv"
    path.write_text(f"dataset,strategy,seed,steerability\n{row}\n")
    with pytest.raises(RequestError, match=r"t\.csv, line 2: column '(seed|steerability)' is"):
        read_observations([path])


def test_differences_in_tables_are_of_accuracies(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("dataset,strategy,seed,steerability,delta_fine\na,v5,1,0.1,3\n")
    with pytest.raises(RequestError, match=r"t\.csv, line 2: column 'delta_fine' is 3, expected -2 to 2"):
        read_observations([path])


def test_the_line_of_a_table_in_another_encoding_is_named(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"dataset,strategy,seed,steerability\na,v5,1,0.1\ncaf\xe9,v5,1,0.1\n")
    with pytest.raises(RequestError, match=r"t\.csv, line 3: not a CSV table in UTF-8"):
        read_observations([path])


@pytest.mark.parametrize("row", ["a,-0.1,0.5", "a,1.0,1.5", "a,1.0,50"])
def test_profiles_hold_bits_and_fractions(tmp_path, row):
    path = tmp_path / "p.csv"
    path.write_text(f"dataset,h_l1_given_l0,baseline_l1\n{row}\n")
    with pytest.raises(RequestError, match=r"p\.csv, line 2: column .* expected 0 to"):
        read_profiles(path)


def test_of_two_equal_columns_none_is_taken(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("dataset,strategy,seed,steerability,steerability\na,v5,1,0.1,0.2\n")
    with pytest.raises(RequestError, match="the header names the column 'steerability' twice"):
        read_observations([path])
    twice = pyarrow.table([["a"], ["x"], ["y"], ["z"]], names=["text", "coarse", "fine", "fine"])
    pyarrow.parquet.write_table(twice, tmp_path / "t.parquet")
    with pytest.raises(RequestError, match="the header names the column 'fine' twice"):
        CorpusRequest(str(tmp_path / "t.parquet")).load()


@pytest.mark.parametrize("seeds", ["1_0", "\uff11", "-1", "1,,2", "1e3", "", "0x1"])
def test_seeds_are_plain_numbers(seeds):
    result = call(f"train --seeds '{seeds}'")
    assert result.exit_code == 2


def rows(path: Path, labels: list[Any]) -> Path:
    lines = [{"text": f"text {number}", "coarse": "x", "fine": label} for number, label in enumerate(labels)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.mark.parametrize("label", [float("inf"), float("-inf"), float("nan"), [1], {}, None, " ", "\ud800"])
def test_what_is_no_label_becomes_no_class(tmp_path, label):
    path = rows(tmp_path / "a.jsonl", ["a", label] * 10)
    with pytest.raises(RequestError, match=r"a\.jsonl, line 2: .*column 'fine'"):
        CorpusRequest(str(path)).load()


def test_bytes_become_no_class(tmp_path):
    table = pyarrow.table({"text": ["a", "b"], "coarse": ["x", "x"], "fine": [b"A", b"B"]})
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(RequestError, match=r"row 1: column 'fine' holds a bytes, not one label"):
        CorpusRequest(str(tmp_path / "t.parquet")).load()


def test_one_name_in_two_spellings_is_one_class(tmp_path):
    path = rows(tmp_path / "a.jsonl", ["é", "e\u0301", "f"] * 10)
    assert CorpusRequest(str(path)).load().tree.names[1] == ("f", "é")


def test_levels_are_named_once(tmp_path):
    path = rows(tmp_path / "a.jsonl", ["a", "b"] * 10)
    with pytest.raises(RequestError, match="--levels names 'fine' twice"):
        CorpusRequest(str(path), levels=("fine", "fine"))


def test_two_names_that_qualify_to_one_are_refused(tmp_path):
    path = tmp_path / "a.jsonl"
    paths = [("x", "a"), ("y", "a"), ("x", "x > a")] * 10
    path.write_text("".join(
        json.dumps({"text": f"t{n}", "coarse": coarse, "fine": fine}) + "\n"
        for n, (coarse, fine) in enumerate(paths)))  # fmt: skip
    with pytest.raises(RequestError, match="would both be called 'x > a'"):
        CorpusRequest(str(path), on_conflict="qualify").load()


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return as_sentence_transformers(build_bert(tmp_path_factory.mktemp("model") / "m"), "mean_tokens")


def test_weights_behind_a_link_are_part_of_a_model(model, tmp_path):
    folder, elsewhere = tmp_path / "linked", tmp_path / "elsewhere"
    elsewhere.mkdir()
    folder.mkdir()
    for path in model.iterdir():
        (elsewhere / path.name).write_bytes(path.read_bytes()) if path.is_file() else None
    (folder / "0_Transformer").symlink_to(elsewhere)
    (elsewhere / "loop").symlink_to(folder)
    before = fingerprint(folder)
    weights = elsewhere / "model.safetensors"
    tensors = {name: tensor + 1 for name, tensor in load(weights.read_bytes()).items()}
    weights.write_bytes(save(tensors))
    assert fingerprint(folder) != before


@pytest.mark.parametrize("path", ["../other", "/etc", "a/../../b", "C:\\x", "..\\other"])
def test_modules_outside_of_a_model_are_refused(model, tmp_path, path):
    folder = tmp_path / "m"
    folder.mkdir()
    for one in model.glob("*.json"):
        (folder / one.name).write_bytes(one.read_bytes())
    modules = json.loads((folder / "modules.json").read_text())
    modules[0]["path"] = path
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(RequestError, match="leads out of the folder"):
        resolve_backbone(str(folder))
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": path}}))
    with pytest.raises(RequestError, match="leads out of the folder"):
        weight_files(folder)


def test_a_length_that_leaves_nothing_of_a_text_is_refused(model, tmp_path):
    from fractalctl.backbones.encoder import load_backbone

    with pytest.raises(RequestError, match="puts 2 special tokens around a text; --max-length 2 leaves none"):
        load_backbone(resolve_backbone(str(model), max_length=2))
    assert load_backbone(resolve_backbone(str(model), max_length=3)).encode(["the card"]).shape[0] == 1


@pytest.mark.parametrize("command", ["evaluate -", "ablate -", "train -", "stats -", "search - question"])
def test_an_empty_pipe_is_no_request(command):
    result = call(command, given="\n")
    assert (result.exit_code, "expected" in said(result)) == (2, True)
