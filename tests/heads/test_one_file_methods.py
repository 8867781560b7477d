"""A method is one new file: nothing else is edited, here or in the package of somebody else."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from fractalctl.errors import FractalError
from fractalctl.heads import methods
from fractalctl.heads.arms import build_arm, origin, strategies
from fractalctl.measures.neighbours import leave_one_out_accuracy

GRADIENT = '''
"""Squared distances to the centroid of one's class in the batch, on the first block and on the whole."""

from typing import Annotated

from msgspec import Meta

from fractalctl.heads.arms import Strategy
from fractalctl.heads.method import GradientMethod
from fractalctl.heads.settings import TrainingSettings
from fractalctl.heads.terms import FULL, Objective, Part, Term, Where


class CentroidSettings(TrainingSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far apart classes are to be."""

    apart: Annotated[float, Meta(gt=0, description="margin between classes")] = 1.0
    batch_size: int = 64


def spread(view, apart):
    from torch.nn import functional

    unit = functional.normalize(view.embedding, dim=2)
    far = (unit[:, :, None] - unit[:, None]).square().sum(3)
    same = (view.labels[:, :, None] == view.labels[:, None]).float()
    loss = same * far + (1 - same) * (apart - far).clamp(min=0)
    return (loss.mean(2) * view.weights).mean(1)


class Centroid(GradientMethod):
    """Rows of a class together."""

    name = "centroid"
    source = "Hadsell et al. 2006"
    Settings = CentroidSettings

    def objective(self, settings, n_levels):
        from fractalctl.heads.losses import Loss

        options = {"apart": settings.apart}
        fine = Term(Loss(spread), -1, FULL, options=options)
        coarse = Term(Loss(spread), 0, Where(Part.PREFIX, 0), 0.5, options)
        classes = Term("cross-entropy", 1, Where(Part.BLOCK, 1), 0.1)
        return Objective([fine, coarse, classes], keep=(0.9,) * settings.n_blocks)


STRATEGIES = (
    Strategy("centroid", Centroid(), "linear", meaning="contrastive", source=Centroid.source),
    Strategy("centroid-wide", Centroid(), "mlp", {"apart": 2.0, "epochs": 3}, "wide", Centroid.source),
)
'''

CLOSED = '''
"""Random directions, the same for everybody."""

import numpy as np

from fractalctl.heads.arms import Strategy
from fractalctl.heads.method import LinearMap
from fractalctl.randomness import Purpose, generator


class RandomMap(LinearMap):
    """A Gaussian matrix."""

    name = "{name}"
    source = "Johnson and Lindenstrauss 1984"

    def solve(self, examples, settings):
        shape = examples.input_dimension, settings.dimension
        return generator(0, Purpose.CLOSED_FORM).standard_normal(shape), np.zeros(settings.dimension)


{offer} = Strategy("{name}", RandomMap(), meaning="random directions", source=RandomMap.source)
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A folder whose modules are methods, as if they lay in `fractalctl.heads.methods`."""
    place = tmp_path / "more_methods"
    place.mkdir()
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(place)])
    before = set(sys.modules)
    yield place
    for name in set(sys.modules) - before:
        if name.startswith(("fractalctl.heads.methods.", "their_")):
            del sys.modules[name]


def test_a_gradient_method_is_one_file(folder, examples, small_set) -> None:
    (folder / "centroid.py").write_text(GRADIENT)
    assert {"centroid", "centroid-wide"} < set(strategies())
    settings = {"dims": "4,8,20", "epochs": 6, "learning_rate": 1e-2}
    arm = build_arm("centroid", 3, settings=settings)
    assert arm.label == "centroid-dims=4x8x20-epochs=6-learning_rate=0.01"
    wide = build_arm("centroid-wide", 3, settings={"apart": "1.5"})
    assert (wide.trunk, wide.settings.epochs, wide.label) == ("mlp", 3, "centroid-wide-apart=1.5")
    assert wide.settings.batch_size == 64
    trained = arm.fit(examples, [1, 2], leave_one_out_accuracy)
    for found in trained:
        assert found.history[-1].loss < found.history[0].loss
        embedded = arm.embed(found.weights, small_set[0])
        assert embedded.full.shape == (301, 20)
        assert leave_one_out_accuracy(embedded.full, small_set[1])[2] > 0.95
    fractal = build_arm("centroid", 3, "fractal", settings | {"epochs": 1})
    blocks = fractal.embed(fractal.fit(examples, [1], leave_one_out_accuracy)[0].weights, small_set[0])
    assert np.isfinite(blocks.full).all()


def test_a_closed_form_is_one_file(folder, examples, small_set) -> None:
    (folder / "jl.py").write_text(
        CLOSED.format(name="jl", offer="(one,)").replace("(one,) =", "one =") + "\nSTRATEGIES = (one,)\n"
    )
    arm = build_arm("jl", 3, settings={"dims": (4, 20)})
    found = arm.fit(examples, [1, 2], leave_one_out_accuracy)
    assert torch.equal(found[0].weights["projection"], found[1].weights["projection"])
    assert arm.embed(found[0].weights, small_set[0]).full.shape == (301, 20)
    assert (arm.label, arm.trunk, arm.nested) == ("jl-dims=4x20", None, True)


def publish(place: Path, package: str, name: str, strategy: str) -> None:
    """Install a package with one module and one entry point."""
    (place / f"{package}.py").write_text(CLOSED.format(name=strategy, offer="strategy"))
    info = place / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[fractalctl.methods]\n{name} = {package}:strategy\n")


def test_a_method_of_an_installed_package(folder, examples, small_set, monkeypatch) -> None:
    publish(folder.parent, "their_package", "theirs", "their-jl")
    monkeypatch.syspath_prepend(str(folder.parent))
    assert list(strategies())[-1] == "their-jl"
    assert origin("their-jl") == "their_package (theirs = their_package:strategy)"
    arm = build_arm("their-jl", 3)
    found = arm.fit(examples, [1], leave_one_out_accuracy)[0]
    assert arm.embed(found.weights, small_set[0]).full.shape == (301, 256)


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (
            "pca",
            r"'pca' comes twice: from fractalctl\.heads\.methods\.pca and from their_other \(a = ",
        ),
        ("../escaped", r"strategy '\.\./escaped' of their_other .*: a name is at most"),
    ],
)
def test_a_name_that_is_taken_or_names_no_folder_is_refused(
    folder, monkeypatch, strategy: str, message: str
) -> None:
    publish(folder.parent, "their_other", "a", strategy)
    monkeypatch.syspath_prepend(str(folder.parent))
    with pytest.raises(FractalError, match=message):
        strategies()
