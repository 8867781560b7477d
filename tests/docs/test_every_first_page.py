"""Every command and every snippet of README.md and docs/ is run as it stands: every first page.

Two files, so that two processes can share the work.
"""

from pathlib import Path

import pytest

from tests.docs.blocks import name
from tests.docs.following import RUNNING, follow_page


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("page", RUNNING[0::2], ids=name)
def test_a_page_can_be_followed_from_its_first_line_to_its_last(
    page: Path, library, tmp_path, monkeypatch
) -> None:
    follow_page(page, library, tmp_path / "here", monkeypatch)
