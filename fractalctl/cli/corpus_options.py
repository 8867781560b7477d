"""The options that say which corpus is meant, shared by every command that reads one."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from fractalctl.cli import completion
from fractalctl.cli.project import from_project
from fractalctl.corpora.records import OnConflict
from fractalctl.corpora.registry import registered_corpora
from fractalctl.corpora.request import CorpusRequest


def _sample(split: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = Option(min=1, help=f"Random sample of {split} rows, in random order.")
    return option


def corpus_request(
    context: typer.Context,
    corpus: Annotated[
        str,
        Argument(
            metavar="CORPUS",
            autocompletion=completion.CORPORA,
            help="A corpus of `fractalctl corpora ls`, a path, or `hub:owner/name[:config][@revision]`.",
        ),
    ],
    data: Annotated[
        Path | None, Option(help="Local copy of a registered corpus: its publisher's files, or JSON lines.")
    ] = None,
    text: Annotated[str | None, Option(help="Column of the text.", show_default="text")] = None,
    levels: Annotated[
        list[str] | None,
        Option(
            metavar="NAME,...",
            help="Coarse to fine, separated by commas: columns of a file, or levels of a registered corpus.",
            show_default="the corpus's own; coarse,fine of a file",
        ),
    ] = None,
    path: Annotated[
        str | None, Option(help="One column that holds the whole path of labels, coarse to fine.")
    ] = None,
    separator: Annotated[str, Option(help="Between the labels of `--path`.")] = " > ",
    on_conflict: Annotated[
        OnConflict, Option(help="A class under two parents: stop, or name it by its full path.")
    ] = OnConflict.ERROR,
    max_train: Annotated[int | None, _sample("training")] = None,
    max_test: Annotated[int | None, _sample("test")] = None,
    max_validation: Annotated[int | None, _sample("validation")] = None,
) -> CorpusRequest:
    """The request that option values describe.

    Columns of ``fractalctl.toml`` are those of files: a registered corpus knows its own, and ``--path`` names
    all levels.
    """
    registered = corpus in registered_corpora()
    if registered and from_project(context, "text"):
        text = context.params["text"] = None
    if (registered or path) and from_project(context, "levels"):
        levels = context.params["levels"] = None
    return CorpusRequest(
        source=corpus,
        data=data,
        text=text,
        levels=tuple(level.strip() for value in levels or () if value for level in value.split(",")),
        path_column=path,
        separator=separator,
        on_conflict=on_conflict,
        max_train=max_train,
        max_validation=max_validation,
        max_test=max_test,
    )
