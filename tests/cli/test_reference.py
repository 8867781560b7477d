"""The page of commands is what ``--help`` says."""

from pathlib import Path

import pytest

from docs.write_reference import commands_page
from fractalctl.cli import build_app

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"


def test_the_page_is_up_to_date() -> None:
    """Else: python docs/write_reference.py."""
    assert commands_page(build_app()) == PAGE.read_text("utf-8")


def test_help_for_people_gives_the_same_page(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = commands_page(build_app())
    monkeypatch.setattr("fractalctl.cli.for_people", lambda: True)
    monkeypatch.setattr("fractalctl.cli.plumbing.for_people", lambda: True)
    assert commands_page(build_app()) == plain
