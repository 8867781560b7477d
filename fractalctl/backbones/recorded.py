"""The encoder that made a feature set, found again from the set's recipe."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fractalctl.backbones.kinds import Spec, with_weights
from fractalctl.backbones.resolve import HUB_PREFIX, resolve_backbone
from fractalctl.backbones.spec import Engine, registered_backbones
from fractalctl.errors import RequestError
from store import FeatureSet

SETTINGS = ("pooling", "prompt", "max_length", "dtype")


def recorded_backbone(features: FeatureSet, folder: Path | None = None, *, offline: bool = False) -> Spec:
    """The spec whose features a set holds.

    Args:
        features: a set that `featurize` made.
        folder: the model folder, which a set does not record; only for a set made from one.
        offline: do not touch the network.

    Raises:
        RequestError: the set names no encoder, needs a folder or none, or the folder holds another encoder.
        UnreachableError: a repository whose files are neither cached nor to be had.
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
        called: name of the backbone.
        recorded: the identifying part of its recipe.
        source: where that stands, for messages.
        folder: the model folder, where the recipe is of one.
        offline: do not touch the network.

    Raises:
        RequestError: as for `recorded_backbone`.
        UnreachableError: a repository whose files are neither cached nor to be had.
    """
    if "service" in recorded:
        return _at_a_service(recorded, source, folder)
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


def _at_a_service(recorded: Mapping[str, Any], source: str, folder: Path | None) -> Spec:
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
