"""The documentation as a site: no link is broken, nothing comes from elsewhere, and it fits a phone."""

import subprocess
import sys
from html.parser import HTMLParser
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest

from tests.browser import WIDTHS, chromium, resize, sideways
from tests.docs.blocks import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if missing := [name for name in ("material", "mkdocstrings") if find_spec(name) is None]:
        pytest.skip(f"not installed, see the extra docs: {', '.join(missing)}")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


class Sources(HTMLParser):
    """What a page makes a browser fetch, and the words that stand for its pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.alternatives: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "img":
            self.alternatives.append(found.get("alt") or "")
        if tag == "link" and found.get("rel") not in ("canonical", "prev", "next"):
            self.fetched.append(found.get("href") or "")
        elif "src" in found:
            self.fetched.append(found["src"] or "")


def test_pages_load_nothing_from_elsewhere_and_say_what_pictures_show(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 15
    for page in pages:
        sources = Sources()
        sources.feed(page.read_text("utf-8"))
        assert sources.fetched, page
        assert not [one for one in sources.fetched if one.startswith(("http:", "https:", "//"))], page
        assert all(len(words.split()) > 2 for words in sources.alternatives), page


def test_pages_of_results_follow_each_other_under_their_tab(site: Path) -> None:
    pages = sorted((site / "results").glob("*.html"))
    assert len(pages) > 2
    for before, after in pairwise(pages):
        assert f'<link rel="next" href="{after.name}">' in before.read_text("utf-8")
        assert f'<link rel="prev" href="{before.name}">' in after.read_text("utf-8")
    assert all("md-tabs__item--active" in page.read_text("utf-8") for page in pages)


@pytest.fixture(scope="module")
def browser():
    with chromium() as driver:
        yield driver


@pytest.mark.parametrize("width", WIDTHS)
def test_no_page_scrolls_sideways(site: Path, browser, width: int) -> None:
    resize(browser, width)
    wide = {}
    for page in sorted(site.rglob("*.html")):
        browser.get(page.as_uri())
        if (more := sideways(browser)) > 0:
            wide[page.relative_to(site).as_posix()] = more
    assert wide == {}


@pytest.mark.parametrize("width", WIDTHS)
def test_verdicts_are_in_sight(site: Path, browser, width: int) -> None:
    """Their column is a table's first, and stays where it is while the rest is scrolled."""
    place = "const box = arguments[0].getBoundingClientRect(); return [box.left, box.right]"
    resize(browser, width)
    for page in sorted((site / "results").glob("*.html")):
        if "verdict</th>" not in page.read_text("utf-8"):
            continue
        browser.get(page.as_uri())
        for head in browser.find_elements("css selector", "th"):
            if head.get_attribute("textContent") == "verdict":
                left, right = browser.execute_script(place, head)
                assert 0 <= left < right <= width, page.name
