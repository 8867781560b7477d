"""The report's page: what stands in the file, and what a browser makes of it."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from fractalctl.documents.zoom import ExampleQuery, Zoom
from fractalctl.report.html import html_page
from fractalctl.tables import Picture, Section, Slider, Table
from tests.report import documents

EVIL = "</script><script>window.hacked = true</script><img src=x onerror='window.hacked = true'> & \"q\""
DIMS = (64, 128, 192, 256)


def zoom(corpus: str = "clinc") -> Zoom:
    return documents.zoom(EVIL, corpus)


def sections() -> list[Section]:
    pytest.importorskip("matplotlib")
    from fractalctl.report.figures import new_figure

    def draw():
        figure = new_figure(4, 3)
        figure.subplots().plot([64, 256], [1, 2])
        return figure

    table = Table(
        "table-1",
        f"Caption {EVIL}",
        ["corpus", "S"],
        [[EVIL, "+0.1 ± 0.0"], ["trec", 3]],
        marks={"3": "good"},
    )
    paragraph = f"Read `this` and [that](https://example.org).\n\n- one\n- two\n\n```\na < b\n```\n\n{EVIL}"
    parts = [paragraph, table, Picture("figure-1", f"What is {EVIL}", draw)]
    slider = Section("Semantic zoom", ["Lengthen.", Slider([zoom(), zoom("trec")])])
    return [slider, Section("Steerability & more", parts), Section("Steerability & more", ["again"])]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(html_page(f"Results {EVIL}", sections()), "utf-8")
    return path


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


def test_the_same_arguments_give_the_same_text(page: Path) -> None:
    assert html_page(f"Results {EVIL}", sections()) == page.read_text("utf-8")


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
    rows = json.loads(data[1])[0]["rows"]
    assert rows
    assert rows.items() <= msgspec.to_builtins(zoom().rows).items(), "those that answer an example"
    assert "&lt;img src=x" in text


def test_parts_of_a_section(page: Path, tags) -> None:
    text = page.read_text("utf-8")
    for words in (
        '<h2 id="section-2-steerability-more-heading">Steerability &amp; more</h2>',
        "<code>this</code>", "<li>one</li>", "<pre><code>a &lt; b\n</code></pre>",
        "<figcaption>Caption &lt;/script",
        '<th scope="col">S</th>', '<th scope="row" class="left">trec</th><td data-mark="good">3</td>',
        "section-3-steerability-more",
    ):  # fmt: skip
        assert words in text, words
    names = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(names) == len(set(names))


def test_a_report_without_examples_has_no_slider() -> None:
    text = html_page("Results", [Section("One", ["text"])])
    assert "range" not in text.split("<body>")[1].split("<script>")[0]
    assert 'id="zooms"' not in text


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


def check(browser, document: Zoom, length: int, query: ExampleQuery) -> None:
    """What is shown at a length is what the document says."""
    assert rows_shown(browser) == [answer.row for answer in query.answers[str(length)]]
    shares = document.shares["alpha"][str(length)]
    assert shares_shown(browser) == [shares["L0"], shares["L1"]]
    printed = re.findall(r"(\d+\.\d) %", text_of(browser, "#shares"))
    rival = document.shares["gamma"][str(length)]
    expected = [share for level in ("L0", "L1") for share in (shares[level], rival[level])]
    assert printed == [f"{100 * share:.1f}" for share in expected]
    assert text_of(browser, "#length-shown") == f"{length} of 256 numbers"
    slider = browser.find_element("id", "length")
    assert slider.get_attribute("aria-valuetext") == f"{length} of 256 numbers"


def test_dragging_the_slider_zooms(browser) -> None:
    from selenium.webdriver import ActionChains

    document = zoom()
    query = document.groups[0].queries[0]
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

    query = zoom().groups[0].queries[0]
    slider = browser.find_element("id", "length")
    assert slider.accessible_name == "Length of the vector"
    assert slider.aria_role == "slider"
    slider.send_keys(Keys.ARROW_RIGHT)
    check(browser, zoom(), 128, query)
    slider.send_keys(Keys.END)
    check(browser, zoom(), 256, query)
    slider.send_keys(Keys.HOME)
    check(browser, zoom(), 64, query)
    names = [one.accessible_name for one in browser.find_elements("css selector", "#desk select")]
    assert names == ["Head", "Query"]
    assert browser.find_element("id", "summary").get_attribute("aria-live") == "polite"


def test_heads_and_queries_are_chosen(browser) -> None:
    from selenium.webdriver.support.select import Select

    Select(browser.find_element("id", "document")).select_by_index(1)
    assert Select(browser.find_element("id", "document")).first_selected_option.text.startswith(
        "trec, minilm"
    )
    queries = Select(browser.find_element("id", "query"))
    assert text_of(browser, "#choice").startswith("2 examples, of each kind as many as its share")
    assert "1 of them were chosen blind" in text_of(browser, "#choice")
    kinds = [one.get_attribute("label") for one in browser.find_elements("css selector", "#query optgroup")]
    assert kinds == [
        "More right at full length: 45.0 % of the test rows",
        "As many right at full length: 48.3 % of the test rows",
    ]
    queries.select_by_index(1)
    assert text_of(browser, "#query-text") == "play"
    assert "rises for 900 of the 2,000 test queries" in text_of(browser, "#changes")
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
