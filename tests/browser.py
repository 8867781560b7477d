"""A headless Chromium for tests of pages."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDTHS = {1400: 1000, 390: 844}
"""Of a desk and of a phone, with their heights."""


@contextmanager
def chromium() -> Iterator[Any]:
    """Start a browser; skips where there is none."""
    selenium = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    binary = next(filter(None, map(shutil.which, BROWSERS)), None)
    service = shutil.which("chromedriver")
    if not binary or not service:
        pytest.skip("no Chromium with chromedriver on this machine")
    from selenium.webdriver.chrome.service import Service

    options = selenium.ChromeOptions()
    options.binary_location = binary
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1100,1400"):
        options.add_argument(argument)
    driver = selenium.Chrome(options=options, service=Service(service))
    try:
        yield driver
    finally:
        driver.quit()


def resize(driver: Any, width: int) -> None:
    """Look at a page as wide as this, as a phone does where it is narrow."""
    size = {"width": width, "height": WIDTHS[width], "deviceScaleFactor": 1, "mobile": width < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def sideways(driver: Any) -> int:
    """By how many pixels a page is wider than what it is looked at through."""
    return int(driver.execute_script("return document.documentElement.scrollWidth - innerWidth"))
