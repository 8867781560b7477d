"""Supervision tables: every strategy of the paper, and a user's own from TOML."""

from typing import ClassVar

from fractalctl.errors import RequestError
from fractalctl.heads.arms import Strategy
from fractalctl.heads.method import GradientMethod
from fractalctl.heads.settings import MethodSettings
from fractalctl.heads.supervision import TABLES, Supervision
from fractalctl.heads.terms import DRAWN, FULL, Objective, Term


class SupervisionMethod(GradientMethod):
    """L = sum_l F[l] loss_l(e) + w sum_l T[j, l] loss_l(e_1:j), with j drawn at every step (Algorithm 1)."""

    name = "supervision"
    source = "the paper, Section 3 and Algorithm 1"
    Settings: ClassVar[type[MethodSettings]] = Supervision

    def objective(self, settings: Supervision, n_levels: int) -> Objective:
        """A term for every level, part and loss that has a weight.

        Raises:
            RequestError: the table is for another number of levels.
        """
        if settings.n_levels != n_levels:
            raise RequestError(
                f"the table is {len(settings.prefix)} prefixes x {settings.n_levels} levels, "
                f"but the corpus has {n_levels} levels"
            )
        losses = {
            "info-nce": (settings.info_nce, {"temperature": settings.temperature}),
            "margin": (settings.margin, {}),
            "cross-entropy": (settings.cross_entropy, {}),
        }
        terms = []
        for loss, (factor, options) in losses.items():
            for level in range(n_levels):
                full = factor * settings.full[level]
                drawn = tuple(factor * settings.prefix_weight * row[level] for row in settings.prefix)
                terms += [Term(loss, level, FULL, full, options)] * (full > 0)
                terms += [Term(loss, level, DRAWN, drawn, options)] * any(drawn)
        return Objective(terms, settings.prefix_probabilities, settings.keep)


_METHOD = SupervisionMethod()
STRATEGIES = tuple(
    Strategy(name, _METHOD, "linear", table.build, table.meaning, "the paper, Sections 3, 5 and 7")
    for name, table in TABLES.items()
)
