"""Folders of messages: 20 Newsgroups by date, one folder a group, one file a post."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from fractalctl.corpora.records import Origin
from fractalctl.corpora.registry import CorpusSpec
from fractalctl.corpora.tabular import NumberedRows, Table
from fractalctl.errors import FractalError

_QUOTING_PHRASES = ("writes in", "writes:", "wrote:", "says:", "said:")
_QUOTING_STARTS = ("In article", "Quoted from", "|", ">")


def read_newsgroups(spec: CorpusSpec, files: Mapping[str, Path]) -> Iterator[tuple[str | None, Table]]:
    """Read posts in Latin-1, without headers, quotes and footers, in order of group and file name."""
    for split, folder in files.items():
        group = spec.levels[-1]
        yield split, Table(Origin(folder.name, "post"), ("text", group, "id"), _posts(folder, group))


def _posts(folder: Path, level: str) -> NumberedRows:
    groups = sorted(path for path in folder.iterdir() if path.is_dir())
    if not groups:
        raise FractalError(f"{folder}: expected one folder for each newsgroup, found none")
    number = 0
    for group in groups:
        for path in sorted(group.iterdir()):
            number += 1
            post = path.read_text("latin-1")
            yield number, {"text": strip_post(post), level: group.name, "id": f"{group.name}/{path.name}"}


def strip_post(post: str) -> str:
    """Take from a Usenet post its header, the lines that quote other posts, and the signature.

    The header ends at the first blank line. The signature is what follows the last line that is blank or
    made of hyphens, unless nothing stands before it. The published copies without headers, quotes and
    footers were made by the same rules (scikit-learn, ``fetch_20newsgroups(remove=...)``).
    """
    _, _, body = post.partition("\n\n")
    body = "\n".join(line for line in body.split("\n") if not _quotes(line))
    lines = body.strip().split("\n")
    breaks = [number for number, line in enumerate(lines) if not line.strip().strip("-")]
    return "\n".join(lines[: breaks[-1]]) if breaks and breaks[-1] > 0 else body


def _quotes(line: str) -> bool:
    """Whether a line quotes another post or announces that it will."""
    return line.startswith(_QUOTING_STARTS) or any(phrase in line for phrase in _QUOTING_PHRASES)
