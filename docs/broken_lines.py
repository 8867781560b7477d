"""Say where lines may be broken, in code and in tables, as no style sheet can: a hook for MkDocs."""

import re
from html import unescape
from typing import Any

CODE = re.compile(r"<code\b.*?</code>", re.DOTALL)
OPTION = re.compile(r'(?<=[\s>\[(|,])-{1,2}(?:[A-Za-z][\w-]*|<span class="\w+">[A-Za-z][\w-]*</span>)+')
"""As the highlighter leaves it, which takes some names for words of the shell."""
WORD = re.compile(r"(?<=[\s>])[\w./]+(?:-[\w./]+)+(?=[\s<])")
"""With a hyphen in it, such as a folder of a command."""
BLOCK = re.compile(r"(<pre\b[^>]*>)(.*?)(?=</pre>)", re.DOTALL)
ASIDE = re.compile(r'(<span class="w"> +</span><span class="c1)(?=">)')
"""A comment behind a command."""
CELL = re.compile(r'<td(?P<style> style="text-align: left;")?>(?P<text>.*?)</td>', re.DOTALL)
TAG = re.compile("<[^>]*>")
JOINT = re.compile(r"(?<=\w)[_.|/=]+(?=\w)")
"""Behind which a name in a cell may go on in the next line."""
NAME = 20
"""Characters of a name that a cell has room for."""
WIDTHS = {90: "sentences", 40: "sentence", 20: "phrase"}
"""What the style sheet calls cells of more characters than these."""
PLAIN = "<code>"
LINE = 34
"""Characters of code that a phone has room for."""


def on_page_content(html: str, **_: Any) -> str:
    """Mark options, which stay whole, and what in a sentence is longer than a line, which cannot."""
    return CELL.sub(_cell, BLOCK.sub(_whole, CODE.sub(_marked, html)))


def _cell(cell: re.Match[str]) -> str:
    """Say how much text it has, since a narrow column makes high rows."""
    length = len(unescape(TAG.sub("", cell["text"])))
    name = next((name for least, name in WIDTHS.items() if length > least), "")
    kind = f' class="{name}"' if name else ""
    return f"<td{kind}{cell['style'] or ''}>{CODE.sub(_jointed, cell['text'])}</td>"


def _jointed(code: re.Match[str]) -> str:
    if len(unescape(TAG.sub("", code[0]))) <= NAME:
        return code[0]
    parts = re.split("(<[^>]*>|&[^;]*;)", code[0].replace("&#124;", "|"))
    parts[::2] = [JOINT.sub(r"\g<0><wbr>", part) for part in parts[::2]]
    return "".join(parts)


def _whole(block: re.Match[str]) -> str:
    """Keep a word of a command whole, if a line has room for it."""
    return block[1] + WORD.sub(_kept, block[2])


def _kept(word: re.Match[str]) -> str:
    return word[0] if len(word[0]) > LINE else f'<span class="option">{word[0]}</span>'


def _marked(code: re.Match[str]) -> str:
    text = ASIDE.sub(r"\1 aside", OPTION.sub(r'<span class="option">\g<0></span>', code[0]))
    is_long = len(unescape(TAG.sub("", text))) > LINE
    return text.replace(PLAIN, '<code class="long">', 1) if is_long and text.startswith(PLAIN) else text
