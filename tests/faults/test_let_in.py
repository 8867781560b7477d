"""Files that strangers sent stay data: they name no other file, run nothing, and look like what they are."""

import csv
import io
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import h5py
import numpy as np
import pytest
from rich.console import Console as RichConsole

from fractalctl.cli.console import Console
from fractalctl.errors import RequestError
from fractalctl.heads.arms import read_arm
from fractalctl.report import Results, report_sections, write_report
from fractalctl.report.results import slug
from fractalctl.report.writers import csv_table, latex_text, markdown_text
from fractalctl.tables import Table, visible
from store import FeatureSet
from store.errors import StoreError
from store.layout import seal
from store.recipe import check_name
from tests.cli.world import TABLE
from tests.report.documents import evaluations

CORPUS = "x/../../../../escaped"
BACKBONE = '=HYPERLINK("http://a.example","b")'
ARMS = ("<script>alert(1)</script>", "\\input{/etc/passwd} $a$ `b` ![c](http://d.example) [/foo]\x1b]0;t\x07")
LIVE = ("..", "/", "\\", ":", "\0", "\n", "\x1b", "<", "|", "*", "?")


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> tuple[Path, list[Path]]:
    """A report on evaluations whose names are attacks."""
    pytest.importorskip("matplotlib")
    folder = tmp_path_factory.mktemp("a") / "b" / "c" / "d" / "e" / "report"
    found = evaluations({arm: [0.1, 0.2, 0.15] for arm in ARMS}, CORPUS, backbone=BACKBONE)
    return folder, write_report(report_sections(Results(evaluations=found)), folder)


def test_names_in_results_make_no_paths(report):
    folder, written = report
    top = folder.parents[4]
    files = [path for path in top.rglob("*") if path.is_file()]
    assert set(files) == set(written)
    assert all(folder in path.resolve().parents for path in written)
    folders = {path.parent.relative_to(folder).as_posix() for path in written}
    assert folders == {".", "results", "tables", "figures"}


class Tags(HTMLParser):
    """Elements of a page, with their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_a_page_has_no_script_and_no_address_of_others(report):
    page = (report[0] / "report.html").read_text("utf-8")
    tags = Tags()
    tags.feed(page)
    assert "alert(1)" in page, "it is there as text"
    scripts = [attributes for tag, attributes in tags.found if tag == "script"]
    own = [attributes for attributes in scripts if attributes.get("type") != "application/json"]
    assert len(own) == 1, "the page's own; the others are data"
    for _, attributes in tags.found:
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:image"))


def test_markdown_shows_names_as_text(report):
    from markdown_it import MarkdownIt

    for page in [report[0] / "results.md", *sorted((report[0] / "results").glob("*.md"))]:
        rendered = MarkdownIt("gfm-like", {"linkify": False}).render(page.read_text("utf-8"))
        tags = Tags()
        tags.feed(rendered)
        assert "script" not in {tag for tag, _ in tags.found}
        pictures = [str(attributes["src"]) for tag, attributes in tags.found if tag == "img"]
        assert all(source.removeprefix("../").startswith("figures/") for source in pictures)
        links = [attributes["href"] for tag, attributes in tags.found if tag == "a"]
        assert all((page.parent / str(link)).is_file() for link in links)
        if page.name == "results.md":
            assert "&lt;script&gt;alert(1)&lt;/script&gt;" in rendered


def test_no_cell_of_a_csv_file_is_a_formula(report):
    for path in (report[0] / "tables").glob("*.csv"):
        for row in csv.reader(io.StringIO(path.read_text("utf-8"))):
            assert not [cell for cell in row if cell.startswith(("=", "@", "\t", "\r"))]


def test_latex_has_no_command_of_others(report):
    for path in (report[0] / "tables").glob("*.tex"):
        text = path.read_text("utf-8")
        assert "\\input" not in text
        assert set(re.findall(r"\\label\{(.*?)\}", text)) == {f"tab:{path.stem}"} or "label{tab:" in text


@pytest.mark.parametrize(
    "live", [*LIVE, "=1+1", "-1+1", "+1", "@a", "$x$", "{", "}", "%", "&", "#", "~", "^", "_a_"]
)
def test_each_format_has_one_escape(live):
    from markdown_it import MarkdownIt

    shown = MarkdownIt("commonmark").render(f"| {markdown_text(f'a{live}b')} |")
    assert not re.search(r"<(?!/?p>)", shown), shown
    assert not re.search(r"(?<!\\)[%&#{}]", re.sub(r"\\text\w+\{\}", "", latex_text(live)))
    cell = next(csv.reader(io.StringIO(csv_table([live], []))))[0]
    assert cell.lstrip("'") == visible(live)
    assert not cell.startswith(("=", "@")) and not re.match(r"[+-]\d+[+-]", cell)


@pytest.mark.parametrize(
    "name", [*LIVE, "../../a", "/etc/passwd", "a/..", "..\\..\\a", "x" * 5000, "ü" * 300, "", "."]
)
def test_a_slug_is_one_part_of_a_path(name):
    found = slug(name)
    assert found not in ("", ".", "..") and not set(found) & {"/", "\\", ":", "\0", "\n", "\x1b"}
    assert len(found.encode()) < 200


def test_a_terminal_is_told_what_stands_there_and_obeys_nothing(capsys):
    evil = "[/foo][bold]x[/bold]\x1b]0;title\x07\x1b[31m\u202e\r\x9b1m"
    console = Console()
    console.note(evil)
    console.warn(evil)
    console.error(evil)
    console.tables([Table("t", evil, ["a", evil], [["b", evil]], left=2)])
    shown = capsys.readouterr().err
    assert shown.count("[/foo][bold]x[/bold]") >= 3
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", shown)
    assert visible("ä, 中, 👩‍👩‍👧\tb\n") == "ä, 中, 👩‍👩‍👧\tb\n"
    with RichConsole(file=io.StringIO()) as rich:
        assert rich.is_terminal is False


@pytest.mark.parametrize("name", ["..", "...", "../../x", "a b", "-x", "CON:", "x\n", "\x1b[1m", "a/b", ""])
def test_the_name_of_a_supervision_makes_no_path(tmp_path, name):
    path = tmp_path / "table.toml"
    path.write_text(TABLE)
    from fractalctl.heads import arms

    with pytest.raises(RequestError, match="cannot name a supervision"):
        arms._own_strategy(name, {})
    path.write_text(f'name = "../../x"\n{TABLE}')
    with pytest.raises(RequestError, match="remove the key 'name'"):
        read_arm(path, 3)


@pytest.mark.parametrize("name", ["früchte", "水果", "фрукты", "हिन्दी", "clinc-2.0+x@1=a_b", "٣a"])
def test_names_may_be_of_any_alphabet(name):
    assert check_name("corpus", name) == name


def test_a_corpus_may_be_called_in_any_alphabet(tmp_path):
    from store import FeatureStore
    from tests.feature_sets import make_features

    found = make_features(FeatureStore(tmp_path), corpus="früchte")
    assert (found.path.parent.name, found.corpus) == ("früchte", "früchte")


def external_link(file: h5py.File, secret: Path) -> None:
    del file["train/features"]
    file["train/features"] = h5py.ExternalLink(str(secret), "/secret")


def soft_link(file: h5py.File, _: Path) -> None:
    del file["train/features"]
    file["train/features"] = h5py.SoftLink("/test/features")


def external_storage(file: h5py.File, secret: Path) -> None:
    shape = file["train/features"].shape
    del file["train/features"]
    size = 4 * shape[0] * shape[1]
    file.create_dataset("train/features", shape, "<f4", external=[(str(secret), 0, size)])


def virtual(file: h5py.File, secret: Path) -> None:
    shape = file["train/features"].shape
    del file["train/features"]
    layout = h5py.VirtualLayout(shape, "<f4")
    layout[:] = h5py.VirtualSource(str(secret), "secret", shape)
    file.create_virtual_dataset("train/features", layout)


def chunked(file: h5py.File, _: Path) -> None:
    """A bomb: gigabytes in a few bytes."""
    del file["train/texts"]
    file.create_dataset("train/texts", (2**36,), "u1", chunks=(2**20,), compression="gzip")


def unwritten(file: h5py.File, _: Path) -> None:
    """Another: what was never written takes no room in the file."""
    del file["train/texts"]
    file.create_dataset("train/texts", (2**36,), "u1")


@pytest.mark.parametrize("attack", [external_link, soft_link, external_storage, virtual, chunked, unwritten])
def test_a_set_shows_no_other_file_and_unfolds_into_nothing(features, tmp_path, attack: Callable[..., None]):
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["secret"] = np.ones((400, 24), np.float32)
    with h5py.File(features.path, "r+") as file:
        attack(file, secret)
    seal(features.path)
    refused = r"link to somewhere else|in one piece|does not lie in this file"
    for read in (FeatureSet.labels, FeatureSet.features, FeatureSet.texts):
        with pytest.raises(StoreError, match=refused):
            read(FeatureSet(features.path), "train")
