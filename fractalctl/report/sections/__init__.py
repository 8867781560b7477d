"""Every part of a report: modules with ``build(results)``, which gives a `Section`, several, or None.

A module that shows metrics has a `fractalctl.report.metrics.Shown` for each, in a tuple ``SHOWN``.
"""
