import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from store import Answers, FeatureStore
from store.errors import StoreError
from tests.store.test_cli import call

WRITER = """
import sys, numpy as np
from pathlib import Path
from store import Answers
answers = Answers(Path(sys.argv[1]))
for batch in range(100_000):
    answers.add({f"text {batch * 20 + row}": np.full(64, batch * 20 + row) for row in range(20)})
    print(batch, flush=True)
"""


@pytest.fixture
def answers(tmp_path: Path) -> Answers:
    return Answers(tmp_path / "store" / ".answers" / "openai-words.sqlite")


def vectors(count: int, begin: int = 0) -> dict[str, np.ndarray]:
    return {f"tëxt {row}": np.sin(row + np.arange(5)).astype(np.float32) for row in range(begin, count)}


def test_what_was_added_is_found_by_its_text(answers: Answers):
    assert (len(answers), answers.find(["a"]), answers.known(["a"])) == (0, {}, set())
    assert not answers.path.exists(), "asking makes no file"
    given = vectors(1200)  # more than one query takes
    answers.add(given)
    found = Answers(answers.path).find([*given, "another"])
    assert list(found) == [text for text in found if text in given] and len(found) == len(answers) == 1200
    for text, vector in found.items():
        np.testing.assert_array_equal(vector, given[text], strict=True)
    assert answers.known(["tëxt 3", "another"]) == {"tëxt 3"}
    answers.add({"tëxt 3": np.zeros(5)})
    np.testing.assert_array_equal(answers.find(["tëxt 3"])["tëxt 3"], np.zeros(5))
    assert len(answers) == 1200


@pytest.mark.parametrize("change", ["vector = x'00000000'", "digest = x'00'"])
def test_a_row_that_was_changed_is_no_answer(answers: Answers, change: str):
    answers.add(vectors(3))
    with sqlite3.connect(answers.path) as connection:
        connection.execute(f"UPDATE answers SET {change} WHERE rowid = 2")
    connection.close()
    assert set(answers.find(vectors(3))) == {"tëxt 0", "tëxt 2"}


def test_a_damaged_file_is_named_with_its_remedy(answers: Answers):
    answers.path.parent.mkdir(parents=True)
    answers.path.write_text("no database " * 100)
    for use in (lambda: answers.find(["a"]), lambda: answers.add(vectors(1)), lambda: len(answers)):
        with pytest.raises(StoreError, match="store rm answers/openai-words"):
            use()
    listed = call("ls")
    assert (listed.exit_code, "store rm answers/openai-words" in listed.stderr) == (0, True)
    assert call("rm", "answers/openai-words", "--yes").exit_code == 0
    assert answers.find(["a"]) == {}


def test_a_killed_writer_leaves_whole_batches(answers: Answers):
    arguments = [sys.executable, "-c", WRITER, str(answers.path)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as victim:
        said = [victim.stdout.readline() for _ in range(5)]
        victim.send_signal(signal.SIGKILL)
        said += victim.stdout.readlines()
    count = len(answers)
    assert count % 20 == 0 and count >= 20 * len(said) > 0
    found = answers.find([f"text {row}" for row in range(count)])
    assert all((found[f"text {row}"] == row).all() for row in range(count))


def test_several_write_at_a_time(answers: Answers):
    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(answers.add, vectors(10 * n, 10 * (n - 1))) for n in range(1, 9)]:
            future.result()
    assert len(Answers(answers.path).find(vectors(80))) == 80


def test_the_store_lists_and_removes_answers(store: FeatureStore):
    first, second = (store.answers_of("openai-words", {"dimensions": n}) for n in (3, 4))
    assert first.path != second.path == store.answers_of("openai-words", {"dimensions": 4}).path
    for one in (first, second):
        one.add(vectors(7))
    listed = call("ls")
    assert listed.stdout == "" and f"answers/{first.path.stem}" in listed.stderr
    assert call("rm", f"answers/{first.path.stem}", "--yes").stdout == f"{first.path}\n"
    assert [one.path for one in store.kept_answers()] == [second.path]
    assert call("rm", "answers", "--yes").exit_code == 0
    assert call("rm", "answers", "--yes").exit_code == 2
