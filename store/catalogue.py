"""The feature store: a folder of feature sets, and who may write which."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from store.answers import SUFFIX, Answers
from store.checked import note_path
from store.default import default_folder
from store.draft import Writer, parts_folder
from store.errors import StoreError, StoreRequestError
from store.features import FeatureSet
from store.files import read_json, write_json
from store.recipe import Recipe, identity_of

if TYPE_CHECKING:
    from filelock import FileLock


ANSWERS = ".answers"  # folder of what services answered; no corpus can be called so


class FeatureStore:
    """Feature sets in a folder, ``<corpus>/<backbone>.h5`` each.

    Args:
        folder: the folder; it is made when the first set is written. None is the one that commands use here,
            see `store.default.default_folder`.
    """

    def __init__(self, folder: Path | str | None = None) -> None:
        self.folder = default_folder() if folder is None else Path(folder)

    def sets(self, damaged: Callable[[StoreError], None] = lambda _: None) -> list[FeatureSet]:
        """All feature sets, the one written last first.

        Args:
            damaged: is called with the error of each file that cannot be read; these are left out.
        """
        found = self._readable("*/*.h5", damaged)
        return sorted(found, key=lambda feature_set: feature_set.written, reverse=True)

    def find(self, recipe: Recipe) -> FeatureSet | None:
        """The feature set of a recipe, or None; loads neither corpus nor backbone.

        Raises:
            StoreError: it is there, and damaged.
        """
        identity = recipe.identity()
        for feature_set in self._readable(f"{recipe.corpus}/*.h5"):
            if feature_set.identity == identity:
                _clear_leftovers(feature_set.path)
                feature_set.check()
                return feature_set
        return None

    def resolve(self, name: str | Path | None = None) -> FeatureSet:
        """The feature set that a user means.

        Args:
            name: a path to an ``.h5`` file; "corpus/file" as `name_of` gives it; "corpus/backbone" or
                "corpus" for the newest of these; None for the newest of all.

        Raises:
            StoreRequestError: there is none of that name; the message lists what there is.
            StoreError: the file cannot be read.
        """
        name = None if name is None else str(name)
        if name is not None and name.endswith(".h5"):
            return FeatureSet(name)
        paths = sorted(self.folder.glob("*/*.h5"))
        for path in paths:
            if self.name_of(path) == name:
                return FeatureSet(path)
        for feature_set in self.sets():
            corpus, backbone = feature_set.corpus, feature_set.backbone
            if name in (None, corpus, f"{corpus}/{backbone}"):
                return feature_set
        raise self._unknown(name, paths)

    def select(self, name: str | Path | None = None, *, unfinished: bool = False) -> list[Path]:
        """Paths of all sets that a name covers, whether they can be read or not.

        Args:
            name: a path to an ``.h5`` file, "corpus/file", or "corpus" for all of it; None for all.
            unfinished: also those whose writing was begun and not finished, and what services answered
                ("answers/NAME", or "answers" for all of it).

        Raises:
            StoreRequestError: there is none of that name; the message lists what there is.
        """
        name = None if name is None else str(name)
        if name is not None and name.endswith(".h5"):
            return [Path(name)]
        paths = sorted([*self.folder.glob("*/*.h5"), *(self.unfinished() if unfinished else ())])
        selected = [path for path in paths if name in (None, path.parent.name, self.name_of(path))]
        if unfinished:
            selected += self._answers(name)
        if not selected and name is not None:
            raise self._unknown(name, paths)
        return selected

    def unfinished(self) -> list[Path]:
        """Paths of the sets whose writing was begun and not finished."""
        paths = (parts.with_suffix("") for parts in sorted(self.folder.glob("*/*.h5.parts")))
        return [path for path in paths if not path.exists()]

    def name_of(self, path: Path) -> str:
        """The name "corpus/file" of a set in this store."""
        return f"{path.parent.name}/{path.stem}"

    def path_for(self, recipe: Recipe) -> Path:
        """Where the set of a recipe is or would be: ``<corpus>/<backbone>.h5``.

        Where another recipe holds that path, finished or in the making, the identity is added to the name.
        """
        identity = recipe.identity()
        for suffix in ("", f"-{identity[:8]}", f"-{identity}"):
            path = self.folder / recipe.corpus / f"{recipe.backbone}{suffix}.h5"
            if _holder(path) in (None, identity):
                break
        return path

    @contextmanager
    def writer(self, recipe: Recipe, note: Callable[[str], None] = lambda _: None) -> Iterator[Writer]:
        """Become the only writer of the set of a recipe, waiting for another one to end.

        The writer's ``finished`` is the set if it is there already. ``note`` is told that there is somebody
        to wait for, and that the set has been finished meanwhile.
        """
        while True:
            path = self.path_for(recipe)
            with _locked(path, note):
                if self.path_for(recipe) != path:
                    continue  # another recipe took the name while this one waited
                finished = self.find(recipe)
                if finished is None:
                    write_json(_claim(path), recipe.document())
                try:
                    yield Writer(recipe, path, finished)
                finally:  # let go of the path, unless there are blocks to go on with
                    if path.exists() or not any(parts_folder(path).glob("*.part")):
                        shutil.rmtree(parts_folder(path), ignore_errors=True)
                return

    def answers_of(self, backbone: str, identity: Mapping[str, Any]) -> Answers:
        """Where the answers of a service are kept, those for all corpora together.

        Another identity of the backbone, its part of a recipe, has answers of its own.
        """
        return Answers(self.folder / ANSWERS / f"{backbone}-{identity_of(dict(identity))[:16]}{SUFFIX}")

    def kept_answers(self) -> list[Answers]:
        """What services answered, a file for each of their recipes."""
        return [Answers(path) for path in sorted((self.folder / ANSWERS).glob(f"*{SUFFIX}"))]

    def _answers(self, name: str | None) -> list[Path]:
        """Paths of the answers that a name covers: "answers" for all, "answers/NAME", or a path."""
        paths = [one.path for one in self.kept_answers()]
        return [path for path in paths if name in ("answers", f"answers/{path.stem}", str(path))]

    def remove(self, path: Path) -> None:
        """Remove a feature set of this store, be it finished, damaged or in the making, or answers.

        Raises:
            StoreRequestError: the path is not that of a set in this store.
            StoreError: a process is writing it just now.
        """
        if self._answers(str(path)):
            path.unlink()
            return
        inside = path.parent.resolve().parent == self.folder.resolve() and path.suffix == ".h5"
        if not inside or not (path.exists() or parts_folder(path).exists()):
            raise StoreRequestError(f"{path}: no feature set of the store {self.folder}; nothing is removed")
        try:
            with _lock(path).acquire(timeout=0):
                path.unlink(missing_ok=True)
                note_path(path).unlink(missing_ok=True)
                shutil.rmtree(parts_folder(path), ignore_errors=True)
        except TimeoutError:
            raise StoreError(f"{path}: a process is writing it just now; nothing is removed") from None

    def _readable(
        self, pattern: str, damaged: Callable[[StoreError], None] = lambda _: None
    ) -> Iterator[FeatureSet]:
        for path in sorted(self.folder.glob(pattern)):
            try:
                yield FeatureSet(path)
            except StoreError as error:
                damaged(error)

    def _unknown(self, name: str | None, paths: list[Path]) -> StoreRequestError:
        if name is None or not paths:
            return StoreRequestError(f"no feature set in {self.folder}; make one with fractalctl featurize")
        from difflib import get_close_matches

        known = sorted(map(self.name_of, paths))
        near = get_close_matches(name, [*known, *(path.parent.name for path in paths)], 1)
        guess = f" (did you mean {near[0]!r}?)" if near else ""
        return StoreRequestError(
            f"no feature set {name!r} in {self.folder}{guess}; there is {', '.join(known)}"
        )


def _lock(path: Path) -> "FileLock":
    """The lock of a set: a file beside it which stays, since removing a lock file can let two writers in."""
    from filelock import FileLock

    return FileLock(f"{path}.lock")


@contextmanager
def _locked(path: Path, note: Callable[[str], None]) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = _lock(path)
    try:
        lock.acquire(timeout=0)
    except TimeoutError:
        note(f"another process is writing {path}; waiting for it to end")
        lock.acquire()
        if path.exists():
            note(f"{path} has been finished meanwhile")
    try:
        yield
    finally:
        lock.release()


def _claim(path: Path) -> Path:
    """The file by which a recipe holds a path before anything is published there."""
    return parts_folder(path) / "recipe.json"


def _holder(path: Path) -> str | None:
    """Identity of the recipe whose set is at a path or in the making there; None where the path is free."""
    if path.exists():
        try:
            return FeatureSet(path).identity
        except StoreError:
            return "unreadable"
    try:
        return Recipe.from_document(read_json(_claim(path))).identity()
    except (StoreError, KeyError, TypeError):
        return None


def _clear_leftovers(path: Path) -> None:
    """Drop the blocks of a finished set, if its writer was killed between publishing it and dropping them."""
    if parts_folder(path).exists():
        with suppress(OSError), _lock(path).acquire(timeout=0):
            shutil.rmtree(parts_folder(path), ignore_errors=True)
