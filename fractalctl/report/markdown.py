"""Markdown tables and numbers as text."""

from collections.abc import Iterable, Sequence

NOTHING = "-"


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], left: int = 1) -> str:
    """A Markdown table; the first ``left`` columns are set to the left, all others to the right."""
    alignment = [":---" if place < left else "---:" for place in range(len(columns))]
    lines = [
        [_cell(column) for column in columns],
        alignment,
        *([_cell(cell) for cell in row] for row in rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(content: object) -> str:
    return str(content).replace("|", "\\|")


def spread(values: Sequence[float]) -> str:
    """Mean and standard deviation over seeds, signed, to three decimals; the mean alone for one seed."""
    from statistics import mean, stdev

    return f"{mean(values):+.3f} ± {stdev(values):.3f}" if len(values) > 1 else f"{mean(values):+.3f}"


def pair(numbers: Sequence[float]) -> str:
    """A published mean and standard deviation in the form of `spread`."""
    return f"{numbers[0]:+.3f} ± {numbers[1]:.3f}"


def number(value: float | None, form: str) -> str:
    """A number in a format, or a dash where there is none."""
    return NOTHING if value is None else format(value, form)


def probability(value: float | None) -> str:
    """A p value to three decimals, or a bound below 0.001."""
    return NOTHING if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"


def chance(value: float | None) -> str:
    """A p value in a sentence: ``p = 0.013``, ``p < 0.001``.

    >>> chance(0.0126), chance(0.0004)
    ('p = 0.013', 'p < 0.001')
    """
    return f"p = {probability(value)}".replace("= <", "<")
