"""From what a user or a recipe calls a backbone to its spec, without loading it."""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from fractalctl.backbones.folder import ModelFolder, describe, fingerprint
from fractalctl.backbones.services.spec import ServiceSpec, is_service, resolve_service
from fractalctl.backbones.spec import (
    BackboneSpec,
    Dtype,
    Engine,
    Pooling,
    Spec,
    registered_backbones,
    with_weights,
)
from fractalctl.corpora.records import HUB_PREFIX
from fractalctl.errors import RequestError, did_you_mean
from store import FeatureSet
from store.recipe import safe_name

NOT_OF_SERVICES = {
    "pooling": (None, "a service pools by itself"),
    "max_length": (None, "a service decides by itself how long a text may be"),
    "dtype": (Dtype.FLOAT32, "a service computes with what it likes"),
    "engine": (Engine.TORCH, "a service runs the model by itself"),
}
"""Settings of models whose weights are here: the value that changes nothing, and why services have none."""
SETTINGS = ("pooling", "prompt", "max_length", "dtype")


def resolve_backbone(
    name: str,
    *,
    pooling: Pooling | str | None = None,
    prompt: str | None = None,
    max_length: int | None = None,
    dtype: Dtype | str | None = None,
    engine: Engine | str | None = None,
    dimensions: int | None = None,
    revision: str | None = None,
    offline: bool = False,
) -> Spec:
    """Find out which backbone is meant and all that decides its features.

    A registered backbone is known from its row alone. A folder is read and hashed. A repository of the hub is
    looked at in the local cache; where it is not there, its small files are fetched. A pooling is never
    guessed. Of a service the name is enough, see `resolve_service`.

    Args:
        name: registered name, ``hub:owner/name[@revision]``, path of a model folder, ``openai:MODEL`` or
            ``ollama:MODEL``.
        pooling: instead of what the registry or the folder says.
        max_length: in tokens, instead of what the registry or the folder says.
        dtype: to compute with; float32 unless told otherwise.
        engine: what runs the transformer; PyTorch unless told otherwise.
        dimensions: numbers per feature, of services only.
        revision: commit, branch or tag of the repository; digest of a model of Ollama.

    Raises RequestError: no such backbone, a setting that it does not have, a folder that is not understood,
    or a pooling that nobody names; UnreachableError: a repository whose files are neither cached nor to be
    had.
    """
    given = {
        "pooling": _member(Pooling, pooling),
        "prompt": prompt,
        "max_length": max_length,
        "dtype": _member(Dtype, dtype),
        "engine": _member(Engine, engine),
    }
    wanted = {key: value for key, value in given.items() if value is not None}
    if is_service(name):
        return _at_a_service(name, wanted, dimensions, revision)
    if dimensions is not None:
        raise RequestError(
            f"--dimensions is of services (openai:MODEL, ollama:MODEL); {name} gives all the numbers it has"
        )
    if name in registered_backbones():
        return _registered(registered_backbones()[name], revision, wanted)
    if name.startswith(HUB_PREFIX):
        return _on_the_hub(name, revision, wanted, offline=offline)
    if Path(name).is_dir():
        if revision:
            raise _no_revision(name)
        folder = Path(name).resolve()
        source = {"folder": folder, "fingerprint": fingerprint(folder)}
        return _described(safe_name(folder.name), source, describe(folder), wanted)
    raise _unknown(name)


def _at_a_service(
    name: str, wanted: dict[str, Any], dimensions: int | None, revision: str | None
) -> ServiceSpec:
    for setting, (neutral, reason) in NOT_OF_SERVICES.items():
        if wanted.get(setting, neutral) != neutral:
            raise RequestError(
                f"--{setting.replace('_', '-')} does not go with {name}: {reason}; leave it out"
            )
    return resolve_service(name, dimensions=dimensions, prompt=wanted.get("prompt"), revision=revision)


def _member(kind: type[StrEnum], value: str | None) -> StrEnum | None:
    try:
        return kind(value) if value is not None else None
    except ValueError:
        raise RequestError(f"{value!r} is no {kind.__name__.lower()}; there are {', '.join(kind)}") from None


def _registered(spec: BackboneSpec, revision: str | None, wanted: dict[str, Any]) -> BackboneSpec:
    if revision and revision != spec.revision:
        if spec.hub is None:
            raise _no_revision(spec.name)
        spec = replace(spec, revision=revision, weights=None, package=None)
    if spec.folder and not spec.fingerprint:
        spec = replace(spec, fingerprint=fingerprint(spec.folder))
    return replace(spec, **wanted)


def _no_revision(name: str) -> RequestError:
    return RequestError(f"--revision is of repositories of the hub; {name} is a folder")


def _on_the_hub(name: str, revision: str | None, wanted: dict[str, Any], *, offline: bool) -> BackboneSpec:
    """The spec of a repository, its revision pinned to the commit that lies in the cache."""
    repository, _, named = name.removeprefix(HUB_PREFIX).partition("@")
    if repository.count("/") != 1 or not all(repository.split("/")):
        raise RequestError(f"'{name}': expected hub:owner/name or hub:owner/name@revision")
    if named and revision and named != revision:
        raise RequestError(f"'{name}' and --revision {revision} name two revisions")
    from fractalctl.backbones.locate import Repository, configuration

    folder = configuration(Repository(repository, named or revision or None, name), offline=offline)
    source = {"hub": repository, "revision": folder.name}
    return _described(safe_name(repository.replace("/", "--")), source, describe(folder), wanted)


def _described(name: str, source: dict[str, Any], said: ModelFolder, wanted: dict[str, Any]) -> BackboneSpec:
    """The spec of a model that describes itself, with what the user wants put over it."""
    where = source.get("folder") or f"{HUB_PREFIX}{source['hub']}"
    if said.pooling is None and "pooling" not in wanted:
        raise RequestError(
            f"{where}: a plain transformers model, which does not say how to pool; add --pooling cls, "
            "mean or last"
        )
    max_length = said.max_length or said.limit
    if max_length is None and "max_length" not in wanted:
        raise RequestError(f"{where}: does not say how many tokens it takes; add --max-length N")
    found = {
        "pooling": said.pooling,
        "prompt": said.prompt,
        "max_length": max_length,
        "dimension": said.dimension,
    }
    return BackboneSpec(name, **{**source, **found, **wanted})


def _unknown(name: str) -> RequestError:
    if "/" in name or name.startswith("."):
        return RequestError(
            f"{name}: no such model folder (a repository of the hub is called hub:owner/name)"
        )
    known = registered_backbones()
    guess = did_you_mean(name, known)
    return RequestError(
        f"'{name}' is no registered backbone{guess} and no folder; registered are {', '.join(known)}. "
        "Others: the path of a model folder, hub:owner/name, openai:MODEL or ollama:MODEL"
    )


def recorded_backbone(features: FeatureSet, folder: Path | None = None, *, offline: bool = False) -> Spec:
    """The spec whose features a set holds.

    Args:
        folder: the model folder, which a set does not record; only for a set made from one.

    Raises RequestError: the set names no encoder, needs a folder or none, or the folder holds another
    encoder; UnreachableError: a repository whose files are neither cached nor to be had.
    """
    recorded = features.recipe["backbone"]["identity"]
    return described_backbone(features.backbone, recorded, str(features.path), folder, offline=offline)


def described_backbone(
    called: str,
    recorded: Mapping[str, Any],
    source: str,
    folder: Path | None = None,
    *,
    offline: bool = False,
) -> Spec:
    """The spec that a recipe describes, see `recorded_backbone`.

    Args:
        recorded: the identifying part of its recipe.
        folder: the model folder, where the recipe is of one.

    Raises UnreachableError: a repository whose files are neither cached nor to be had.
    """
    if "service" in recorded:
        return _recorded_service(recorded, source, folder)
    if not {"hub", "sha256"} & recorded.keys() or not set(SETTINGS) <= recorded.keys():
        raise RequestError(
            f"{source}: its recipe does not say which encoder made it, so no text can be encoded as it did; "
            "'fractalctl featurize' makes sets that do"
        )
    settings = {name: recorded[name] for name in SETTINGS}
    settings["engine"] = recorded.get("engine", Engine.TORCH)
    row = registered_backbones().get(called)
    if "hub" in recorded:
        if folder is not None:
            raise RequestError(f"{source}: was made with {recorded['hub']}; --encoder names a folder")
        name = row.name if row and row.hub == recorded["hub"] else f"{HUB_PREFIX}{recorded['hub']}"
        return resolve_backbone(name, revision=recorded["revision"], offline=offline, **settings)
    folder = folder or (row.folder if row else None)
    if folder is None:
        raise RequestError(f"{source}: was made with a model folder; name that folder with --encoder FOLDER")
    spec = with_weights(resolve_backbone(str(folder), **settings), "--encoder")
    if spec.identity() != recorded:
        raise RequestError(
            f"{folder}: not the model that made {source}: its files have SHA-256 "
            f"{str(spec.fingerprint)[:12]}, expected {recorded['sha256'][:12]}"
        )
    return spec


def _recorded_service(recorded: Mapping[str, Any], source: str, folder: Path | None) -> Spec:
    name = f"{recorded['service']}:{recorded['model']}"
    if folder is not None:
        raise RequestError(f"{source}: was made by {name}; --encoder names a folder")
    spec = resolve_backbone(
        name,
        dimensions=recorded.get("dimensions"),
        prompt=recorded["prompt"],
        revision=recorded.get("digest"),
    )
    if spec.identity() != recorded:
        raise RequestError(
            f"{source}: was made by {name} at {recorded.get('endpoint', 'its usual place')}; set "
            "OPENAI_BASE_URL to that, or leave it unset"
        )
    return spec
