"""A browser that looks at the page of a test file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import chromium


@pytest.fixture(scope="session")
def driver() -> Iterator[Any]:
    """A headless Chromium; skips where there is none."""
    with chromium() as started:
        yield started


@pytest.fixture
def browser(driver: Any, page: Path) -> Any:
    """The same, as wide as a desk, with the fixture ``page`` of the file just opened."""
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    driver.get(page.as_uri())
    return driver
