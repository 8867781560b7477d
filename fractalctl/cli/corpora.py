"""``fractalctl corpora``: what can be featurized, and what its label tree is like."""

from typing import TYPE_CHECKING, Any

from fractalctl.cli import options as shared
from fractalctl.cli.corpus_options import corpus_request
from fractalctl.cli.plumbing import Invocation, command
from fractalctl.numbers import number
from fractalctl.tables import Table

if TYPE_CHECKING:
    from fractalctl.corpora.corpus_spec import CorpusSpec
    from fractalctl.corpora.request import CorpusRequest

EXAMPLE_CHILDREN = 3
HELP = "What can be featurized, its tree and entropies."


@command()
def ls(invocation: Invocation) -> None:
    """List the registered corpora, those of plug-ins included, without reading any.

    Own files and repositories of the Hugging Face hub need no registration: see `fractalctl corpora info
    --help`.

    Examples:
        fractalctl corpora ls

        fractalctl corpora ls --json
    """
    from fractalctl.corpora.registry import registered_corpora

    specs = registered_corpora()
    listed = list(map(_listed, specs.values()))
    copies = [
        (spec.name, spec.hub.id, (spec.hub.revision or "newest")[:7]) for spec in specs.values() if spec.hub
    ]
    invocation.console.tables([
        Table("corpora", "Corpora", ("name", "levels", "K", "rows", "licence"), listed, left=5),
        Table("copies", "Copies on the Hugging Face hub", ("name", "repository", "revision"), copies, left=3),
    ])  # fmt: skip
    invocation.console.emit(specs, [*map(_described, specs.values())])


@command(request=corpus_request)
def info(invocation: Invocation, request: "CorpusRequest", offline: shared.OfflineOption = False) -> None:
    """Read a corpus and print its classes K, entropies in bits, branching, rows, and the top of its tree.

    The entropies are those of the training split, as in the paper's Table 1.

    Examples:
        fractalctl corpora info pydocs

        fractalctl corpora info clinc --levels super-domain,domain,intent

        fractalctl corpora info trec --data ~/Downloads/trec

        fractalctl corpora info tickets.csv --text message --levels team,topic

        fractalctl corpora info products.jsonl.gz --path category --separator /

        fractalctl corpora info hub:owner/name:config --levels coarse,fine
    """
    from fractalctl.corpora.corpus import describe

    console = invocation.console
    description = describe(request.load(offline=offline, progress=console.progress))
    for note in description["notes"]:
        console.note(f"Note: {note}.")
    console.tables([_summary(description), _top(description)])
    console.emit([], description)


def _summary(description: dict[str, Any]) -> Table:
    """One row as in the paper's Table 1, with as many columns as the depth needs."""
    depth = len(description["levels"])
    given = ["H(L0)", *(f"H(L{level}|L{level - 1})" for level in range(1, depth))]
    columns = [f"K{level}" for level in range(depth)] + ["branching", *given, *description["rows"]]
    cells = [
        *description["classes"],
        " x ".join(number(factor, 1) for factor in description["branching"]),
        *(number(bits, 3) for bits in description["entropies"]),
        *(f"{rows:,}" for rows in description["rows"].values()),
    ]
    levels = zip(description["classes"], description["levels"], strict=True)
    named = " > ".join(
        f"{count} {name}" + (f" [L{level}]" if name != f"L{level}" else "")
        for level, (count, name) in enumerate(levels)
    )
    caption = f"{description.get('title', description['name'])}: {named}"
    return Table("corpus", caption, columns, [cells])


def _top(description: dict[str, Any]) -> Table:
    """The coarsest classes with their first children."""
    from fractalctl.corpora.corpus import count_rows

    coarse, fine, *_ = description["levels"]
    rows = []
    for name, children in description["tree"].items():
        examples = ", ".join(list(children)[:EXAMPLE_CHILDREN])
        more = ", ..." if len(children) > EXAMPLE_CHILDREN else ""
        rows.append((name, len(children), f"{count_rows(children):,}", examples + more))
    return Table("classes", "", (coarse, "classes", "training rows", f"{fine}, for example"), rows)


def _listed(spec: "CorpusSpec") -> tuple[str, ...]:
    classes = (
        " > ".join(str(spec.classes[level]) for level in spec.choose_levels(())) if spec.classes else "varies"
    )
    rows = f"{sum(spec.rows.values()):,}" if spec.rows else "varies"
    return spec.name, " > ".join(spec.choose_levels(())), classes, rows, spec.licence


def _described(spec: "CorpusSpec") -> dict[str, Any]:
    hub = spec.hub and {"id": spec.hub.id, "config": spec.hub.config, "revision": spec.hub.revision}
    return {
        "name": spec.name, "title": spec.title, "about": spec.about, "levels": list(spec.levels),
        "default": list(spec.default), "classes": dict(spec.classes), "rows": dict(spec.rows),
        "licence": spec.licence, "citation": spec.citation, "url": spec.url,
        "hub": hub,
        "files": [*spec.files.values(), *spec.companions.values()],
    }  # fmt: skip
