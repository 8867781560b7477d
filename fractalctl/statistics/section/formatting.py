"""Numbers as a statistics section prints them. What does not exist is a dash."""

from collections.abc import Sequence

MISSING = "—"


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


def spread(mean: float, sd: float | None) -> str:
    """Mean and standard deviation.

    >>> spread(0.15, 0.0283), spread(0.15, None)
    ('+0.150 ± 0.028', '+0.150')
    """
    return signed(mean) if sd is None else f"{signed(mean)} ± {number(sd, 3)}"


def interval(limits: Sequence[float] | None, decimals: int = 2) -> str:
    """A confidence interval.

    >>> interval((0.688, 2.301))
    '[0.69, 2.30]'
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


def percent(share: float | None) -> str:
    """A share as a percentage without decimals.

    >>> percent(0.6305)
    '63 %'
    """
    return MISSING if share is None else f"{100 * share:.0f} %"


def listed(words: Sequence[str]) -> str:
    """Words as an enumeration.

    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
