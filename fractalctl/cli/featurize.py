"""``fractalctl featurize``: encode a corpus once."""

from typing import TYPE_CHECKING, Annotated

import typer

from fractalctl.backbones.registry import DEFAULT_BACKBONE, Dtype, Engine, Pooling
from fractalctl.cli import corpus_options as shared
from fractalctl.cli.executor_options import with_executor
from fractalctl.cli.plumbing import Invocation, command
from fractalctl.corpora.records import OnConflict

if TYPE_CHECKING:
    from fractalctl.executors import Executor

BackboneOption = Annotated[
    str,
    typer.Option(
        "--backbone",
        "-b",
        help="A registered backbone (bge-small, e5-small, qwen3-0.6b, minilm, bge-base, nomic, mxbai-large), "
        "a model folder, or `hub:owner/name[@revision]`.",
    ),
]
PoolingOption = Annotated[
    Pooling | None, typer.Option("--pooling", help="Instead of the backbone's own; needed for plain models.")
]
PromptOption = Annotated[
    str | None, typer.Option("--prompt", help="Put before every text.", show_default="the backbone's own")
]
MaxLengthOption = Annotated[
    int | None,
    typer.Option("--max-length", min=1, help="In tokens.", show_default="the backbone's own"),
]
DtypeOption = Annotated[Dtype, typer.Option("--dtype", help="To compute with; features are float32.")]
EngineOption = Annotated[
    Engine, typer.Option("--engine", help="What runs the encoder; `onnx` is ONNX Runtime, an extra.")
]
RevisionOption = Annotated[
    str | None, typer.Option("--revision", help="Commit, branch or tag of the backbone on the hub.")
]
SplitsOption = Annotated[str, typer.Option("--splits", help="Which splits to encode, separated by commas.")]
DeviceOption = Annotated[str, typer.Option("--device", help="`auto`, or a PyTorch device such as `cuda:1`.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "featurize")(with_executor(featurize))


def featurize(
    invocation: Invocation,
    corpus: shared.CorpusArgument,
    backbone: BackboneOption = DEFAULT_BACKBONE,
    data: shared.DataOption = None,
    text: shared.TextOption = None,
    levels: shared.LevelsOption = None,
    path: shared.PathOption = None,
    separator: shared.SeparatorOption = " > ",
    on_conflict: shared.ConflictOption = OnConflict.ERROR,
    max_train: shared.MaxTrainOption = None,
    max_test: shared.MaxTestOption = None,
    max_validation: shared.MaxValidationOption = None,
    splits: SplitsOption = "train,test",
    pooling: PoolingOption = None,
    prompt: PromptOption = None,
    max_length: MaxLengthOption = None,
    dtype: DtypeOption = Dtype.FLOAT32,
    engine: EngineOption = Engine.TORCH,
    revision: RevisionOption = None,
    device: DeviceOption = "auto",
    offline: shared.OfflineOption = False,
    *,
    executor: "Executor | None",
) -> None:
    """Encode a corpus with a frozen backbone, once; a second call finds the features and loads nothing.

    Prints the path of the feature set. Stopped at any moment, the same command goes on where it was.

    ```
    fractalctl featurize pydocs --backbone minilm
    fractalctl featurize clinc --max-train 10000 --max-test 2000
    fractalctl featurize trec --data ~/Downloads/trec --backbone e5-small
    fractalctl featurize tickets.csv --text message --levels team,topic --backbone ./my-model
    fractalctl featurize clinc --backbone hub:thenlper/gte-small --dtype bfloat16
    fractalctl featurize clinc --backbone minilm --engine onnx
    fractalctl featurize clinc --executor local --workers 4
    fractalctl featurize clinc --executor dask --scheduler tcp://head-node:8786
    ```
    """
    from time import perf_counter

    from fractalctl.backbones import featurize as library
    from fractalctl.backbones.resolve import resolve_backbone
    from store import FeatureStore

    started = perf_counter()
    if offline:
        from fractalctl.backbones.hub import go_offline

        go_offline()
    request = shared.corpus_request(
        corpus,
        data=data,
        text=text,
        levels=levels,
        path=path,
        separator=separator,
        on_conflict=on_conflict,
        max_train=max_train,
        max_test=max_test,
        max_validation=max_validation,
    )
    spec = resolve_backbone(
        backbone,
        pooling=pooling,
        prompt=prompt,
        max_length=max_length,
        dtype=dtype,
        engine=engine,
        revision=revision,
        offline=offline,
    )
    store = FeatureStore(invocation.store)
    wanted = tuple(name.strip() for name in splits.split(","))
    known = store.find(library.recipe_for(request, spec, wanted))
    if known:
        invocation.console.note(f"{known.path} is in the store")
    features = known or library.featurize(
        request,
        spec,
        store,
        splits=wanted,
        device=device,
        offline=offline,
        executor=executor,
        progress=invocation.console.progress,
        note=invocation.console.note,
    )
    document = {
        "path": str(features.path),
        "identity": features.identity,
        "corpus": features.corpus,
        "backbone": features.backbone,
        "rows": {split: features.n_rows(split) for split in features.splits},
        "dimension": features.dimension,
        "cache": "hit" if known else "miss",
        "seconds": round(perf_counter() - started, 3),
    }
    invocation.console.emit([features.path], document)
