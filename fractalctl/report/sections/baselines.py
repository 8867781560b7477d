"""What heads have to beat: rows of `fractalctl.report.sections.answer`, and no section of their own."""

from fractalctl.report.results import Results
from fractalctl.tables import Section, Table


def build(_results: Results) -> Section | None:
    """Nothing."""
    return None


def metric_tables(_results: Results) -> list[Table]:
    """None."""
    return []
