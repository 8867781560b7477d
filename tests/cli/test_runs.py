"""``runs``: what is there, what it is, and how it goes."""

import json
from pathlib import Path

import pytest

from tests.cli.calls import SMALL, call, done, said
from tests.feature_sets import make_store

NAME = "garden/gaussian/v5-dims=4x8x12x16-epochs=1"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    make_store(tmp_path / "store")
    done(f"train --strategy v5,mrl {SMALL}")
    done(f"evaluate {tmp_path / 'runs' / NAME}")
    return tmp_path / "runs"


def test_heads_are_listed_arm_by_arm_and_taken_by_their_names(runs: Path) -> None:
    listed = done("runs ls")
    folders = [Path(line) for line in listed.stdout.splitlines()]
    assert sorted(folders) == sorted(path.parent for path in runs.rglob("head.json"))
    row = next(line.split() for line in listed.stderr.splitlines() if NAME in line)
    assert row[:4] == [NAME, "42,", "123", "index"]
    assert done("runs ls --quiet").stdout == listed.stdout
    (evaluation,) = done(f"evaluate {NAME}/seed-42 --quiet").stdout.splitlines()
    assert Path(evaluation).parent == runs / NAME / "seed-42"
    assert "1 of 1 evaluations were up to date" in done(f"evaluate {NAME}/seed-42").stderr


def test_a_head_is_shown_with_what_makes_it_again(runs: Path) -> None:
    shown = done(f"runs info {NAME} --json")
    (document,) = json.loads(shown.stdout)
    assert (document["name"], document["seeds"], document["protocols"]) == (NAME, [42, 123], ["index"])
    assert len(document["results"]) == 2
    assert "fractalctl train --strategy v5" in said(shown)
    assert "--seeds 42,123 " in said(shown), "both"
    assert str(runs.parent / "store" / "garden" / "gaussian.h5") in said(shown)


def test_what_is_verified_is_one_head(runs: Path) -> None:
    result = call(f"verify {NAME}")
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"holds the heads of an arm; name one, such as {runs / NAME / 'seed-123'}" in said(result)


def test_a_difference_takes_no_more_than_a_line(runs: Path) -> None:
    (stats,) = done("stats").stdout.split()
    done(f"evaluate {runs}")
    result = call(f"verify {stats}")
    assert result.exit_code == 1
    assert "described: recorded [{" in result.stderr
    assert max(map(len, result.stderr.splitlines())) < len(stats) + 200


def test_a_head_goes_with_its_results_and_nothing_else_does(runs: Path) -> None:
    folder = runs / NAME
    (folder / "seed-42" / "notes.txt").write_text("mine")
    (folder / "seed-42" / "index").mkdir()
    (runs / "other").mkdir()
    asked = call(f"runs rm {NAME}")
    assert (asked.exit_code, asked.stdout) == (2, "")
    assert f"{NAME}: seeds 42, 123, 2 file(s) of results" in said(asked)
    assert len(list(runs.rglob("head.json"))) == 4
    before = {path for path in runs.rglob("*") if path.is_file()}
    removed = done(f"runs rm {NAME} --yes")
    assert [Path(line) for line in removed.stdout.splitlines()] == [folder / "seed-42", folder / "seed-123"]
    gone = {path.relative_to(folder).as_posix() for path in before if not path.exists()}
    assert gone == {
        f"seed-{seed}/{name}"
        for seed in (42, 123)
        for name in ("head.json", "head.safetensors", "evaluation-index.json")
    }
    assert "notes.txt stays" in said(removed)
    assert (folder / "seed-42" / "index").is_dir()
    assert not (folder / "seed-123").exists()
    assert (runs / "other").is_dir()
    other = runs / NAME.replace("v5", "mrl")
    done(f"runs rm {other} --yes")
    assert not other.exists(), "nor the lock that was in it"


@pytest.mark.parametrize("name", ["other", "garden/gaussian/v5", "../store"])
def test_what_is_no_head_is_not_removed(runs: Path, name: str) -> None:
    (runs / "other").mkdir()
    (runs / "other" / "head.json").write_text('{"not": "ours"}')
    result = call(f"runs rm {name} --yes")
    assert result.exit_code in (1, 2)
    assert (runs / "other" / "head.json").exists()
    assert list((runs.parent / "store").rglob("*.h5"))


def test_a_name_that_is_nearly_right_is_guessed(runs: Path) -> None:
    assert f"did you mean '{NAME}'?" in said(call(f"evaluate {NAME.replace('garden', 'gardn')}"))


def test_damaged_heads_are_named_beside_the_others(runs: Path) -> None:
    (runs / NAME / "seed-42" / "head.json").write_text("{")
    listed = done("runs ls")
    assert len(listed.stdout.splitlines()) == 3
    assert "Warning: " in listed.stderr


def test_names_are_completed(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fractalctl.__main__ import main

    def offered(line: str) -> list[str]:
        words = line.split(" ")
        monkeypatch.setattr("sys.argv", ["fractalctl"])
        for name, value in {"WORDS": line, "CWORD": str(len(words) - 1)}.items():
            monkeypatch.setenv(f"COMP_{name}", value)
        monkeypatch.setenv("_FRACTALCTL_COMPLETE", "complete_bash")
        return _printed(main)

    assert offered("fractalctl train gar") == ["garden/gaussian"]
    assert offered("fractalctl evaluate garden/gaussian/v5") == [NAME, f"{NAME}/seed-123", f"{NAME}/seed-42"]
    assert "zoom" in offered("fractalctl train --strategy zo")
    assert offered("fractalctl export --to pg") == ["pgvector"]
    assert offered("fractalctl train --strategy v5,ld") == ["v5,lda"]
    assert offered("fractalctl featurize --backbone minil") == ["minilm"]
    assert offered("fractalctl featurize tre") == ["trec"]
    assert offered("fractalctl evaluate --metrics leak") == ["leakage"]
    elsewhere = runs.parent / "elsewhere"
    assert offered(f"fractalctl train --store {elsewhere} gar") == []


def _printed(main) -> list[str]:
    """What a function writes to standard output before it ends the program."""
    import contextlib
    import io

    with contextlib.redirect_stdout(io.StringIO()) as stream, pytest.raises(SystemExit):
        main()
    return stream.getvalue().split()
