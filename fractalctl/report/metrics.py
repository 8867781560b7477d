"""What is shown of metrics: by a section of ours, by one that a metric brings, or as a plain table."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from fractalctl.documents.evaluation import Evaluation
from fractalctl.numbers import mean_sd
from fractalctl.report.results import Group, Measured, Results
from fractalctl.report.writers import markdown_text
from fractalctl.tables import Section, Table

ORDER = 88
"""Of sections that metrics bring themselves; after those of ours."""
SPREAD = "mean ± standard deviation over seeds"
IN_OTHERS = ("baselines",)
"""Metrics that have no section, since others show them: rows of `fractalctl.report.sections.answer`."""


def metric_groups(
    results: Results, name: str, condition: Callable[[Measured], str] | None = None
) -> list[Group]:
    """Evaluations that have a metric of ours, with its results; see `Results.with_metric`."""
    if not any(name in one.metrics for one in results.evaluations):
        return []
    from fractalctl.measures.metrics import metrics

    return results.with_metric(name, metrics()[name].read, condition)


def by_dims(groups: Sequence[Group]) -> Iterator[tuple[str, list[int], list[Group]]]:
    """Yield a name for files, prefix lengths, and the groups that have them: one table each."""
    for dims in dict.fromkeys(tuple(group.first.dims) for group in groups):
        yield "-".join(map(str, dims)), list(dims), [one for one in groups if tuple(one.first.dims) == dims]


def metric_tables(name: str, evaluations: Sequence[Evaluation]) -> list[Table]:
    """What a terminal shows of a metric: something for any metric, whatever brought it."""
    results = Results(evaluations=evaluations)
    if name in IN_OTHERS or not any(name in one.metrics for one in evaluations):
        return []
    if module := _own_section(name):
        tables: list[Table] = import_module(module).metric_tables(results)
        return [table.in_brief() for table in tables]
    section = _brought(results, name)
    return [part for part in section.parts if isinstance(part, Table)]


def further_sections(results: Results) -> Iterator[Section]:
    """Yield the sections of metrics that none of ours shows."""
    for name in dict.fromkeys(name for one in results.evaluations for name in one.metrics):
        if name not in IN_OTHERS and not _own_section(name):
            yield _brought(results, name)


def _own_section(name: str) -> str | None:
    module = f"fractalctl.report.sections.{name}"
    found = name.isidentifier() and find_spec(module) is not None
    return module if found and hasattr(import_module(module), "metric_tables") else None


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
