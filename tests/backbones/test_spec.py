import re
from pathlib import Path

import pytest

from fractalctl.backbones.spec import BackboneSpec, Pooling, default_backbone, registered_backbones

PAGE = Path(__file__).parents[2] / "docs" / "backbones.md"


def test_all_backbones_of_the_experiments_are_registered() -> None:
    names = ["bge-small", "e5-small", "qwen3-0.6b", "minilm", "bge-base", "nomic", "mxbai-large"]
    assert list(registered_backbones()) == names
    assert default_backbone() in names


@pytest.mark.parametrize("spec", registered_backbones().values(), ids=lambda spec: spec.name)
def test_a_row_leaves_nothing_open(spec: BackboneSpec) -> None:
    assert re.fullmatch(r"[\w.-]+/[\w.-]+", str(spec.hub))
    assert re.fullmatch(r"[0-9a-f]{40}", str(spec.revision))
    assert spec.weights is None or re.fullmatch(r"[0-9a-f]{64}", spec.weights)
    assert spec.dimension in (384, 768, 1024)
    assert spec.max_length in (256, 512)
    assert isinstance(spec.pooling, Pooling)
    assert spec.licence in ("MIT", "Apache-2.0")
    assert re.search(r" 20\d\d, ", str(spec.citation))


def test_an_identity_has_what_decides_the_features_and_nothing_else() -> None:
    assert registered_backbones()["e5-small"].identity() == {
        "hub": "intfloat/e5-small-v2",
        "revision": "dca8b1a9dae0d4575df2bf423a5edb485a431236",
        "pooling": "mean",
        "prompt": "query: ",
        "max_length": 512,
        "dtype": "float32",
    }


def test_the_documentation_has_the_table() -> None:
    rows = [
        [cell.strip() for cell in line.strip("| ").split("|")]
        for line in PAGE.read_text("utf-8").splitlines()
    ]
    table = {row[0].strip("`"): row[1:] for row in rows if len(row) == 8}
    for spec in registered_backbones().values():
        assert table[spec.name] == [
            f"[{spec.hub}](https://huggingface.co/{spec.hub})",
            f"`{str(spec.revision)[:7]}`",
            str(spec.dimension),
            str(spec.pooling),
            f'"{spec.prompt}"' if spec.prompt else "none",
            str(spec.max_length),
            str(spec.licence),
        ]
