"""The report's page: what stands in the file, and what a browser makes of it."""

import base64
import hashlib
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from fractalctl.report.page import write_page
from fractalctl.report.sections import Picture, Section, Table

EVIL = "</script><script>window.hacked = true</script><img src=x onerror='window.hacked = true'> & \"q\""
DIMS = (64, 128, 192, 256)
ROWS = {
    str(row): {"id": f"train-{row}", "text": f"answer {row} {EVIL}", "labels": [coarse, fine]}
    for row, (coarse, fine) in enumerate([("bank", "transfer"), ("bank", "bill"), ("home", "music")] * 4)
}
RIGHT = [row for row, one in ROWS.items() if one["labels"][1] == "transfer"]
COARSE = [row for row, one in ROWS.items() if one["labels"] == ["bank", "bill"]]


def zoom(corpus: str = "clinc") -> dict:
    """At 64 one answer of three is of the query's finest class, at 256 all are."""
    found = [COARSE[:2] + RIGHT[:1], COARSE[:1] + RIGHT[:2], RIGHT[:3], RIGHT[1:4]]
    answers = {
        str(d): [{"row": int(row), "cosine": 0.9 - 0.1 * place} for place, row in enumerate(rows)]
        for d, rows in zip(DIMS, found, strict=True)
    }
    query = {"row": 0, "id": "test-0", "text": f"move money {EVIL}", "labels": ["bank", "transfer"]}
    second = {**query, "text": "play", "labels": ["home", "music"]}
    shares = {str(d): {"L0": 0.97 + d / 1e5, "L1": 0.8 + d / 2e3} for d in DIMS}
    return {
        "encoding-type": "fractalctl-zoom", "encoding-version": "1.0", "corpus": corpus, "backbone": "minilm",
        "strategy": "v5", "seed": 42, "head": "linear", "dims": list(DIMS), "k": 3, "n_queries": 2000,
        "n_reference": 10000, "shares": {"v5": shares, "mrl": {d: {"L0": 0.96, "L1": 0.9} for d in shares}},
        "changes": {"rise": 367, "stay": 1498, "fall": 135, "narrowing": 22, "widening": 5},
        "groups": [
            {"name": "blind", "choice": "The first of each.", "queries": [{**query, "answers": answers}]},
            {"name": "narrowing", "choice": "Chosen.", "queries": [{**second, "answers": answers}]},
        ],
        "rows": ROWS, "argv": ["fractalctl", "zoom", "/home/someone/runs"],
    }  # fmt: skip


def sections() -> list[Section]:
    pytest.importorskip("matplotlib")
    from fractalctl.report.figures import new_figure

    figure = new_figure(4, 3)
    figure.subplots().plot([64, 256], [1, 2])
    table = Table("table-1", f"**Caption** {EVIL}", ["corpus", "S"], [[EVIL, "+0.1 ± 0.0"], ["trec", 3]])
    claim = ("it *zooms* & more", "clinc <b>", "**holds**: 0.1 against 0.0, p < 0.001")
    paragraph = f"Read `this` and [that](https://example.org).\n\n- one\n- two\n\n```\na < b\n```\n\n{EVIL}"
    parts = [paragraph, table, Picture("figure-1", f"What is {EVIL}", figure)]
    return [Section("Steerability & more", parts, [claim]), Section("Steerability & more", ["again"])]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    return write_page(folder / "report.html", f"Results {EVIL}", [zoom(), zoom("trec")], sections())


class Reader(HTMLParser):
    """Gathers tags with their attributes, and whether they close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "input", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def tags(page: Path) -> list[tuple[str, dict]]:
    reader = Reader()
    reader.feed(page.read_text("utf-8"))
    assert reader.open == []
    return reader.tags


def test_the_same_arguments_give_the_same_bytes(page: Path, tmp_path: Path) -> None:
    again = write_page(tmp_path / "again.html", f"Results {EVIL}", [zoom(), zoom("trec")], sections())
    assert again.read_bytes() == page.read_bytes()


def test_one_file_loads_nothing(tags) -> None:
    sources = [attributes["src"] for _, attributes in tags if "src" in attributes]
    assert sources
    assert all(source.startswith("data:image/svg+xml;base64,") for source in sources)
    assert not [tag for tag, _ in tags if tag in ("link", "iframe", "object", "embed", "base")]
    links = [attributes["href"] for tag, attributes in tags if tag == "a"]
    assert [link for link in links if not link.startswith("#")] == ["https://example.org"]
    targets = {attributes["id"] for _, attributes in tags if "id" in attributes}
    assert {link[1:] for link in links if link.startswith("#")} <= targets


def test_only_its_own_script_may_run(page: Path, tags) -> None:
    script = re.findall(r"<script>(.*?)</script>", page.read_text("utf-8"), re.DOTALL)[-1]
    policy = next(attributes["content"] for _, attributes in tags if "http-equiv" in attributes)
    checksum = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{checksum}'" in policy
    assert "default-src 'none'" in policy
    assert len([tag for tag, _ in tags if tag == "script"]) == 2
    assert not [name for _, attributes in tags for name in attributes if name.startswith("on")]


def test_texts_are_escaped_and_folders_left_out(page: Path) -> None:
    text = page.read_text("utf-8")
    assert "<script>window.hacked" not in text
    assert "/home/someone" not in text
    data = re.search(r'<script type="application/json" id="zooms">(.*?)</script>', text, re.DOTALL)
    documents = json.loads(data[1])
    assert documents[0]["rows"] == ROWS
    assert "&lt;img src=x" in text


def test_parts_of_a_section(page: Path, tags) -> None:
    text = page.read_text("utf-8")
    for words in (
        "<h2 id=\"section-1-steerability-more-heading\">Steerability &amp; more</h2>",
        "<code>this</code>", "<li>one</li>", "<pre><code>a &lt; b\n</code></pre>", "<strong>Caption</strong>",
        '<th scope="col">S</th>', '<th scope="row" class="left">trec</th><td>3</td>',
        '<details class="claim" open>\n<summary>it <em>zooms</em> &amp; more: ', '<li data-verdict="holds">',
        '<span class="where">clinc &lt;b&gt;</span>', "<strong>holds</strong>: 0.1 against 0.0, p &lt; 0.001",
        "section-2-steerability-more",
    ):  # fmt: skip
        assert words in text, words
    names = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(names) == len(set(names))


def test_a_report_without_examples_has_no_slider(tmp_path: Path) -> None:
    text = write_page(tmp_path / "p.html", "Results", [], [Section("One", ["text"])]).read_text("utf-8")
    assert "range" not in text.split("<body>")[1].split("<script>")[0]
    assert 'id="zooms"' not in text


BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="module")
def driver():
    """A headless Chromium; skips where there is none."""
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
    yield driver
    driver.quit()


@pytest.fixture
def browser(driver, page: Path):
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    driver.get(page.as_uri())
    return driver


def text_of(browser, selector: str) -> str:
    return browser.find_element("css selector", selector).text


def rows_shown(browser) -> list[int]:
    return [
        int(item.get_attribute("data-row")) for item in browser.find_elements("css selector", "#answers li")
    ]


def shares_shown(browser) -> list[float]:
    return [
        float(one.get_attribute("value")) for one in browser.find_elements("css selector", "#shares data")
    ]


def check(browser, document: dict, length: int, query: dict) -> None:
    """What is shown at a length is what the document says."""
    assert rows_shown(browser) == [answer["row"] for answer in query["answers"][str(length)]]
    shares = document["shares"]["v5"][str(length)]
    assert shares_shown(browser) == [shares["L0"], shares["L1"]]
    printed = re.findall(r"(\d+\.\d) %", text_of(browser, "#shares"))
    rival = document["shares"]["mrl"][str(length)]
    expected = [share for level in ("L0", "L1") for share in (shares[level], rival[level])]
    assert printed == [f"{100 * share:.1f}" for share in expected]
    assert text_of(browser, "#length-shown") == f"{length} of 256 numbers"
    slider = browser.find_element("id", "length")
    assert slider.get_attribute("aria-valuetext") == f"{length} of 256 numbers"


def test_dragging_the_slider_zooms(browser) -> None:
    from selenium.webdriver import ActionChains

    document = zoom()
    query = document["groups"][0]["queries"][0]
    check(browser, document, 64, query)
    assert text_of(browser, "#summary") == "Nearest at this length: 3 of 3 from bank, 1 of 3 from transfer."
    slider = browser.find_element("id", "length")
    step = (slider.size["width"] - 28) / 3
    for place in (1, 2, 3):
        hand = ActionChains(browser).move_to_element_with_offset(slider, round((place - 2.5) * step), 0)
        hand.click_and_hold().move_by_offset(round(step / 2), 0).move_by_offset(round(step / 2), 0).release()
        hand.perform()
        check(browser, document, DIMS[place], query)
    assert text_of(browser, "#summary") == "Nearest at this length: 3 of 3 from bank, 3 of 3 from transfer."
    strip = browser.find_element("id", "strip")
    ActionChains(browser).move_to_element_with_offset(
        strip, 10 - strip.size["width"] // 2, 0
    ).click().perform()
    check(browser, document, 64, query)


def test_keys_move_the_slider_and_labels_name_everything(browser) -> None:
    from selenium.webdriver import Keys

    query = zoom()["groups"][0]["queries"][0]
    slider = browser.find_element("id", "length")
    assert slider.accessible_name == "Length of the vector"
    assert slider.aria_role == "slider"
    slider.send_keys(Keys.ARROW_RIGHT)
    check(browser, zoom(), 128, query)
    slider.send_keys(Keys.END)
    check(browser, zoom(), 256, query)
    slider.send_keys(Keys.HOME)
    check(browser, zoom(), 64, query)
    names = [one.accessible_name for one in browser.find_elements("css selector", "select")]
    assert names == ["Head", "Query"]
    assert browser.find_element("id", "summary").get_attribute("aria-live") == "polite"


def test_heads_and_queries_are_chosen(browser) -> None:
    from selenium.webdriver.support.select import Select

    Select(browser.find_element("id", "document")).select_by_index(1)
    assert Select(browser.find_element("id", "document")).first_selected_option.text.startswith(
        "trec, minilm"
    )
    queries = Select(browser.find_element("id", "query"))
    assert text_of(browser, "#choice") == "The first of each."
    queries.select_by_index(1)
    assert text_of(browser, "#query-text") == "play"
    assert text_of(browser, "#choice") == "Chosen."
    assert "rises for 367 of the 2,000 test queries" in text_of(browser, "#changes")
    assert "22 go from" in text_of(browser, "#changes")


def test_texts_stay_texts_and_nothing_is_fetched(browser) -> None:
    assert browser.execute_script("return window.hacked") is None
    assert EVIL in browser.find_element("css selector", "#answers p").get_attribute("textContent")
    assert browser.title == f"Results {EVIL}"
    fetched = browser.execute_script("return performance.getEntriesByType('resource').map(one => one.name)")
    assert [name for name in fetched if not name.startswith("data:")] == []
    assert browser.get_log("browser") == []
    drawn = browser.execute_script("return document.querySelector('.picture img').naturalWidth")
    assert drawn > 100


def test_it_fits_a_phone_and_the_dark(browser) -> None:
    paper = "return getComputedStyle(document.body).backgroundColor"
    for scheme, lightness in (("light", range(200, 256)), ("dark", range(60))):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        assert int(re.findall(r"\d+", browser.execute_script(paper))[0]) in lightness
    phone = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    assert browser.execute_script("return document.documentElement.scrollWidth") == 360
    assert browser.find_element("id", "length").size["height"] >= 44, "large enough for a finger"
