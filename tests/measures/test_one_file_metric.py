"""A metric in one new file, among the built-in ones or in somebody's package: no other file is touched."""

import importlib
import sys
from pathlib import Path

import msgspec
import pytest

from fractalctl.errors import FractalError
from fractalctl.measures import metrics as package
from fractalctl.measures.evaluation import Evaluator
from fractalctl.measures.metrics import Subject, metric_names, metrics
from fractalctl.measures.protocols import Protocol
from fractalctl.tables import Section
from store import FeatureSet
from tests.measures.heads import make_head

SOURCE = '''
"""Norms of embeddings, the whole of a metric."""

import msgspec
import numpy as np

from fractalctl.measures.metrics import Metric, Subject
from fractalctl.tables import Section, Table


class Norms(msgspec.Struct, frozen=True):
    """Mean norm at each length.

    Attributes:
        mean: by length.
    """

    mean: dict[str, float]


def norms(subject: Subject) -> Norms:
    embedded = {d: subject.test.at(d) for d in subject.dims}
    return Norms({str(d): float(np.linalg.norm(rows, axis=1).mean()) for d, rows in embedded.items()})


def section(found: list) -> Section:
    rows = [[evaluation.arm, f"{result.mean['4']:.2f}"] for evaluation, result in found]
    return Section("Norms", [Table("norms", "Mean norm.", ["arm", "norm"], rows)])


METRIC = Metric("NAME", Norms, norms, section=section)
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose modules can be imported, and are forgotten afterwards."""
    place = tmp_path / "own"
    place.mkdir()
    before = set(sys.modules)
    yield place
    for name in set(sys.modules) - before:
        if str(place) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
            vars(package).pop(name.rpartition(".")[2], None)


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """What pip would leave of a package `own-metrics` with one entry point."""
    info = folder / "own_metrics-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own-metrics\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[fractalctl.metrics]\n{name} = {value}\n")
    monkeypatch.syspath_prepend(str(folder))
    importlib.invalidate_caches()


def measure_and_report(features: FeatureSet, folder: Path, name: str) -> None:
    metric, evaluator = metrics()[name], Evaluator(features, Protocol())
    head = make_head(features, folder)
    evaluation = evaluator.evaluate(head)
    part = metric.part(Subject(head, evaluator, evaluation))
    evaluation = msgspec.structs.replace(evaluation, metrics={name: part})
    found = metric.read(evaluation)
    assert found.mean["4"] > 0
    section = metric.section([(evaluation, found)])
    assert isinstance(section, Section)
    assert section.parts[0].rows == [["v5", f"{found.mean['4']:.2f}"]]
    assert metric_names([name]) == (name,)
    assert name in metric_names(["all"])


def test_a_module_beside_the_built_in_ones(folder, features, monkeypatch) -> None:
    (folder / "norms.py").write_text(SOURCE.replace("NAME", "norms"))
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    measure_and_report(features, folder, "norms")


def test_a_package_with_an_entry_point(folder, features, monkeypatch) -> None:
    (folder / "own_metrics.py").write_text(SOURCE.replace("NAME", "lengths"))
    install(folder, monkeypatch, "lengths", "own_metrics:METRIC")
    measure_and_report(features, folder, "lengths")
    assert list(metrics())[-1] == "lengths"


def test_a_name_that_is_taken_names_both_sources(folder, monkeypatch) -> None:
    (folder / "own_metrics.py").write_text(SOURCE.replace("NAME", "retrieval"))
    install(folder, monkeypatch, "lengths", "own_metrics:METRIC")
    with pytest.raises(FractalError, match=r"fractalctl\.measures\.metrics\.retrieval and from own-metrics"):
        metrics()


@pytest.mark.parametrize("value", ["own_metrics:norms", "own_metrics:MISSING"])
def test_what_is_no_metric_names_its_package(folder, monkeypatch, value: str) -> None:
    (folder / "own_metrics.py").write_text(SOURCE)
    install(folder, monkeypatch, "lengths", value)
    with pytest.raises(FractalError, match=r"plug-in own-metrics .*uninstall"):
        metrics()
