"""The reference of file formats, made from the classes themselves: a page of fields, and JSON schemas."""

import inspect
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from fractalctl import documents
from fractalctl.documents.base import Document
from fractalctl.documents.measured import Conditions
from fractalctl.plugins import modules_of
from store.files import write_aside, write_json

Struct = type[msgspec.Struct]

BASES: tuple[Struct, ...] = (Conditions, Document)
"""What kinds of file extend, the nearest first; each is described once."""
BEGIN, END = "<!-- generated: begin -->", "<!-- generated: end -->"
PAGE, SCHEMAS = "file-formats.md", "schemas"


def kinds() -> list[type[Document]]:
    """Every kind of file, by the module that defines it."""
    return [
        kind
        for module in modules_of(documents)
        for kind in vars(module).values()
        if inspect.isclass(kind)
        and issubclass(kind, Document)
        and kind.__module__ == module.__name__
        and kind not in BASES
    ]


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
    module = inspect.getdoc(sys.modules[kind.__module__]) or ""
    title, _, meaning = module.partition("\n")[0].partition(": ")
    made_by = kind.MADE_BY.partition(",")[0]
    lead = f"`encoding-type` is `{tag}`; made by `{made_by}`. [JSON schema](schemas/{tag}.json)"
    return f"### {_plain(title)}\n\n{meaning[:1].upper()}{meaning[1:]} {lead}\n\n{_described(kind)}"


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
        meaning = meanings.get(field.name) or meanings.get(field.encode_name, "")
        cells = [f"`{field.encode_name}`", _type(types[field.name]), meaning]
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


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
