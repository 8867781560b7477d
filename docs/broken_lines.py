"""Say where lines may be broken in code, which browsers do behind each hyphen: a hook for MkDocs."""

import re
from typing import Any

CODE = re.compile(r"<code\b.*?</code>", re.DOTALL)
OPTION = re.compile(r'(?<=[\s>\[(|,])-{1,2}(?:[A-Za-z][\w-]*|<span class="\w+">[A-Za-z][\w-]*</span>)+')
"""As the highlighter leaves it, which takes some names for words of the shell."""
PLAIN = "<code>"
LINE = 34
"""Characters of code that a phone has room for."""


def on_page_content(html: str, **_: Any) -> str:
    """Mark options, which stay whole, and what in a sentence is longer than a line, which cannot."""
    return CODE.sub(_marked, html)


def _marked(code: re.Match[str]) -> str:
    text = OPTION.sub(r'<span class="option">\g<0></span>', code[0])
    is_long = len(re.sub("<[^>]*>|&lt;|&gt;", "", text)) > LINE
    return text.replace(PLAIN, '<code class="long">', 1) if is_long and text.startswith(PLAIN) else text
