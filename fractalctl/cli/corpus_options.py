"""The options that say which corpus is meant, shared by every command that reads one."""

from pathlib import Path
from typing import Annotated

import typer

from fractalctl.corpora.records import OnConflict
from fractalctl.corpora.request import CorpusRequest

CorpusArgument = Annotated[
    str,
    typer.Argument(
        metavar="CORPUS",
        help="A corpus of `fractalctl corpora ls`, a path, or `hub:owner/name[:config][@revision]`.",
    ),
]
DataOption = Annotated[
    Path | None,
    typer.Option("--data", help="Local copy of a registered corpus: its publisher's files, or JSON lines."),
]
TextOption = Annotated[str | None, typer.Option("--text", help="Column of the text.", show_default="text")]
LevelsOption = Annotated[
    str | None,
    typer.Option(
        "--levels",
        help="Coarse to fine, separated by commas: columns of a file, or levels of a registered corpus.",
        show_default="the corpus's own; coarse,fine of a file",
    ),
]
PathOption = Annotated[
    str | None, typer.Option("--path", help="One column that holds the whole path of labels, coarse to fine.")
]
SeparatorOption = Annotated[str, typer.Option("--separator", help="Between the labels of `--path`.")]
ConflictOption = Annotated[
    OnConflict,
    typer.Option("--on-conflict", help="A class under two parents: stop, or name it by its full path."),
]
MaxTrainOption = Annotated[
    int | None, typer.Option("--max-train", min=1, help="Random sample of training rows, in random order.")
]
MaxTestOption = Annotated[
    int | None, typer.Option("--max-test", min=1, help="Random sample of test rows, in random order.")
]
MaxValidationOption = Annotated[
    int | None,
    typer.Option("--max-validation", min=1, help="Random sample of validation rows, in random order."),
]
OfflineOption = Annotated[
    bool, typer.Option("--offline", help="Use what the local Hugging Face cache holds; never the network.")
]


def corpus_request(
    corpus: str,
    *,
    data: Path | None = None,
    text: str | None = None,
    levels: str | None = None,
    path: str | None = None,
    separator: str = " > ",
    on_conflict: OnConflict = OnConflict.ERROR,
    max_train: int | None = None,
    max_test: int | None = None,
    max_validation: int | None = None,
) -> CorpusRequest:
    """Build the request that these options describe; defaults are those of the options."""
    return CorpusRequest(
        source=corpus,
        data=data,
        text=text,
        levels=tuple(level.strip() for level in levels.split(",")) if levels else (),
        path_column=path,
        separator=separator,
        on_conflict=on_conflict,
        max_train=max_train,
        max_validation=max_validation,
        max_test=max_test,
    )
