"""Have the API reference show the examples of docstrings as code: an extension for mkdocstrings."""

import re
from typing import Any

from griffe import Extension, Object

EXAMPLE = re.compile(r"(?m)^>>> .*(?:\n(?!\s*$).*)*")
"""From a prompt to the next empty line."""


class Doctests(Extension):
    """Puts fences around examples."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Change the docstring of whatever has one."""
        if obj.docstring:
            obj.docstring.value = EXAMPLE.sub(r"```pycon\n\g<0>\n```", obj.docstring.value)
