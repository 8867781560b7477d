"""The paper: its claims, its printed numbers, and the rules that judge them. No other package knows one.

`sections` looks at what a folder of runs holds through the paper's eyes; `annotate` sets the paper's figures
beside statistics of its own table of seeds.
"""

from fractalctl.paper.findings import paper_sections as sections
from fractalctl.paper.judging import Claim, Finding, Verdict, claims
from fractalctl.paper.table_11 import annotate, beside

__all__ = ["Claim", "Finding", "Verdict", "annotate", "beside", "claims", "sections"]
