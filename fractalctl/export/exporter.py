"""What an exporter is, and what it is given: this package's extension point.

An exporter is one module with its ``EXPORTER``. Modules of `fractalctl.export.formats` are found by
themselves, those of other packages through the entry point ``fractalctl.exporters``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from fractalctl.errors import RequestError, did_you_mean
from fractalctl.export import formats
from fractalctl.plugins import collect, modules_of
from fractalctl.progress import Progress, silent

if TYPE_CHECKING:
    import torch

    from fractalctl.backbones.kinds import Spec
    from fractalctl.backbones.spec import BackboneSpec
    from fractalctl.documents.evaluation import Evaluation
    from fractalctl.heads.head import Head
    from store import FeatureSet

GROUP = "fractalctl.exporters"


@dataclass(frozen=True)
class Subject:
    """A head that is to be exported, and all that an exporter may want to know of it.

    Attributes:
        head: with its weights.
        levels: what the corpus calls its levels, coarsest first.
        lengths: ascending numbers of dimensions that databases and indexes shall hold.
        splits: of the corpus, whose rows they shall hold.
        find_features: gives the feature set that the head was trained on; raises RequestError without one.
        find_backbone: gives the backbone whose features the head takes; raises RequestError likewise.
        evaluation: of the head; None where nobody has measured it.
        rivals: evaluations of heads of other strategies, trained alike, by strategy.
        offline: do not touch the network.
        device: where embeddings are computed; None is the CPU.
        progress: shows how far long work is.
        note: told what was there already.
        argv: makes the export again.
    """

    head: "Head"
    levels: tuple[str, ...]
    lengths: tuple[int, ...]
    splits: tuple[str, ...]
    find_features: "Callable[[], FeatureSet]"
    find_backbone: "Callable[[], Spec]"
    evaluation: "Evaluation | None" = None
    rivals: "Mapping[str, Evaluation]" = field(default_factory=dict)
    offline: bool = False
    device: "torch.device | None" = None
    progress: Progress = silent
    note: Callable[[str], None] = lambda _: None
    argv: list[str] | None = None

    @cached_property
    def features(self) -> "FeatureSet":
        """The feature set that the head was trained on.

        Raises:
            RequestError: it is not here.
        """
        return self.find_features()

    @cached_property
    def backbone(self) -> "BackboneSpec":
        """The backbone whose features the head takes.

        Raises:
            RequestError: nobody says which it was, or it was a folder that is not named or a service.
        """
        from fractalctl.backbones.kinds import with_weights

        return with_weights(self.find_backbone(), "this format")

    @cached_property
    def model(self) -> Path:
        """Folder of the backbone, fetched where need be.

        Raises:
            UnreachableError: it is neither here nor to be had.
        """
        from fractalctl.backbones.locate import locate

        return locate(self.backbone, offline=self.offline)


@dataclass(frozen=True)
class Exporter:
    """One format.

    Attributes:
        name: by which users ask for it.
        meaning: what comes out, in half a line.
        write: writes a subject into a folder, and gives the paths that programs want to know.
        extends: whether the folder is a database that a later call goes on with; else it is replaced whole.
    """

    name: str
    meaning: str
    write: Callable[[Subject, Path], list[Path]]
    extends: bool = False


def exporters() -> dict[str, Exporter]:
    """Every exporter by name, those of plug-ins last.

    Raises:
        FractalError: a plug-in cannot be loaded, or a name comes twice.
    """
    return collect(GROUP, Exporter, [(module.__name__, module.EXPORTER) for module in modules_of(formats)])


def exporter(name: str) -> Exporter:
    """An exporter by name.

    Raises:
        RequestError: there is none.
    """
    known = exporters()
    if name not in known:
        guess = did_you_mean(name, known)
        raise RequestError(f"format '{name}' is not known{guess}; choose from {', '.join(known)}")
    return known[name]
