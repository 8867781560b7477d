"""Entry points of packages that need not be installed."""

from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pytest

from fractalctl import plugins
from fractalctl.corpora import registered_corpora

Offer = Callable[..., None]


@pytest.fixture
def offer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Offer]:
    """Let objects of `tests.plugins.offers` stand under a group of entry points."""

    def forget() -> None:
        plugins._entries.cache_clear()
        registered_corpora.cache_clear()

    def stand(group: str, *names: str) -> None:
        forget()
        entries = [EntryPoint(name.lower(), f"tests.plugins.offers:{name}", group) for name in names]

        def found(**asked: str) -> Any:
            ours = asked.get("group", "").startswith("fractalctl.")
            return [one for one in entries if one.group == asked["group"]] if ours else entry_points(**asked)

        monkeypatch.setattr("importlib.metadata.entry_points", found)

    yield stand
    forget()
