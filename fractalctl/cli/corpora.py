"""``fractalctl corpora``: what can be featurized, and what its label tree is like."""

from typing import TYPE_CHECKING, Any

import typer

from fractalctl.cli.corpus_options import (
    ConflictOption,
    CorpusArgument,
    DataOption,
    LevelsOption,
    MaxTestOption,
    MaxTrainOption,
    MaxValidationOption,
    OfflineOption,
    PathOption,
    SeparatorOption,
    TextOption,
    corpus_request,
)
from fractalctl.cli.plumbing import Invocation, command
from fractalctl.corpora.records import OnConflict

if TYPE_CHECKING:
    from fractalctl.corpora.registry import CorpusSpec

EXAMPLE_CHILDREN = 3


def register(app: typer.Typer) -> None:
    """Add ``corpora ls`` and ``corpora info``."""
    corpora = typer.Typer(help="What can be featurized, its tree and entropies.", no_args_is_help=True)
    command(corpora, "ls")(ls)
    command(corpora, "info")(info)
    app.add_typer(corpora, name="corpora")


def ls(invocation: Invocation) -> None:
    """List the registered corpora, without reading any.

    ```
    fractalctl corpora ls
    fractalctl corpora ls --json
    ```

    Own files and repositories of the Hugging Face hub need no registration: see
    `fractalctl corpora info --help`.
    """
    from fractalctl.corpora.registry import PYDOCS, registered

    specs = registered()
    rows = [_listed(spec) for spec in specs.values()]
    rows.append((PYDOCS, "library > module", "varies", "varies", "of the packages"))
    copies = [(spec.name, spec.hub.id, (spec.hub.revision or "newest")[:7]) for spec in specs.values()]
    invocation.console.table("Corpora", ("name", "levels", "K", "rows", "licence"), rows)
    invocation.console.table("Copies on the Hugging Face hub", ("name", "repository", "revision"), copies)
    invocation.console.emit([*specs, PYDOCS], [*map(_described, specs.values()), {"name": PYDOCS}])


def info(
    invocation: Invocation,
    corpus: CorpusArgument,
    data: DataOption = None,
    text: TextOption = None,
    levels: LevelsOption = None,
    path: PathOption = None,
    separator: SeparatorOption = " > ",
    on_conflict: ConflictOption = OnConflict.ERROR,
    max_train: MaxTrainOption = None,
    max_test: MaxTestOption = None,
    max_validation: MaxValidationOption = None,
    offline: OfflineOption = False,
) -> None:
    """Read a corpus and print its classes K, entropies in bits, branching, rows, and the top of its tree.

    ```
    fractalctl corpora info pydocs
    fractalctl corpora info clinc --levels super-domain,domain,intent
    fractalctl corpora info trec --data ~/Downloads/trec
    fractalctl corpora info tickets.csv --text message --levels team,topic
    fractalctl corpora info products.jsonl.gz --path category --separator /
    fractalctl corpora info hub:owner/name:config --levels coarse,fine
    ```

    The entropies are those of the training split, as in the paper's Table 1.
    """
    from fractalctl.corpora.description import describe

    request = corpus_request(
        corpus, data=data, text=text, levels=levels, path=path, separator=separator, on_conflict=on_conflict,
        max_train=max_train, max_test=max_test, max_validation=max_validation,
    )  # fmt: skip
    description = describe(request.load(offline=offline, progress=invocation.console.progress))
    for note in description["notes"]:
        invocation.console.note(f"Note: {note}.")
    columns, row = _summary(description)
    invocation.console.table(description.get("title", description["name"]), columns, [row])
    invocation.console.table("", *_top(description))
    invocation.console.emit([], description)


def _summary(description: dict[str, Any]) -> tuple[list[str], list[str]]:
    """One row as in the paper's Table 1, with as many columns as the depth needs."""
    depth = len(description["levels"])
    given = ["H(L0)", *(f"H(L{level}|L{level - 1})" for level in range(1, depth))]
    columns = [f"K{level}" for level in range(depth)] + ["branching", *given, *description["rows"]]
    cells = [str(count) for count in description["classes"]]
    cells.append(" x ".join(f"{factor:.1f}" for factor in description["branching"]))
    cells += [f"{bits:.3f}" for bits in description["entropies"]]
    return columns, cells + [f"{rows:,}" for rows in description["rows"].values()]


def _top(description: dict[str, Any]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The coarsest classes with their first children."""
    from fractalctl.corpora.description import count_rows

    coarse, fine, *_ = description["levels"]
    rows: list[tuple[str, ...]] = []
    for name, children in description["tree"].items():
        examples = ", ".join(list(children)[:EXAMPLE_CHILDREN])
        more = ", ..." if len(children) > EXAMPLE_CHILDREN else ""
        rows.append((name, str(len(children)), f"{count_rows(children):,}", examples + more))
    return (coarse, "classes", "training rows", f"{fine}, for example"), rows


def _listed(spec: "CorpusSpec") -> tuple[str, ...]:
    classes = " > ".join(str(spec.classes[level]) for level in spec.default) if spec.classes else "varies"
    rows = f"{sum(spec.rows.values()):,}" if spec.rows else "varies"
    return spec.name, " > ".join(spec.default), classes, rows, spec.licence


def _described(spec: "CorpusSpec") -> dict[str, Any]:
    return {
        "name": spec.name, "title": spec.title, "about": spec.about, "levels": list(spec.levels),
        "default": list(spec.default), "classes": dict(spec.classes), "rows": dict(spec.rows),
        "licence": spec.licence, "citation": spec.citation, "url": spec.url,
        "hub": {"id": spec.hub.id, "config": spec.hub.config, "revision": spec.hub.revision},
        "files": [*spec.files.values(), *spec.companions.values()],
    }  # fmt: skip
