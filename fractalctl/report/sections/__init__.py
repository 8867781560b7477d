"""Every part of a report: a module each with ``build(results) -> Section | None``.

A module that shows a metric has the metric's name, and ``metric_tables(results)`` for the terminal.
"""
