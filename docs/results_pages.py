"""Let the pages of results follow each other under their tab, without an entry each: a hook for MkDocs."""

from itertools import pairwise
from typing import Any

from mkdocs.structure.files import Files
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page

FIRST, FOLDER = "results.md", "results/"
BOOST = 0.2
"""Of pages that name every arm in every table, when words are searched for."""


def on_nav(nav: Navigation, files: Files, **_: Any) -> Navigation:
    """Put the folder's pages between the page that lists them and the one that comes after it."""
    listed = next((page for page in nav.pages if page.file.src_uri == FIRST), None)
    further = [file.page for file in files.documentation_pages() if file.src_uri.startswith(FOLDER)]
    if listed is None or not further:
        return nav
    pages = [page for page in further if page is not None]
    for page in pages:
        page.parent = listed.parent
    for before, after in pairwise([listed, *pages, *([listed.next_page] if listed.next_page else [])]):
        before.next_page, after.previous_page = after, before
    return nav


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Have a search find what explains a word before the tables that hold it."""
    if page.file.src_uri.startswith(FOLDER):
        page.meta.setdefault("search", {"boost": BOOST})
    return markdown
