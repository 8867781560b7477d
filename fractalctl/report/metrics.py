"""What is shown of metrics: by a section of ours, by one that a metric brings, or as a plain table."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fractalctl.documents.evaluation import Evaluation
from fractalctl.numbers import mean_sd
from fractalctl.plugins import modules_of
from fractalctl.report import sections
from fractalctl.report.results import Group, Measured, Results
from fractalctl.report.writers import markdown_text
from fractalctl.statistics.observations import grouped
from fractalctl.tables import Picture, Section, Table

ORDER = 88
"""Of sections that metrics bring themselves; after those of ours."""
SPREAD = "mean ± standard deviation over seeds"
IN_OTHERS = ("baselines",)
"""Metrics that have no section, since others show them: rows of `fractalctl.report.sections.answer`."""


@dataclass(frozen=True)
class Shown:
    """How a metric of ours is shown; ``picture`` draws each of ``groups``, with a place for each arm."""

    metric: str
    title: str
    order: int
    text: str
    tables: Callable[[Results], list[Table]]
    groups: Callable[[Results], list[Group]] = lambda _: []
    picture: Callable[[Group, dict[str, int]], Picture] | None = None

    def section(self, results: Results) -> Section | None:
        """The report's part on the metric; None where nobody has measured it."""
        pictures = [self.picture(one, results.places) for one in self.groups(results)] if self.picture else []
        tables = self.tables(results)
        return Section(self.title, [self.text, *tables, *pictures], self.order) if tables else None


def shown_metrics() -> dict[str, Shown]:
    """Metrics that have a section of ours: the ``SHOWN`` of modules of `fractalctl.report.sections`."""
    return {one.metric: one for module in modules_of(sections) for one in getattr(module, "SHOWN", ())}


def metric_groups(
    results: Results, name: str, condition: Callable[[Measured], str] | None = None
) -> list[Group]:
    """Evaluations that have a metric of ours, with its results; see `Results.with_metric`."""
    if not any(name in one.metrics for one in results.evaluations):
        return []
    from fractalctl.measures.metrics import metrics

    return results.with_metric(name, metrics()[name].read, condition)


def by_dims(
    groups: Callable[[Results], list[Group]], *tables: Callable[[str, Sequence[Group]], Table]
) -> Callable[[Results], list[Table]]:
    """What makes each of these tables of the groups that share prefix lengths, with a name for files."""

    def made(results: Results) -> list[Table]:
        shared = grouped(groups(results), lambda one: "-".join(map(str, one.first.dims)))
        return [table(lengths, found) for lengths, found in shared.items() for table in tables]

    return made


def metric_tables(name: str, evaluations: Sequence[Evaluation]) -> list[Table]:
    """What a terminal shows of a metric: something for any metric, whatever brought it."""
    results = Results(evaluations=evaluations)
    if name in IN_OTHERS or not any(name in one.metrics for one in evaluations):
        return []
    if shown := shown_metrics().get(name):
        return [table.in_brief() for table in shown.tables(results)]
    return [part for part in _brought(results, name).parts if isinstance(part, Table)]


def further_sections(results: Results) -> Iterator[Section]:
    """Yield the sections of metrics: ours, then of those that none of ours shows."""
    ours = shown_metrics()
    yield from filter(None, (one.section(results) for one in ours.values()))
    for name in dict.fromkeys(name for one in results.evaluations for name in one.metrics):
        if name not in (*IN_OTHERS, *ours):
            yield _brought(results, name)


def _brought(results: Results, name: str) -> Section:
    """The section that a metric makes itself; where there is none, or it fails, a plain table."""
    from fractalctl.measures.metrics import metrics

    measured = [one for one in results.evaluations if name in one.metrics]
    problem = ""
    try:
        metric = metrics().get(name)
        if metric and metric.section:
            found = metric.section([(one, metric.read(one)) for one in measured])
            if found and found.parts:
                return found
    except Exception as error:  # noqa: BLE001  another package's code; what was measured is shown all the same
        problem = f"its own section failed ({type(error).__name__}: {error}); this is what it measured"
    note = [markdown_text(f"{name}: {problem}.")] if problem else []
    return Section(
        name.replace("_", " ").replace("-", " ").capitalize(), [*note, _plain(results, name)], ORDER
    )


def _plain(results: Results, name: str) -> Table:
    """Every number of a metric, by its path."""
    rows = []
    for group in results.with_metric(name, lambda one: dict(_numbers(one.metrics[name].result))):
        for arm in group.arms:
            found = group.of(arm)
            for path in dict.fromkeys(path for row in found for path in row.result):
                values = [row.result[path] for row in found if path in row.result]
                rows.append([group.name, arm, path, len(values), mean_sd(values, 4, sign=False)])
    columns = ["where", "arm", "number", "seeds", "value"]
    return Table(name, f"Everything that the metric {name} found, {SPREAD}.", columns, rows, left=3)


def _numbers(value: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Yield the numbers in JSON values with where they stand: ``rows.test``, ``curve.3``."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _numbers(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for place, inner in enumerate(value):
            yield from _numbers(inner, f"{path}.{place}" if path else str(place))
    elif isinstance(value, int | float):
        yield path or "value", float(value)
