"""The table of strategies in heads.md is that of the program."""

from fractalctl.heads.arms import strategies
from tests.docs.blocks import ROOT

HEAD = ("| strategy | method | trunk | tuned | what it is |", "|:--|:--|:--|:--|:--|")


def test_the_table_of_strategies_is_the_programs() -> None:
    expected = [
        f"| `{name}` | `{row.method.name}` | {row.trunk or 'closed form'} "
        f"| {', '.join(f'`{knob}`' for knob in row.method.tuned) or 'nothing'} | {row.meaning} |"
        for name, row in strategies().items()
    ]
    lines = (ROOT / "docs" / "heads.md").read_text("utf-8").splitlines()
    assert HEAD[0] in lines, "heads.md has no table of strategies with these columns"
    start = lines.index(HEAD[0])
    found = lines[start : start + 2 + len(expected) + 1]
    assert found == [*HEAD, *expected, ""], "put this table into heads.md:\n" + "\n".join([*HEAD, *expected])
