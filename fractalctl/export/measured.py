"""What was measured of a head, from the evaluations that lie beside it."""

from contextlib import suppress

from fractalctl.documents import read_document
from fractalctl.documents.evaluation import Evaluation
from fractalctl.errors import FractalError
from fractalctl.heads.head import Head


def evaluation_of(head: Head) -> Evaluation | None:
    """The evaluation that says most of what a user meets, on the head's own corpus.

    Queries that ask the training rows (``index``) come before test rows that ask each other, and the plain
    request of a protocol before others. None where there is none that can be read.
    """
    paths = head.folder.glob("evaluation-*.json")
    for path in sorted(paths, key=lambda path: (not path.stem.startswith("evaluation-index"), path.stem)):
        with suppress(FractalError):
            found = read_document(path, Evaluation)
            own = found.features.identity == head.document.features.identity
            if own and found.head_identity == head.identity:
                return found
    return None
