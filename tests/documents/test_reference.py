"""The page of file formats and the JSON schemas are those of the classes."""

import json
import runpy
from pathlib import Path

import msgspec
import pytest

from docs.write_reference import BEGIN, kinds, reference, write_reference

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    """The folder of the documentation as its script writes it now."""
    from fractalctl.measures.metrics import metrics

    folder = tmp_path_factory.mktemp("docs")
    (folder / "file-formats.md").write_text((DOCS / "file-formats.md").read_text("utf-8"), "utf-8")
    write_reference(folder, {name: metric.result for name, metric in metrics().items()})
    return folder


def test_the_page_is_up_to_date(written: Path) -> None:
    """Else: python docs/write_reference.py."""
    assert (written / "file-formats.md").read_text("utf-8") == (DOCS / "file-formats.md").read_text("utf-8")


def test_the_schemas_are_up_to_date(written: Path) -> None:
    ours = {path.name: path.read_text("utf-8") for path in (DOCS / "schemas").glob("*.json")}
    assert ours == {path.name: path.read_text("utf-8") for path in (written / "schemas").glob("*.json")}
    assert set(ours) == {f"{kind.__struct_config__.tag}.json" for kind in kinds()}


def test_the_script_writes_the_same(monkeypatch) -> None:
    """It names what it writes; nothing changes where all is up to date."""
    before = (DOCS / "file-formats.md").read_bytes()
    runpy.run_path(str(DOCS / "write_reference.py"), run_name="__main__")
    assert (DOCS / "file-formats.md").read_bytes() == before


def test_every_kind_and_field_is_there() -> None:
    text = reference()
    for kind in kinds():
        assert f"`{kind.__struct_config__.tag}`" in text
        for field in msgspec.structs.fields(kind):
            assert f"| `{field.encode_name}` |" in text


def test_links_lead_somewhere() -> None:
    text = reference()
    wanted = {part.split(")")[0] for part in text.split("](#")[1:]}
    headings = {line.lstrip("# ").lower() for line in text.splitlines() if line.startswith("#")}
    assert wanted <= headings


def test_schemas_describe_the_files() -> None:
    schema = json.loads((DOCS / "schemas" / "fractalctl-evaluation.json").read_text("utf-8"))
    fields = schema["$defs"]["Evaluation"]["properties"]
    assert fields["encoding-type"]["enum"] == ["fractalctl-evaluation"]
    assert fields["n_queries"]["type"] == "integer"


def test_what_is_written_by_hand_stays(tmp_path: Path) -> None:
    page = tmp_path / "file-formats.md"
    page.write_text(f"by hand\n{BEGIN}\nold\n", "utf-8")
    write_reference(tmp_path)
    text = page.read_text("utf-8")
    assert text.startswith(f"by hand\n{BEGIN}")
    assert "\nold\n" not in text
