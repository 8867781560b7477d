"""What a reader does with the report's page: filters, downloads, contents and the frontier, in a browser."""

import base64
import csv
import io
from pathlib import Path

import pytest

from fractalctl.report import Results, report_sections
from fractalctl.report.figures import intervals
from fractalctl.report.html import apportioned, explorer_data, html_page, in_proportion
from fractalctl.statistics.summary import compare_all
from fractalctl.tables import Explorer, Picture, Section, Table
from tests.browser import WIDTHS, resize, sideways
from tests.report import documents
from tests.statistics.material import evaluation, parts, random_hits

ROWS = [
    ["clinc", "v5", "L0", "+0.1 ± 0.2", "[0.1, 0.2]"],
    ["clinc", "v5", "L1", "9", "—"],
    ["trec", "v5", "L0", "=1+1", "—"],
    ["trec", "mrl", "L0", '7, "a"', "[-1, 2]"],
]
ALL = [["v5", 90], ["mrl", 80], ["minilm, cut", 70]]
PAIRS = [["v5", "mrl"], ["zoom", "mrl"], ["v5 (16)", "v5 (32)"]]
COLUMNS = ["corpus", "arm", "level", "S", "CI"]


@pytest.fixture(scope="module")
def results() -> Results:
    pytest.importorskip("matplotlib")
    evaluations = [
        evaluation(
            random_hits(seed, 0.1 * place), corpus=corpus, strategy=arm, seed=seed, protocol="index",
            metrics=parts(0.7 + 0.01 * place, 0.95, (0.6, 0.7)),
        )
        for corpus in ("clinc", "trec")
        for place, arm in enumerate(("v5", "mrl", "zoom"))
        for seed in (1, 2)
    ]  # fmt: skip
    return Results(evaluations=evaluations, compared=compare_all(evaluations))


@pytest.fixture(scope="module")
def page(results: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    wide = Table(
        "wide", "Wide.", ["arm", *(f"a column of words {n}" for n in range(30))], [["v5", *range(30)]]
    )
    best = Table("best", "The best arm.", ["arm", "topic [L1] at 64"], [ALL[0], ALL[2]])
    every = Table("best-all", "All arms.", best.columns, ALL, folded=True)
    pairs = Table("pairs", "Two arms.", ["a", "b"], PAIRS, left=2)
    named = Table("comparisons-zoom-mrl-minilm", "Of two arms.", ["corpus", "gap"], [["trec", 1]])
    many = Table("long", "Long.", ["arm", "S"], [["v5", 0], *(["mrl", place] for place in range(60))])
    levels = Table("levels", "Of a level.", ["level", "S"], [["topic [L1]", 1], ["all", 2]])
    counted = Table(
        "counted", "Of levels.", ["level (classes)", "S"], [["L0 (5)", 1], ["topic [L1] (150)", 2]]
    )
    drawn = Picture(
        "forest-folded", "On demand.", lambda: intervals({"a": {"b": [1.0]}}, {"b": 0}, "S"), folded=True
    )
    tables = [Table("mine", "To be filtered.", COLUMNS, ROWS, left=3), wide, best, every]
    tables += [pairs, named, levels, counted, many]
    mine = Section("Mine", [*tables, drawn], 500)
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(html_page("Results", [*report_sections(results), mine]), "utf-8")
    return path


def test_the_answer_comes_first(results: Results) -> None:
    first = report_sections(results)[0]
    table = next(part for part in first.parts if isinstance(part, Table))
    assert first.title == "What you get"
    assert table.columns == ["arm", "L0 at 64", "L1 at 256", "L1 at 64", "L0 at 256"]
    assert [row[0] for row in table.rows][-2:] == ["minilm, cut", "minilm, all its numbers"]
    ours = [
        one.accuracy for one in results.evaluations if (one.corpus, one.arm) == ("clinc", table.rows[0][0])
    ]
    mean = sum(one["64"]["L0"] for one in ours) / len(ours)
    assert str(table.rows[0][1]).startswith(f"{100 * mean:.1f}")


@pytest.mark.parametrize("counts", [(367, 1498, 135), (1, 0, 0), (1, 1, 1), (0, 0, 0)])
@pytest.mark.parametrize("total", [0, 1, 7, 20])
def test_shares_are_within_one_of_exact(counts: tuple[int, ...], total: int) -> None:
    found = apportioned(total, counts)
    assert sum(found) == (total if sum(counts) else 0)
    for share, count in zip(found, counts, strict=True):
        assert abs(share - total * count / max(1, sum(counts))) < 1


def test_examples_are_what_their_kind_says() -> None:
    one = documents.zoom()
    for kind, queries in in_proportion(one).items():
        for query in queries:
            right = [
                sum(
                    one.rows[str(answer.row)].labels[-1] == query.labels[-1]
                    for answer in query.answers[length]
                )
                for length in ("64", "256")
            ]
            assert kind == ("rise" if right[1] > right[0] else "fall" if right[1] < right[0] else "stay")


def test_the_frontier_has_what_was_compared(results: Results) -> None:
    places = explorer_data(Explorer(results.compared))
    assert [place["corpus"] for place in places] == ["clinc", "trec"]
    for shown, place in zip(places, results.compared[0].places, strict=True):
        for arm, one in zip(shown["arms"], place.arms, strict=True):
            assert arm["values"]["leakage"][0] == pytest.approx(100 * one.measures["leakage"].mean, abs=0.01)
            assert arm["best"] is not bool(one.dominated_by)


def choose(browser, name: str, value: str) -> None:
    from selenium.webdriver.support.select import Select

    Select(browser.find_element("css selector", f"#filters [name={name}]")).select_by_value(value)


def shown(browser, table: str) -> list[str]:
    rows = browser.find_elements("css selector", f"#table-{table} tbody tr")
    return [row.text.split()[0] for row in rows if row.is_displayed()]


def test_filters_leave_what_was_asked_for(browser) -> None:
    browser.set_window_size(1400, 1000)
    choose(browser, "corpus", "trec")
    assert shown(browser, "mine") == ["trec", "trec"]
    assert browser.find_element("css selector", "#table-mine .count").text == "2 of 4 rows"
    assert not browser.find_element("id", "table-frontier-clinc-index").is_displayed()
    assert browser.find_element("id", "table-frontier-trec-index").is_displayed()
    assert "trec" in browser.find_element("id", "plot-says").text
    choose(browser, "arm", "mrl")
    assert shown(browser, "mine") == ["trec"]
    choose(browser, "corpus", "")
    choose(browser, "arm", "")
    choose(browser, "level", "L1")
    assert shown(browser, "mine") == ["clinc"]
    assert shown(browser, "levels") == ["topic"]
    assert shown(browser, "counted") == ["topic"]
    choose(browser, "level", "")


def test_a_filter_of_arms_leaves_what_arms_have_to_beat(browser) -> None:
    arms = browser.find_elements("css selector", "#filters [name=arm] option")
    assert {"v5", "mrl", "zoom"} < {option.text for option in arms}
    assert not any("minilm" in option.text for option in arms)
    assert "topic [L1]" in browser.find_element("css selector", "#filters [name=level]").text
    choose(browser, "arm", "v5")
    assert shown(browser, "best") == ["v5", "minilm,"]
    assert not shown(browser, "best-all")
    assert shown(browser, "pairs") == ["v5", "v5"]
    assert not browser.find_element("id", "table-comparisons-zoom-mrl-minilm").is_displayed()
    choose(browser, "arm", "mrl")
    assert not browser.find_element("id", "table-best").is_displayed()
    assert shown(browser, "best-all") == ["mrl", "minilm,"]
    assert browser.find_element("id", "table-comparisons-zoom-mrl-minilm").is_displayed()
    choose(browser, "arm", "")


SAVED = """
window.saved = [];
HTMLAnchorElement.prototype.click = function () { window.saved.push([this.download, this.href]); };
const make = URL.createObjectURL;
URL.createObjectURL = (blob) => { window.blob = blob; return make(blob); };
"""


def test_tables_and_figures_can_be_taken_away(browser) -> None:
    browser.execute_script(SAVED)
    browser.execute_script("document.querySelector('#table-mine .save').click()")
    ((name, address),) = browser.execute_script("return window.saved")
    assert (name, address[:5]) == ("mine.csv", "blob:")
    text = browser.execute_async_script("window.blob.text().then(arguments[arguments.length - 1])")
    assert list(csv.reader(io.StringIO(text))) == [
        ["corpus", "arm", "level", "S", "S ±", "CI low", "CI high"],
        ["clinc", "v5", "L0", "+0.1", "0.2", "0.1", "0.2"],
        ["clinc", "v5", "L1", "9", "", "", ""],
        ["trec", "v5", "L0", "'=1+1", "", "", ""],
        ["trec", "mrl", "L0", '7, "a"', "", "-1", "2"],
    ]
    browser.execute_script("document.querySelector('figure.picture .save').click()")
    name, address = browser.execute_script("return window.saved")[-1]
    assert name.endswith(".svg")
    assert base64.b64decode(address.removeprefix("data:image/svg+xml;base64,")).startswith(b"<?xml")


def test_a_table_that_is_too_wide_says_so_and_keeps_its_first_column(browser) -> None:
    for width in WIDTHS:
        resize(browser, width)
        assert sideways(browser) <= 0
        hints = browser.find_elements("css selector", "#table-wide .hint")
        assert [("sideways" in hint.text, "down" in hint.text) for hint in hints] == [
            (True, False),
            (False, False),
        ]
        left = "return document.querySelector('#table-wide tbody th').getBoundingClientRect().left"
        before = browser.execute_script(left)
        browser.execute_script("document.querySelector('#table-wide .scroll').scrollLeft = 500")
        assert browser.execute_script(left) == pytest.approx(before, abs=1)


def test_a_table_that_is_too_long_says_so_and_a_figure_is_whole(browser) -> None:
    from selenium.webdriver.support.wait import WebDriverWait

    resize(browser, 1400)
    hint = browser.find_element("css selector", "#table-long .below")
    assert "down" in hint.text
    choose(browser, "arm", "v5")
    WebDriverWait(browser, 10).until_not(lambda _: hint.is_displayed())
    choose(browser, "arm", "")
    figures = (
        "return [...document.querySelectorAll('.picture .scroll')].map(e => e.scrollHeight - e.clientHeight)"
    )
    hidden = browser.execute_script(figures)
    assert hidden and max(hidden) <= 1


def test_paper_has_every_table_whole(browser) -> None:
    folded = "return [...document.querySelectorAll('details')].filter(one => !one.open).length"
    before = browser.execute_script(folded)
    browser.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert browser.execute_script(folded) == 0
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    hidden = "return [...document.querySelectorAll('.table .scroll')].map(e => getComputedStyle(e).overflow)"
    assert set(browser.execute_script(hidden)) == {"visible"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    browser.execute_script("dispatchEvent(new Event('afterprint'))")
    assert browser.execute_script(folded) == before > 0


def test_a_folded_figure_opens_with_its_caption(browser) -> None:
    figure = browser.find_element("id", "figure-forest-folded")
    assert not figure.is_displayed()
    line = figure.find_element("xpath", "preceding-sibling::summary")
    assert line.text == "On demand."
    browser.execute_script("arguments[0].click()", line)
    assert figure.is_displayed()


def test_contents_stay_in_sight(browser) -> None:
    for width, link in ((1400, True), (390, False)):
        resize(browser, width)
        browser.execute_script("window.scrollTo(0, document.body.scrollHeight / 2)")
        side = browser.find_element("id", "side")
        assert browser.execute_script("return arguments[0].getBoundingClientRect().top", side) >= 0
        assert browser.find_element("css selector", "nav a").is_displayed() is link
    browser.find_element("id", "menu").click()
    assert browser.find_element("css selector", "nav a").is_displayed()


def test_the_frontier_follows_its_axes(browser) -> None:
    from selenium.webdriver.support.select import Select

    browser.set_window_size(1400, 1000)
    points = browser.find_elements("css selector", "#plot .arm")
    assert {point.find_element("css selector", "text").text for point in points} == {"v5", "mrl", "zoom"}
    where = "return [...document.querySelectorAll('#plot circle')].map(one => one.cx.baseVal.value)"
    before = browser.execute_script(where)
    Select(browser.find_element("id", "across")).select_by_value("full_fine")
    assert browser.execute_script(where) != before
    labels = [text.rect["y"] for text in browser.find_elements("css selector", "#plot .arm text")]
    assert all(abs(a - b) >= 8 for place, a in enumerate(labels) for b in labels[:place])
    browser.execute_script("document.querySelector('#plot .arm').focus()")
    assert "leakage" not in browser.find_element("id", "plot-says").text
    assert (
        "on the frontier" in browser.find_element("id", "plot-says").text
        or "beaten" in browser.find_element("id", "plot-says").text
    )
