"""The reference of commands as a page of Markdown, made from what ``--help`` shows."""

import re
from collections.abc import Iterator
from typing import Any

import typer

from fractalctl.report.writers import markdown_text

INTRODUCTION = """# Commands

What `--help` shows, all on one page. Standard output carries the paths of what was written, or with `--json`
one document; everything for people goes to standard error. Exit codes: 0 done, 1 it failed, 2 the request is
wrong, 130 interrupted."""
COMMON = ("store", "runs", "json", "quiet", "wide", "verbose")
"""Parameters that every command has; they are described once."""
_EXAMPLES = re.compile(r"\x08\n|```\n?")
"""Around the block of examples, in help for programs and in help for people."""


def commands_page(app: typer.Typer) -> str:
    """Every command with its arguments, options and examples.

    Args:
        app: see `fractalctl.cli.build_app`.
    """
    group: Any = typer.main.get_command(app)
    commands = dict(_leaves(group, "fractalctl"))
    first = next(command for command in commands.values() if _common(command))
    shared = _table([_record(parameter) for parameter in _common(first)], "option")
    parts = [INTRODUCTION, f"## Every command\n\n{shared}"]
    parts += [_section(name, command) for name, command in commands.items()]
    return "\n\n".join(parts) + "\n"


def _leaves(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Every command that is no group, by its words."""
    if not hasattr(command, "commands"):
        yield name, command
        return
    for word, inner in command.commands.items():
        if not inner.hidden:
            yield from _leaves(inner, f"{name} {word}")


def _common(command: Any) -> list[Any]:
    return [parameter for parameter in command.params if parameter.name in COMMON]


def _section(name: str, command: Any) -> str:
    text, examples = [*_EXAMPLES.split(command.help or ""), ""][:2]
    context = typer.Context(command, info_name=name)
    parts = [f"## {name.removeprefix('fractalctl ')}", _paragraphs(text)]
    parts.append(f"```text\n{' '.join([name, *command.collect_usage_pieces(context)])}\n```")
    own = [parameter for parameter in command.params if parameter.name not in (*COMMON, "help")]
    for kind in ("argument", "option"):
        rows = [_record(one) for one in own if one.param_type_name == kind and not one.hidden]
        parts += [_table(rows, kind)] if rows else []
    if examples.strip():
        parts.append(f"```text\n{examples.strip()}\n```")
    return "\n\n".join(parts)


def _paragraphs(text: str) -> str:
    """Plain text as Markdown, a paragraph for each of its own."""
    return "\n\n".join(map(_prose, re.split(r"\n\s*\n", text.strip())))


def _prose(text: str) -> str:
    """One line of Markdown; what stands between backticks stays code."""
    parts = text.split("`")
    return "".join(f"`{part}`" if place % 2 else markdown_text(part) for place, part in enumerate(parts))


def _record(parameter: Any) -> tuple[str, str]:
    """How a parameter is written, and what it means."""
    context = typer.Context(typer.main.get_command(typer.Typer(callback=lambda: None)), info_name="")
    words, meaning = parameter.get_help_record(context) or (parameter.make_metavar(context), "")
    return words, meaning


def _table(rows: list[tuple[str, str]], heading: str) -> str:
    lines = [f"| {heading} | meaning |", "|:--|:--|"]
    for words, meaning in rows:
        code = words.replace("|", "\\|")
        lines.append(f"| `{code}` | {_prose(meaning)} |")
    return "\n".join(lines)
