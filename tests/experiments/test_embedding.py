from pathlib import Path

import numpy as np
import pytest

from fractalctl import Embedder
from fractalctl.errors import RequestError
from fractalctl.heads.head import DESCRIPTION_FILE
from tests.backbones.models import TEXTS, build_bert
from tests.tiny import tiny_heads


@pytest.mark.parametrize("trunk", ["linear", "fractal"])
def test_texts_go_through_backbone_and_head(tmp_path: Path, trunk: str) -> None:
    (head,) = tiny_heads(tmp_path, trunk=trunk)
    embedder = Embedder.load(head.folder, encoder=tmp_path / "bert", device="cpu")
    features = embedder.backbone.encode(TEXTS)
    for length in (None, 4, 5, 16):
        plain = head.embed(features, dimension=length)
        assert embedder.encode(TEXTS, length, normalise=False) == pytest.approx(plain, abs=1e-6)
        expected = plain / np.linalg.norm(plain, axis=1, keepdims=True)
        assert embedder.encode(TEXTS, length) == pytest.approx(expected, abs=1e-6)
    alone = embedder.encode(TEXTS[1], 8)
    assert alone.shape == (8,)
    assert alone == pytest.approx(embedder.encode(TEXTS, 8)[1], abs=1e-5)


def test_prompt_and_maximum_length_are_those_of_the_features(tmp_path: Path) -> None:
    (head,) = tiny_heads(tmp_path, prompt="query : ", max_length=6)
    embedder = Embedder.load(head.folder / DESCRIPTION_FILE, encoder=tmp_path / "bert")
    assert (embedder.backbone.spec.prompt, embedder.backbone.spec.max_length) == ("query : ", 6)
    assert embedder.encode("one two three") == pytest.approx(embedder.encode("one two three four five"))


def test_a_head_without_its_feature_set_knows_its_backbone(tmp_path: Path) -> None:
    (head,) = tiny_heads(tmp_path)
    for path in (tmp_path / "store").rglob("*.h5"):
        path.unlink()
    embedder = Embedder.load(head.folder, encoder=tmp_path / "bert", store=tmp_path / "store")
    assert embedder.encode("the card").shape == (16,)


def test_an_older_head_asks_its_feature_set(tmp_path: Path) -> None:
    (head,) = tiny_heads(tmp_path)
    path = head.folder / DESCRIPTION_FILE
    text = path.read_text()
    start = text.index('  "encoder"')
    path.write_text(text[:start].rstrip().rstrip(",") + "\n}\n")
    assert Embedder.load(head.folder, encoder=tmp_path / "bert").head.document.encoder is None
    for found in (tmp_path / "store").rglob("*.h5"):
        found.unlink()
    with pytest.raises(RequestError, match="is neither there nor in the store"):
        Embedder.load(head.folder, encoder=tmp_path / "bert", store=tmp_path / "store")


def test_another_encoder_is_refused(tmp_path: Path) -> None:
    (head,) = tiny_heads(tmp_path)
    with pytest.raises(RequestError, match="name that folder with --encoder FOLDER"):
        Embedder.load(head.folder)
    other = build_bert(tmp_path / "other", seed=5)
    with pytest.raises(RequestError, match="not the model that made"):
        Embedder.load(head.folder, encoder=other)


def test_lengths_that_the_head_has_not(tmp_path: Path) -> None:
    (head,) = tiny_heads(tmp_path)
    embedder = Embedder.load(head.folder, encoder=tmp_path / "bert")
    for length in (0, 17):
        with pytest.raises(RequestError, match="expected ascending lengths from 1 to 16"):
            embedder.encode("card", length)
