"""What is written as JSON, as typed classes: one module for each kind of file.

A kind is a subclass of `Document`; its tag is the file's ``encoding-type``. Whoever writes or reads a result
goes through `write_document` and `read_document`, so a damaged or foreign file is found out in one place.
"""

from fractalctl.documents.base import Document, decode, read_document, write_document

__all__ = ["Document", "decode", "read_document", "write_document"]
