"""Numbers as every table, figure, page and message prints them. What does not exist is a dash."""

import math
import re
from collections.abc import Sequence
from datetime import datetime

MISSING = "—"
_WHOLE = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def number(value: float | None, decimals: int = 2) -> str:
    """A number with fixed decimals; zero without a sign.

    >>> number(1.494), number(-0.0004, 3), number(None)
    ('1.49', '0.000', '—')
    """
    if value is None:
        return MISSING
    text = f"{value:.{decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def signed(value: float | None, decimals: int = 3) -> str:
    """A number that may be of either sign, such as steerability.

    >>> signed(0.15), signed(-0.0012), signed(0)
    ('+0.150', '-0.001', '0.000')
    """
    text = number(value, decimals)
    return text if value is None or text.startswith("-") or float(text) == 0 else f"+{text}"


def percent(share: float | None, decimals: int = 0) -> str:
    """A share as a percentage with its unit, for running text.

    >>> percent(0.6305), percent(0.6305, 1)
    ('63 %', '63.0 %')
    """
    return MISSING if share is None else f"{number(100 * share, decimals)} %"


def spread(middle: float | None, sd: float | None, decimals: int = 3, *, sign: bool = True) -> str:
    """A mean and its standard deviation; the mean alone where there is none.

    >>> spread(0.15, 0.0283), spread(0.15, None), spread(64, 1.25, 1, sign=False)
    ('+0.150 ± 0.028', '+0.150', '64.0 ± 1.2')
    """
    shown = signed(middle, decimals) if sign else number(middle, decimals)
    return shown if sd is None else f"{shown} ± {number(sd, decimals)}"


def mean_sd(values: Sequence[float], decimals: int = 3, *, sign: bool = True) -> str:
    """Mean and standard deviation of repetitions; the mean alone of one, a dash for none.

    >>> mean_sd([0.1, 0.2]), mean_sd([0.1]), mean_sd([])
    ('+0.150 ± 0.071', '+0.100', '—')
    """
    from statistics import mean, stdev

    if not values:
        return MISSING
    return spread(mean(values), stdev(values) if len(values) > 1 else None, decimals, sign=sign)


def percents(shares: Sequence[float], decimals: int = 1, *, sign: bool = False) -> str:
    """Mean and standard deviation of shares in %, for columns that say so.

    >>> percents([0.62, 0.64]), percents([0.01], sign=True)
    ('63.0 ± 1.4', '+1.0')
    """
    return mean_sd([100 * share for share in shares], decimals, sign=sign)


def interval(limits: Sequence[float] | None, decimals: int = 2) -> str:
    """A confidence interval.

    >>> interval((0.688, 2.301)), interval(None)
    ('[0.69, 2.30]', '—')
    """
    return MISSING if limits is None else f"[{number(limits[0], decimals)}, {number(limits[1], decimals)}]"


def p_value(p: float | None) -> str:
    """A p value to three decimals, small ones to one significant digit.

    >>> p_value(0.0381), p_value(0.00029), p_value(2e-9), p_value(1.0)
    ('0.038', '0.0003', '<0.0001', '1.000')
    """
    if p is None:
        return MISSING
    if p < 0.0001:
        return "<0.0001"
    return number(p, 4 if p < 0.00095 else 3)


def p_phrase(p: float | None) -> str:
    """A p value with its relation, for running text.

    >>> p_phrase(0.0381), p_phrase(2e-9)
    ('p = 0.038', 'p < 0.0001')
    """
    text = p_value(p)
    return f"p < {text[1:]}" if text.startswith("<") else f"p = {text}"


def listed(words: Sequence[str]) -> str:
    """Words as an enumeration.

    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def minute(seconds: float) -> str:
    """A time, in seconds since 1970, as local date and time."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")


def read_whole(text: str) -> int:
    """A whole number as people and programs write it: ASCII digits; Python's ``1_000`` is none.

    Raises ValueError: it is none.
    """
    if not _WHOLE.fullmatch(text) or len(text) > 40:
        raise ValueError(text)
    return int(text)


def read_decimal(text: str) -> float:
    """A finite decimal number in ASCII digits; ValueError if it is none."""
    if not _DECIMAL.fullmatch(text) or not math.isfinite(float(text)):
        raise ValueError(text)
    return float(text)
