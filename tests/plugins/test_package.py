"""A package of somebody else is installed, and its corpus, backbone, methods and metric go the whole road."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import Result

from fractalctl.backbones.spec import registered_backbones
from fractalctl.corpora import registered_corpora
from tests.backbones.models import as_sentence_transformers, build_bert
from tests.cli.calls import call

PACKAGE = Path(__file__).parent / "garden"


class Installed:
    """The command line, where the package is installed.

    Args:
        site: folder that it was installed into.
        work: where commands run and what they keep.
    """

    def __init__(self, site: Path, work: Path) -> None:
        self.site, self.work = site, work
        self.kept = {"FRACTALCTL_STORE": str(work / "features"), "FRACTALCTL_RUNS": str(work / "runs")}

    def run(self, command: str, *, code: int = 0) -> Result:
        """Run a command within this process, which has loaded the libraries once for all of them."""
        registered_corpora.cache_clear()
        registered_backbones.cache_clear()
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(str(self.site))
            patch.chdir(self.work)
            for name, value in self.kept.items():
                patch.setenv(name, value)
            patch.setenv("COLUMNS", "200")
            done = call(command)
        assert done.exit_code == code, f"{command}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    def run_apart(self, command: str) -> str:
        """Run a command in a process of its own, and give its output."""
        words = [sys.executable, "-m", "fractalctl", *shlex.split(command)]
        apart = {**os.environ, **self.kept, "PYTHONPATH": str(self.site)}
        done = subprocess.run(words, cwd=self.work, env=apart, capture_output=True, text=True, check=True)
        assert "Traceback" not in done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def garden(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    folder = tmp_path_factory.mktemp("plug-in")
    source = Path(shutil.copytree(PACKAGE, folder / "source"))
    as_sentence_transformers(build_bert(source / "fractal_garden" / "model"), "mean_tokens")
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
    ]
    subprocess.run([*install, "--target", str(folder / "site"), str(source)], check=True)
    (folder / "work").mkdir()
    yield Installed(folder / "site", folder / "work")
    registered_corpora.cache_clear()
    registered_backbones.cache_clear()
    sys.modules.pop("fractal_garden", None)


def test_its_corpus_backbone_methods_and_metric_go_the_whole_road(garden: Installed) -> None:
    assert "garden" in garden.run("corpora ls").stdout.split()
    about = json.loads(garden.run("corpora info garden --json").stdout)
    assert (about["classes"], about["title"]) == ([3, 6], "The garden")
    assert {"rotation", "halves"} <= set(garden.run("strategies ls").stdout.split())

    made = garden.run("featurize garden --backbone seedling --device cpu")
    assert Path(made.stdout.strip()).parts[-2:] == ("garden", "seedling.h5")
    assert "grown in the garden" in made.stderr
    assert "is in the store" in garden.run("featurize garden --backbone seedling").stderr
    assert garden.run_apart("featurize garden --backbone seedling").strip() == made.stdout.strip()

    trained = garden.run(
        "train garden --strategy v5,rotation,halves --seeds 1,2,3 --set dims=8x16x24x32 --device cpu"
    )
    folders = {Path(path).parts[-3] for path in trained.stdout.split()}
    assert {folder.partition("-")[0] for folder in folders} == {"v5", "rotation", "halves"}

    evaluated = garden.run("evaluate --metrics evenness --device cpu").stdout.split()
    assert len(evaluated) == 9
    document = json.loads(Path(evaluated[0]).read_text())
    assert 0 < document["metrics"]["evenness"]["result"]["participation"] <= 1

    arms = {json.loads(Path(path).read_text())["arm"] for path in evaluated}
    (v5,) = (arm for arm in arms if arm.startswith("v5"))
    for other in arms - {v5}:
        compared = garden.run(f"stats --compare {v5},{other} --json")
        (comparison,) = json.loads(compared.stdout)["comparisons"]
        assert (comparison["a"], comparison["b"], comparison["n"]) == (v5, other, 3)

    garden.run("report")
    (page,) = garden.work.rglob("report.html")
    written = page.read_text()
    assert "Evenness" in written
    assert all(arm in written for arm in arms)
    assert next(garden.work.rglob("evenness.csv")).read_text().count("\n") == 10


def test_what_it_adds_can_be_searched_and_is_gone_with_it(garden: Installed) -> None:
    found = garden.run("search --row 3 --device cpu --json")
    assert json.loads(found.stdout)
    (path,) = garden.run("export --to plain --output plain").stdout.split()
    assert len((garden.work / path).read_text().splitlines()) == 240
    elsewhere = Installed(garden.work, garden.work)
    assert "garden" not in elsewhere.run("corpora ls").stdout.split()
    assert "is neither a registered corpus" in elsewhere.run("featurize garden", code=2).stderr
