"""Tables, figures and pages from the files of runs: for whatever arms, corpora and experiments there are."""

from fractalctl.report.build import report_sections, write_report
from fractalctl.report.metrics import metric_tables
from fractalctl.report.prose import statistics_sections, write_statistics
from fractalctl.report.results import Results, read_results
from fractalctl.report.sections.statistics import forest_figure
from fractalctl.report.statistics_tables import brief_tables

__all__ = [
    "Results", "brief_tables", "forest_figure", "metric_tables", "read_results", "report_sections",
    "statistics_sections", "write_report", "write_statistics",
]  # fmt: skip
