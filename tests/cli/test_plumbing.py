import io
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from fractalctl.cli.plumbing import Invocation, command, expand_stdin, register
from fractalctl.errors import FractalError, RequestError
from fractalctl.progress import lines
from fractalctl.tables import Table
from store.errors import StoreRequestError


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


def build(body) -> typer.Typer:
    """An application with one command of every kind of parameter, which hands its arguments to ``body``."""
    app = typer.Typer(pretty_exceptions_enable=False)

    def paint(
        invocation: Invocation,
        names: Annotated[list[str] | None, typer.Argument()] = None,
        layers: Annotated[int, typer.Option("--layers")] = 1,
        share: Annotated[float, typer.Option("--share")] = 0.5,
        colour: Annotated[Colour, typer.Option("--colour")] = Colour.RED,
        tool: Annotated[list[Path] | None, typer.Option("--tool")] = None,
        glossy: Annotated[bool, typer.Option("--glossy/--matt")] = False,
        note: Annotated[str | None, typer.Option("--note")] = None,
    ) -> None:
        """Paint."""
        body(invocation, (names, layers, share, colour, tool, glossy, note))

    register(app, command()(paint))
    app.command("other")(lambda: None)
    return app


def call(arguments: list[str]) -> tuple[tuple, Invocation, list[str]]:
    seen = []
    app = build(lambda invocation, values: seen.append((invocation, values, invocation.argv())))
    result = CliRunner().invoke(app, ["paint", *arguments])
    assert result.exit_code == 0, result.output
    invocation, values, argv = seen[0]
    return values, invocation, argv


words = st.text(st.characters(min_codepoint=48, max_codepoint=122), min_size=1, max_size=6)


@given(
    names=st.lists(words, max_size=3),
    layers=st.integers(0, 9),
    share=st.floats(0, 1),
    colour=st.sampled_from(Colour),
    tools=st.lists(words, max_size=3),
    glossy=st.booleans(),
    note=st.none() | words,
)
def test_argv_remakes_the_call(names, layers, share, colour, tools, glossy, note) -> None:
    arguments = [*names, "--layers", str(layers), "--share", str(share), "--colour", colour.value]
    arguments += ["--store", "here", *(word for tool in tools for word in ("--tool", tool))]
    arguments += ["--glossy"] * glossy + (["--note", note] if note else [])
    values, invocation, argv = call(arguments)
    again, second, same = call(argv[2:])
    assert argv[:2] == ["fractalctl", "paint"]
    assert again == values
    assert same == argv
    assert (second.store, second.runs) == (invocation.store, invocation.runs)


def test_argv_takes_what_was_resolved_and_leaves_presentation_out() -> None:
    _, invocation, _ = call(["--quiet", "--json"])
    argv = invocation.argv(names=["chosen"], layers=None)
    assert argv[-1] == "chosen"
    assert not {"--quiet", "--json", "--layers"} & set(argv)


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (FractalError("file.h5: is damaged"), 1, "Error: file.h5: is damaged"),
        (RequestError("no column 'x'"), 2, "Error: no column 'x'"),
        (StoreRequestError("no such set"), 2, "Error: no such set"),
        (KeyboardInterrupt(), 130, "the same command goes on from there"),
        (FileNotFoundError(2, "No such file", "gone.csv"), 1, "gone.csv: No such file"),
        (PermissionError(13, "Denied", "a/.b.json.17-0a1b2c3d.tmp"), 1, "Error: a/b.json: Denied"),
        (ZeroDivisionError("division by zero"), 1, "unexpected ZeroDivisionError"),
    ],
)
def test_errors_become_exit_codes_and_one_message(error: BaseException, code: int, message: str) -> None:
    def fail(*_):
        raise error

    result = CliRunner().invoke(build(fail), ["paint"])
    assert result.exit_code == code
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_verbose_shows_where() -> None:
    def fail(*_):
        raise RequestError("no column 'x'")

    result = CliRunner().invoke(build(fail), ["paint", "--verbose"])
    assert result.exit_code == 2
    assert "Traceback" in result.stderr


def test_streams_are_kept_apart() -> None:
    def speak(invocation: Invocation, _) -> None:
        console = invocation.console
        console.note("a note")
        console.warn("a warning")
        console.detail("a detail")
        console.tables(
            [Table("t", "a table [of 1]", ["name", "value", "long"], [["x", 1, 2]], brief={"name", "value"})]
        )
        with console.progress("long work", 3) as advance:
            advance(3)
        console.emit(["one.json", "two.json"], {"answer": 42})

    app = build(speak)
    plain = CliRunner().invoke(app, ["paint"])
    assert plain.stdout == "one.json\ntwo.json\n"
    assert all(text in plain.stderr for text in ("a note", "a warning", "a table [of 1]", "value"))
    assert not [text for text in ("a detail", "long") if text in plain.stderr]
    assert "a detail" in CliRunner().invoke(app, ["paint", "--verbose"]).stderr
    quiet = CliRunner().invoke(app, ["paint", "--quiet", "--json"])
    assert quiet.stdout == '{\n  "answer": 42\n}\n'
    assert quiet.stderr == ""


def test_a_dash_reads_lines_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("a.json\n\nb.json\n"))
    assert expand_stdin(["first", "-", "last"]) == ["first", "a.json", "b.json", "last"]
    assert expand_stdin(None) == []


@pytest.mark.parametrize("given", ["", "\n \n"])
def test_a_dash_that_gets_nothing_is_a_wrong_request(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(given))
    with pytest.raises(RequestError, match="standard input: expected a path on each line, got none"):
        expand_stdin(["first", "-"])


def test_options_that_make_one_thing_together_are_options_of_the_command() -> None:
    """Names and defaults are the maker's; what it gives is the parameter's value; argv spells the options."""
    seen = []

    def brush(
        width: Annotated[int, typer.Option("--width")] = 3,
        hair: Annotated[str, typer.Option("--hair")] = "pig",
    ) -> tuple[int, str]:
        if width < 1:
            raise RequestError("a brush has a width")
        return width, hair

    def paint(
        invocation: Invocation, where: Annotated[str, typer.Argument()], *, brush: "tuple[int, str]"
    ) -> None:
        """Paint."""
        seen.append((where, brush, invocation.argv()))

    app = typer.Typer(pretty_exceptions_enable=False)
    register(app, command(brush=brush)(paint))
    app.command("other")(lambda: None)
    assert CliRunner().invoke(app, ["paint", "wall", "--hair", "goat"]).exit_code == 0
    ((where, made, argv),) = seen
    assert (where, made) == ("wall", (3, "goat"))
    assert argv[2:6] == ["--width", "3", "--hair", "goat"]
    assert argv[-1] == "wall"
    wrong = CliRunner().invoke(app, ["paint", "wall", "--width", "0"])
    assert (wrong.exit_code, wrong.stderr) == (2, "Error: a brush has a width\n")


def test_folders_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FRACTALCTL_STORE", str(tmp_path / "s"))
    monkeypatch.setenv("FRACTALCTL_RUNS", str(tmp_path / "r"))
    _, invocation, _ = call([])
    assert (invocation.store, invocation.runs) == (tmp_path / "s", tmp_path / "r")
    monkeypatch.delenv("FRACTALCTL_STORE")
    monkeypatch.delenv("FRACTALCTL_RUNS")
    _, invocation, _ = call([])
    assert invocation.runs == Path("runs")
    assert invocation.store.parts[-2:] == ("fractalctl", "store")


def wide_table() -> Table:
    columns = ["arm", *(f"measure {number}" for number in range(6))]
    return Table("t", "caption", columns, [["v5-fractal", *["+0.150 ± 0.028"] * 6]])


@pytest.mark.parametrize(
    ("options", "terminal", "shown"),
    [([], "1", 3), (["--wide"], "1", 6), ([], None, 6), (["--wide"], None, 6)],
)
def test_a_table_without_room_leaves_columns_out_and_breaks_no_cell(
    options: list[str], terminal: str | None, shown: int
) -> None:
    """At a terminal of 80 columns; a file has room for everything."""
    app = build(lambda invocation, _: invocation.console.tables([wide_table()]))
    environment = {"COLUMNS": "80", "FORCE_COLOR": terminal}
    result = CliRunner().invoke(app, ["paint", *options], env=environment)
    assert result.exit_code == 0
    (row,) = [line for line in result.stderr.splitlines() if "v5-fractal" in line]
    assert row.count("+0.150 ± 0.028") == shown
    left_out = "Left out for want of room: measure 3, measure 4, measure 5 (--wide shows them)"
    assert (left_out in result.stderr) is (shown == 3)


@pytest.mark.parametrize(("columns", "left_out"), [(80, ""), (50, "c, d"), (30, "b, c, d"), (200, "")])
def test_sentences_are_broken_between_words_and_no_line_is_too_long(columns: int, left_out: str) -> None:
    sentence = "a prefix keeps all that it can say of the class"
    table = Table("t", "caption", ["a", "b", "c", "d"], [["v5-fractal", sentence, "0" * 12, "end"]], left=4)
    app = build(lambda invocation, _: invocation.console.tables([table]))
    result = CliRunner().invoke(app, ["paint"], env={"COLUMNS": str(columns), "FORCE_COLOR": "1"})
    plain = re.sub(r"\x1b\[[0-9;]*m", "", result.stderr)
    drawn = plain.partition("Left out")[0].splitlines()
    assert max(map(len, drawn)) <= columns
    assert (f"Left out for want of room: {left_out} (--wide" in plain) is bool(left_out)
    if "b" not in left_out:
        words = " ".join(" ".join(line[14:].split()) for line in drawn[4:] if line.strip("─ "))
        assert words.replace(f" {'0' * 12} end", "").split() == sentence.split()


def test_what_is_said_while_a_bar_is_drawn_is_read_once() -> None:
    def work(invocation: Invocation, _) -> None:
        with invocation.console.progress("long work", 3) as advance:
            invocation.console.note("a note")
            advance(3)

    result = CliRunner().invoke(build(work), ["paint"], env={"FORCE_COLOR": "1"})
    assert result.exit_code == 0
    assert result.stderr.count("a note") == 1
    assert "3/3" in result.stderr


def test_long_work_is_told_by_lines_where_nobody_watches() -> None:
    clock, heard = iter([0.0, 1.0, 6.0, 7.0, 12.0]), []
    with lines(heard.append, "encoding", 40, lambda: next(clock)) as advance:
        for _ in range(4):
            advance(10)
    assert heard == [
        "encoding: 20 of 40 (50%), about 10 s left",
        "encoding: 40 of 40 (100%)",
    ]
    clock, slow = iter([0.0, 20.0, 26.0]), []
    with lines(slow.append, "training", 40, lambda: next(clock)) as advance:
        advance(1)
        advance(3)
    assert slow == ["training: 1 of 40 (2%)", "training: 4 of 40 (10%), about 72 s left", "training: 4 of 40"]
    quick: list[str] = []
    with lines(quick.append, "encoding", 2) as advance:
        advance(2)
    assert quick == []
