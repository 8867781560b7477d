"""Write the reference of commands and file formats: ``python docs/write_reference.py``.

Commands are described by what ``--help`` shows, file formats by the classes themselves: a page of fields, and
JSON schemas.
"""

import inspect
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
import typer

from fractalctl import documents
from fractalctl.cli import build_app
from fractalctl.documents import Document
from fractalctl.documents.measured import Conditions
from fractalctl.measures.metrics import metrics
from fractalctl.plugins import modules_of
from fractalctl.report.writers import markdown_text
from store.files import write_aside, write_json

Struct = type[msgspec.Struct]

BASES: tuple[Struct, ...] = (Conditions, Document)
"""What kinds of file extend, the nearest first; each is described once."""
EVERYWHERE = {"reason": "why a part is missing; null where none is."}
"""Fields that many parts have, where a part says no more of them."""
BEGIN, END = "<!-- generated: begin -->", "<!-- generated: end -->"
PAGE, SCHEMAS = "file-formats.md", "schemas"


def kinds() -> list[type[Document]]:
    """Every kind of file, by its tag."""
    known = {
        kind for module in modules_of(documents) for kind in vars(module).values() if inspect.isclass(kind)
    }
    found = [kind for kind in known if issubclass(kind, Document) and kind.FILE]
    return sorted(found, key=lambda kind: str(kind.__struct_config__.tag))


def write_reference(folder: Path, further: Mapping[str, Struct] | None = None) -> list[Path]:
    """Write the generated part of ``file-formats.md``, and a JSON schema of every kind of file.

    Args:
        folder: of the documentation, where the page is already, with the marks of the part that is generated.
        further: types that stand in a file as plain JSON, by heading, such as results of metrics.

    Returns:
        Every path written.
    """
    page = folder / PAGE
    text = page_with(page.read_text(encoding="utf-8"), reference(further))
    with write_aside(page) as aside:
        aside.write_text(text, encoding="utf-8")
    written = [page]
    for kind in kinds():
        written.append(folder / SCHEMAS / f"{kind.__struct_config__.tag}.json")
        written[-1].parent.mkdir(exist_ok=True)
        write_json(written[-1], msgspec.json.schema(kind))
    return written


def page_with(text: str, generated: str) -> str:
    """A page with what is between its marks replaced.

    >>> page_with(f"a {BEGIN} b {END} c", "new").split()
    ['a', '<!--', 'generated:', 'begin', '-->', 'new', '<!--', 'generated:', 'end', '-->', 'c']
    """
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{generated}\n\n{END}{rest.partition(END)[2]}"


def reference(further: Mapping[str, Struct] | None = None) -> str:
    """Every kind of file, then the further types, then their parts; each with its fields, as Markdown."""
    tops: list[Struct] = [*BASES, *kinds(), *(further or {}).values()]
    parts = [part for part in _parts(tops) if part not in tops]
    blocks = [f"### {base.__name__}\n\n{_described(base)}" for base in reversed(BASES)]
    blocks += [_kind(kind) for kind in kinds()]
    if further:
        blocks.append("### Results of metrics")
        blocks += [f"#### {name}\n\n{_described(kind)}" for name, kind in further.items()]
    blocks.append("### Parts of files")
    blocks += [f"#### {part.__name__}\n\n{_described(part)}" for part in parts]
    return "\n\n".join(blocks)


def _kind(kind: type[Document]) -> str:
    tag = kind.__struct_config__.tag
    title, _, meaning = kind.FILE.partition(": ")
    made_by = kind.MADE_BY.partition(",")[0]
    lead = f"`encoding-type` is `{tag}`; made by `{made_by}`. [JSON schema](schemas/{tag}.json)"
    summary = f"{meaning[:1].upper()}{meaning[1:]}"
    described = _described(kind).removeprefix(summary).lstrip()  # which one class puts in the same words
    return f"### {_plain(title)}\n\n{summary} {lead}\n\n{described}"


def _described(kind: Struct) -> str:
    doc = inspect.getdoc(kind) or ""
    lines = [_plain(doc.partition("Attributes:")[0].strip()), ""]
    if base := _base(kind):
        lines += [f"The fields of {_link(base.__name__)}, and:", ""]
    return "\n".join([*lines, "| field | type | meaning |", "| :--- | :--- | :--- |", *_rows(kind)])


def _base(kind: Struct) -> Struct | None:
    """What a kind extends, of those that are described by themselves."""
    return next((base for base in BASES if base in kind.__mro__[1:]), None)


def _rows(kind: Struct) -> Iterator[str]:
    types, meanings = get_type_hints(kind), _meanings(kind)
    base = _base(kind)
    known = set(base.__struct_fields__) if base else set()
    for field in [field for field in msgspec.structs.fields(kind) if field.name not in known]:
        own = meanings.get(field.name) or meanings.get(field.encode_name)
        meaning = own or EVERYWHERE.get(field.name, "")
        cells = [f"`{field.encode_name}`", _type(types[field.name]), meaning]
        yield f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    r"""Markdown in a table: a bar in code is an entity, since sites show a backslash there.

    >>> print(_cell("`L1|L0` of a|b"))
    <code>L1&#124;L0</code> of a\|b
    """
    parts = re.split(r"`([^`]*\|[^`]*)`", text)
    parts[1::2] = [f"<code>{escape(code).replace('|', '&#124;')}</code>" for code in parts[1::2]]
    return "".join(part if place % 2 else part.replace("|", r"\|") for place, part in enumerate(parts))


def _meanings(kind: Struct) -> dict[str, str]:
    """What the docstrings of a class and of those that it extends say of each attribute."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        doc = inspect.cleandoc(base.__doc__ or "") if issubclass(base, msgspec.Struct) else ""
        for entry in re.split(r"\n    (?=\S)", doc.partition("Attributes:\n")[2].rstrip()):
            names, _, meaning = " ".join(entry.split()).partition(": ")
            found |= {name.strip(): _plain(meaning) for name in names.split(",")}
    return found


def _plain(text: str) -> str:
    """Text of a docstring as Markdown of a page about JSON."""
    text = re.sub(
        r"`fractalctl\.documents\.\w+\.(\w+)`", lambda found: _link(found[1]), text.replace("``", "`")
    )
    return " ".join(re.sub(r"\bNone\b", "null", text).split())


def _link(name: str) -> str:
    return f"[{name}](#{name.lower()})"


def _type(annotation: Any) -> str:
    """An annotation as the page shows it; the classes of other parts are links.

    >>> _type(dict[str, list[float]]), _type(int | None), _type(Literal["a", "b"])
    ('object of array of number', 'integer or null', '"a" or "b"')
    """
    origin, args = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(_type(arg) for arg in args))
    if origin is Literal:
        return " or ".join(json.dumps(arg) for arg in args)
    if origin is dict:
        return f"object of {_type(args[1])}"
    if origin is tuple and args[-1] is not Ellipsis:
        return f"[{', '.join(_type(arg) for arg in args)}]"
    if origin in (list, tuple, Sequence):
        return f"array of {_type(args[0])}"
    if inspect.isclass(annotation) and issubclass(annotation, msgspec.Struct):
        return _link(annotation.__name__)
    names = {
        str: "text",
        int: "integer",
        float: "number",
        bool: "boolean",
        NoneType: "null",
        Any: "any",
    }
    return names.get(annotation, str(annotation))


def _parts(kinds_: Sequence[Struct]) -> list[Struct]:
    """Classes of fields, each once, in the order in which they are met."""
    found: dict[Struct, None] = {}

    def visit(annotation: Any) -> None:
        is_struct = inspect.isclass(annotation) and issubclass(annotation, msgspec.Struct)
        if is_struct and annotation not in found:
            found[annotation] = None
            for inner in get_type_hints(annotation).values():
                visit(inner)
        for inner in get_args(annotation):
            visit(inner)

    for kind in kinds_:
        visit(kind)
    return list(found)


INTRODUCTION = """# Commands

What `--help` shows, all on one page. Standard output carries the paths of what was written, or with `--json`
one document; everything for people goes to standard error. Exit codes: 0 done, 1 it failed, 2 the request is
wrong, 130 interrupted. An option that takes a list (`N,...`, `NAME,...`) may be repeated, too."""
COMMON = ("store", "runs", "json", "quiet", "wide", "verbose")
"""Parameters that every command has; they are described once."""
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
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
    """One line of Markdown; what stands between backticks stays code, and options become it."""
    parts = text.split("`")
    parts[::2] = [OPTION.sub(r"`\g<0>`", markdown_text(part)) for part in parts[::2]]
    return "".join(f"`{part}`" if place % 2 else part for place, part in enumerate(parts))


def _record(parameter: Any) -> tuple[str, str]:
    """How a parameter is written, and what it means."""
    context = typer.Context(typer.main.get_command(typer.Typer(callback=lambda: None)), info_name="")
    words, meaning = parameter.get_help_record(context) or (parameter.make_metavar(context), "")
    return words, meaning


def _table(rows: list[tuple[str, str]], heading: str) -> str:
    lines = [f"| {heading} | meaning |", "|:--|:--|"]
    for words, meaning in rows:
        lines.append(f"| {_cell(f'`{words}`')} | {_prose(meaning)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    docs = Path(__file__).parent
    results = {name: metric.result for name, metric in metrics().items()}
    with write_aside(docs / "commands.md") as aside:
        aside.write_text(commands_page(build_app()), encoding="utf-8")
    sys.stdout.writelines(f"{path}\n" for path in [docs / "commands.md", *write_reference(docs, results)])
