"""``fractalctl featurize``: encode a corpus once."""

from typing import TYPE_CHECKING, Annotated

from typer import Option

from fractalctl.backbones.spec import INSTALLABLE, Dtype, Engine, Pooling, default_backbone
from fractalctl.cli import options as shared
from fractalctl.cli.corpus_options import corpus_request
from fractalctl.cli.plumbing import Invocation, command

if TYPE_CHECKING:
    from fractalctl.corpora.request import CorpusRequest
    from fractalctl.executors import Executor

SPLITS = ["train,test"]


@command(request=corpus_request, executor=shared.executor)
def featurize(
    invocation: Invocation,
    request: "CorpusRequest",
    backbone: shared.BackboneOption = None,
    splits: Annotated[
        list[str], Option(metavar="NAME,...", help="Which splits to encode, separated by commas.")
    ] = SPLITS,
    pooling: Annotated[
        Pooling | None, Option(help="Instead of the backbone's own; needed for plain models.")
    ] = None,
    prompt: Annotated[
        str | None, Option(help="Put before every text.", show_default="the backbone's own")
    ] = None,
    max_length: Annotated[
        int | None, Option(min=1, help="In tokens.", show_default="the backbone's own")
    ] = None,
    dtype: Annotated[Dtype, Option(help="To compute with; features are float32.")] = Dtype.FLOAT32,
    engine: Annotated[
        Engine, Option(help="What runs the encoder; `onnx` is ONNX Runtime, an extra.")
    ] = Engine.TORCH,
    dimensions: Annotated[
        int | None,
        Option(
            min=1, help="Numbers per feature, asked of a service.", show_default="all that the model gives"
        ),
    ] = None,
    revision: Annotated[
        str | None,
        Option(help="Commit, branch or tag of the backbone on the hub; digest of a model of Ollama."),
    ] = None,
    reuse: Annotated[
        bool,
        Option(
            "--reuse/--no-reuse",
            help="Whether texts that other sets of the same encoder hold are not encoded again.",
        ),
    ] = True,
    yes: shared.YesOption = False,
    device: shared.DeviceOption = "auto",
    offline: shared.OfflineOption = False,
    *,
    executor: "Executor | None",
) -> None:
    """Encode a corpus with a frozen backbone, once; a second call finds the features and loads nothing.

    Prints the path of the feature set. Stopped at any moment, the same command goes on where it was. Texts
    that the store holds from the same encoder, as those of an older file, are not encoded again.

    Examples:
        fractalctl featurize pydocs --backbone minilm

        fractalctl featurize clinc --max-train 10000 --max-test 2000

        fractalctl featurize trec --data ~/Downloads/trec --backbone e5-small

        fractalctl featurize tickets.csv --text message --levels team,topic

        fractalctl featurize clinc --backbone ./my-model

        fractalctl featurize clinc -b hub:thenlper/gte-small --dtype bfloat16

        fractalctl featurize clinc --backbone minilm --engine onnx

        fractalctl featurize clinc --executor local --workers 4

        fractalctl featurize clinc --executor dask --scheduler scheduler.json

        fractalctl featurize clinc -b openai:text-embedding-3-small --dimensions 512
    """
    from time import perf_counter

    from fractalctl.backbones import featurize as library
    from fractalctl.backbones.resolve import resolve_backbone
    from fractalctl.corpora.recorded import duplicates

    started, console = perf_counter(), invocation.console
    if backbone is None:
        backbone = default_backbone()
        why = "its weights are installed" if backbone == INSTALLABLE else "the extra minilm is not installed"
        console.note(f"Backbone: {backbone} ({why}; --backbone names another)")
    spec = resolve_backbone(
        backbone,
        pooling=pooling,
        prompt=prompt,
        max_length=max_length,
        dtype=dtype,
        engine=engine,
        dimensions=dimensions,
        revision=revision,
        offline=offline,
    )
    store, wanted = invocation.feature_store, shared.names(splits)
    known = store.find(library.recipe_for(request, spec, wanted))
    if known:
        console.note(f"{known.path} is in the store")
    features = known or library.featurize(
        request,
        spec,
        store,
        splits=wanted,
        reuse=reuse,
        agree=shared.asking(console, yes),
        device=device,
        offline=offline,
        executor=executor,
        progress=console.progress,
        note=console.note,
    )
    document = {
        "path": str(features.path),
        "identity": features.identity,
        "corpus": features.corpus,
        "backbone": features.backbone,
        "rows": {split: features.n_rows(split) for split in features.splits},
        "duplicates": duplicates(features),
        "dimension": features.dimension,
        "cache": "hit" if known else "miss",
        "seconds": round(perf_counter() - started, 3),
    }
    if known and document["duplicates"]:
        console.note(f"{document['duplicates']} test rows stand verbatim in the training split as well")
    console.emit([features.path], document)
