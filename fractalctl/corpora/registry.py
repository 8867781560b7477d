"""The registered corpora: those of ``corpora.toml``, `pydocs`, and those of installed packages."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from fractalctl.corpora.corpus_spec import CorpusSpec, HubCopy
from fractalctl.corpora.pydocs import PYDOCS
from fractalctl.errors import RequestError, did_you_mean
from fractalctl.plugins import collect, packaged_tables

GROUP = "fractalctl.corpora"
"""Entry points of this group give a `CorpusSpec` or several."""


@cache
def registered_corpora() -> Mapping[str, CorpusSpec]:
    """All registered corpora by name; FractalError if a plug-in's is none, or its name is taken."""
    tables = packaged_tables(__package__, "corpora.toml")
    ours = [_spec(name, _frozen(table)) for name, table in tables.items()]
    return collect(GROUP, CorpusSpec, [("fractalctl", [*ours, PYDOCS])])


def no_such_corpus(name: str) -> RequestError:
    """The error for a name that is neither a registered corpus nor a file; it lists what there is."""
    known = registered_corpora()
    folder = Path(name).parent
    files = [str(folder / path.name) for path in folder.iterdir()] if folder.is_dir() else []
    guess = did_you_mean(name, [*known, *files])
    return RequestError(
        f"'{name}' is neither a registered corpus{guess} nor a file. Registered are {', '.join(known)}; "
        "own data is the path of a .csv, .tsv, .jsonl or .parquet file, or hub:owner/name"
    )


def _spec(name: str, values: dict[str, Any]) -> CorpusSpec:
    return CorpusSpec(name=name, **{**values, "hub": HubCopy(**values["hub"])})


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _frozen(item) for key, item in value.items()}
    return tuple(value) if isinstance(value, list) else value
