import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from fractalctl.documents.head import HeadDocument
from fractalctl.documents.measured import Features
from fractalctl.errors import FractalError, RequestError
from fractalctl.heads.arms import Arm
from fractalctl.heads.head import Head, find_heads, head_identity, load_head, save_head
from tests.heads.conftest import arm_of, constant


def saved(folder: Path, examples, arm: Arm, seed: int = 42) -> Head:
    document = HeadDocument(
        corpus="garden",
        backbone="gaussian",
        **msgspec.structs.asdict(arm.name()),
        seed=seed,
        input_dimension=24,
        dims=list(arm.dims),
        nested=arm.nested,
        classes=[["a", "b"], ["c"] * 4, ["d"] * 12],
        features=Features(corpus="garden", name="gaussian", identity="f" * 64, path="garden.h5"),
        best_epoch=None,
        history=[],
        weights_sha256="",
        identity=head_identity("f" * 64, arm, seed),
    )
    return save_head(folder, arm.fit(examples, [seed], constant)[0], document)


@pytest.mark.parametrize(
    ("name", "trunk"), [("v5", None), ("mrl", "fractal"), ("supcon", None), ("lda", None)]
)
def test_a_head_on_disk_embeds_as_in_memory(tmp_path, examples, name: str, trunk: str | None) -> None:
    arm = arm_of(name, trunk=trunk, **({} if name == "lda" else {"epochs": 1}))
    fitted = arm.fit(examples, [42], constant)[0]
    written = saved(tmp_path, examples, arm)
    head = load_head(tmp_path / "head.json")
    assert head.document == written.document
    assert (head.arm, head.strategy, head.seed, head.dims) == (arm.label, name, 42, (4, 8, 12, 20))
    assert (head.corpus, head.backbone, head.nested) == ("garden", "gaussian", arm.nested)
    assert head.settings == arm.settings
    assert list(head.document.history) == list(fitted.history)
    expected = arm.embed(fitted.weights, examples.source)
    assert (head.embed(examples.source) == expected.full).all()
    assert (head.embed(examples.source, dimension=8) == expected.blocks[:, :8]).all()
    with pytest.raises(RequestError, match="1 to 20 dimensions, not 21"):
        head.embed(examples.source, dimension=21)
    with pytest.raises(RequestError, match=r"takes features of length 24, got shape \(3, 7\)"):
        head.embed(np.zeros((3, 7), np.float32))


def test_what_determines_the_weights_is_in_the_identity() -> None:
    arm = arm_of("v5")
    plain = head_identity("f", arm, 42)
    others = [
        head_identity("g", arm, 42),
        head_identity("f", arm, 43),
        *(head_identity("f", arm_of("v5", **{name: value}), 42) for name, value in (
            ("epochs", 9), ("trunk", "mlp"), ("keep", [1, 1, 1, 1]), ("holdout_seed", 3), ("dims", "4,8"))),
        head_identity("f", arm_of("mrl"), 42),
    ]  # fmt: skip
    assert len({plain, *others}) == 9
    assert head_identity("f", arm_of("v5", epochs="3"), 42) == plain


DAMAGES = [
    (lambda text: text[:100], "not a result file"),
    (lambda text: "", "not a result file"),
    (lambda text: text.replace('"seed": 42', '"seed": "x"'), r"field seed: expected `int`"),
    (lambda text: text.replace('"dims"', '"dimz"'), r"missing required field `dims`"),
    (lambda text: text.replace('"encoding-version": "2', '"encoding-version": "1'), "format version 1.0"),
    (lambda text: text.replace("fractalctl-head", "fractalctl-salad"), "expected 'fractalctl-head'"),
]


@pytest.mark.parametrize(("damage", "message"), DAMAGES)
def test_a_damaged_description_is_named_and_can_be_replaced(tmp_path, examples, damage, message: str) -> None:
    """``train --overwrite always`` writes over it without reading it."""
    arm = arm_of("raw")
    saved(tmp_path, examples, arm)
    path = tmp_path / "head.json"
    path.write_text(damage(path.read_text()))
    with pytest.raises(FractalError, match=message) as caught:
        load_head(tmp_path)
    assert str(path) in str(caught.value)
    saved(tmp_path, examples, arm)
    assert load_head(tmp_path).weights["projection"].shape == (24, 20)


def test_foreign_settings_and_methods_are_named(tmp_path, examples) -> None:
    saved(tmp_path, examples, arm_of("lda"))
    path = tmp_path / "head.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | {"settings": {"dims": [4, 8], "shrinkage": "much"}}))
    with pytest.raises(FractalError, match=r"head.json: field settings: .*shrinkage"):
        load_head(tmp_path).embed(examples.source)
    path.write_text(json.dumps(document | {"method": "magic"}))
    with pytest.raises(RequestError, match=r"method 'magic' is not known here, only .*lda, "):
        load_head(tmp_path).embed(examples.source)


def test_weights_that_are_not_the_heads_are_refused(tmp_path, examples) -> None:
    head = saved(tmp_path, examples, arm_of("pca"))
    head.weights_path.write_bytes(b"other")
    with pytest.raises(FractalError, match=r"not those that head.json describes"):
        load_head(tmp_path).embed(examples.source)
    head.weights_path.unlink()
    with pytest.raises(FractalError, match="the weights are missing"):
        load_head(tmp_path).embed(examples.source)


def test_heads_are_found_once_and_in_order(tmp_path, examples) -> None:
    for place in ("b/seed-1", "a/seed-2", "a/seed-1"):
        saved(tmp_path / place, examples, arm_of("raw"))
    found = find_heads([tmp_path, tmp_path / "a" / "seed-1" / "head.json"])
    assert [str(head.folder.relative_to(tmp_path)) for head in found] == ["a/seed-1", "a/seed-2", "b/seed-1"]
    for path, message in ((tmp_path / "nowhere", "no such file"), (tmp_path / "a" / "seed-1", "")):
        if message:
            with pytest.raises(RequestError, match=message):
                find_heads([path])
    (tmp_path / "empty").mkdir()
    with pytest.raises(RequestError, match="no heads in this folder"):
        find_heads([tmp_path / "empty"])
    with pytest.raises(RequestError, match="no head here"):
        load_head(tmp_path / "empty")


def test_weights_are_float32_on_the_processor(tmp_path, examples) -> None:
    for name in ("v5", "lda"):
        head = saved(tmp_path / name, examples, arm_of(name))
        assert all((t.dtype, t.device.type) == (torch.float32, "cpu") for t in head.weights.values())
