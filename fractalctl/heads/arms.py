"""Arms: a strategy, its trunk, and settings that depart from its defaults, under one label."""

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from fractalctl.documents.measured import ArmName
from fractalctl.errors import FractalError, RequestError, did_you_mean
from fractalctl.heads import methods as built_in
from fractalctl.heads.fitted import Fitted, Validate, Weights
from fractalctl.heads.method import Method, divided
from fractalctl.heads.settings import MethodSettings, build_settings, fields_of, spelled
from fractalctl.plugins import collect, load_plugins, modules_of
from fractalctl.progress import Progress, silent
from store.errors import StoreRequestError
from store.recipe import check_name, identity_of

if TYPE_CHECKING:
    import numpy as np
    import torch

    from fractalctl.heads.examples import Examples
    from fractalctl.heads.prefixes import Prefixes

GROUP = "fractalctl.methods"
LONGEST_LABEL = 80
_LONGEST_NAME = 60
_RULE = "a name is at most 60 letters, digits, '.', '_', '+' and '-', and begins with a letter or digit"

Overrides = Mapping[str, Any] | Callable[[int, int], Mapping[str, Any]]


class IdleSettingsError(RequestError):
    """Settings were asked for that would change the label of an arm and nothing of its heads. Exit code 2.

    Attributes:
        names: of these settings.
    """

    def __init__(self, message: str, names: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.names = tuple(names)


@dataclass(frozen=True)
class Strategy:
    """A named method with its settings.

    Attributes:
        name: by which users ask for it.
        method: how the map is got.
        trunk: of a gradient method, unless another is asked for; None for a closed form.
        overrides: settings that depart from the method's defaults, or what gives them from J and D.
        meaning: what it is, in half a line.
        source: paper, equation or measurement that its settings rest on, where it is not the method's.
        knob: the one setting that a number behind the name stands for, as in ``zoom-0.5``; None has none.
    """

    name: str
    method: Method
    trunk: str | None = None
    overrides: Overrides = field(default_factory=dict)
    meaning: str = ""
    source: str = ""
    knob: str | None = None

    def defaults(self, n_blocks: int, n_levels: int) -> dict[str, Any]:
        """The settings in which it departs from its method's, for J prefixes and D levels."""
        return dict(self.overrides(n_blocks, n_levels) if callable(self.overrides) else self.overrides)

    @property
    def dims(self) -> tuple[int, ...]:
        """Its prefix lengths, unless others are asked for."""
        usual = {} if callable(self.overrides) else self.overrides
        return _dims(usual.get("dims", fields_of(self.method.Settings)["dims"].default), self.name)


def strategies() -> dict[str, Strategy]:
    """Every strategy by name: the paper's first, then those of the other built-in methods, then plug-ins'.

    Raises FractalError: a plug-in cannot be loaded, or a name comes twice or cannot name a folder.
    """
    modules = sorted(modules_of(built_in), key=lambda module: not module.__name__.endswith(".supervision"))
    found = collect(GROUP, Strategy, [(module.__name__, module.STRATEGIES) for module in modules])
    for name in found:
        if not _is_name(name):
            raise FractalError(f"strategy '{name}' of {origin(name) or 'fractalctl'}: {_RULE}")
    return found


def _is_name(name: str) -> bool:
    """Whether it may name a strategy: what may name a file, but for the marks that labels are made of."""
    try:
        return len(check_name("strategy", name)) <= _LONGEST_NAME and not {"=", "@"} & set(name)
    except StoreRequestError:
        return False


def follows_depth(strategy: str, name: str, value: Any) -> bool:
    """Whether a setting of a strategy may have another value where the tree has another depth.

    Such are numbers for each level, but for the lengths, and what the strategy itself derives from the depth.
    """
    if isinstance(value, list | tuple | dict):
        return name != "dims"
    overrides = known.overrides if (known := strategies().get(strategy)) else {}
    return callable(overrides) and name in overrides(4, 2)


def origin(name: str) -> str | None:
    """Which plug-in a strategy comes from; None for a built-in one."""
    for source, given in load_plugins(GROUP):
        if name in {item.name for item in ((given,) if isinstance(given, Strategy) else given)}:
            return source
    return None


def method_of(name: str) -> Method:
    """A method that some strategy has, by name.

    Raises RequestError: there is none, as when the package that brought it is not installed; FractalError:
    two methods have this name.
    """
    known = {type(strategy.method): strategy.method for strategy in strategies().values()}
    found = [method for method in known.values() if method.name == name]
    if len(found) > 1:
        modules = " and ".join(type(method).__module__ for method in found)
        raise FractalError(f"two methods are called '{name}', of {modules}; rename one of them")
    if not found:
        names = ", ".join(sorted(method.name for method in known.values()))
        raise RequestError(
            f"method '{name}' is not known here, only {names}; install the package that brings it"
        )
    return found[0]


@dataclass(frozen=True)
class Arm:
    """What is compared, and what trains and applies it. It can be sent to other processes.

    Attributes:
        strategy: name of its strategy.
        method: name of its method.
        settings: all of them.
        label: the one name in files, folders, tables and figures.
    """

    strategy: str
    method: str
    settings: MethodSettings
    label: str

    @cached_property
    def _method(self) -> Method:
        return method_of(self.method)

    def __getstate__(self) -> dict[str, Any]:
        """What is sent: the receiver looks the method up itself."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @property
    def trunk(self) -> str | None:
        """What carries a gradient method's losses; None for a closed form."""
        return getattr(self.settings, "trunk", None)

    @property
    def dims(self) -> tuple[int, ...]:
        """Ascending prefix lengths."""
        return self.settings.dims

    @property
    def tuned(self) -> Mapping[str, tuple[float, float]]:
        """Settings that are tuned where tuning is asked for, with their ranges."""
        return self._method.tuned

    @property
    def nested(self) -> bool:
        """Whether a shorter embedding is the first columns of the full one."""
        return self._method.nested(self.settings)

    @property
    def identity(self) -> str:
        """Hexadecimal SHA-256 of all but the label."""
        return identity_of(msgspec.to_builtins(self.name()) | {"arm": None})

    def name(self) -> ArmName:
        """As every file names it."""
        return ArmName(
            arm=self.label,
            strategy=self.strategy,
            method=self.method,
            trunk=self.trunk,
            settings=msgspec.json.decode(msgspec.json.encode(self.settings)),
        )

    def typed(self) -> dict[str, str]:
        """Every setting as text that `build_arm` takes again."""
        return {name: spelled(getattr(self.settings, name)) for name in self.settings.__struct_fields__}

    def fit(
        self, examples: "Examples", seeds: Sequence[int], validate: Validate, progress: Progress = silent
    ) -> list[Fitted]:
        """Train a head for each seed, see `Method.fit`."""
        return self._method.fit(examples, seeds, self.settings, validate, progress)

    def fleets(self, seeds: Sequence[int], device: str = "cpu") -> list[tuple[int, ...]]:
        """Seeds as `fit` divides them, always in the same way on one type of device, whoever trains them."""
        return divided(seeds, self._method.at_once(self.settings, device))

    def steps(self, examples: "Examples") -> int:
        """Steps that one fleet tells its progress."""
        return self._method.steps(examples, self.settings)

    def embed(
        self, weights: Weights, features: "np.ndarray", device: "torch.device | None" = None
    ) -> "Prefixes":
        """Embeddings at every length of features (n, h) float32, as the backbone gave them."""
        from fractalctl.heads.prefixes import embed

        return embed(self._method, self.settings, weights, features, device)


def build_arm(
    strategy: str, n_levels: int, trunk: str | None = None, settings: Mapping[str, Any] | None = None
) -> Arm:
    """The arm of a named strategy: its defaults, then the trunk's, then what the user set.

    Args:
        strategy: a name of `strategies`, or one with a number for its knob behind it, such as ``zoom-0.5``.
        n_levels: D, of the corpus.
        trunk: None is the strategy's own.
        settings: what departs from the defaults, by name; values may be text.

    Raises RequestError: a name is unknown, or a value does not fit; the message names the field.
    IdleSettingsError: a setting was asked for that changes nothing.
    """
    row, knob = named(strategy)
    if twice := knob.keys() & (settings or {}).keys():
        raise RequestError(f"{strategy} says {row.knob} already; leave out its number, or {', '.join(twice)}")
    return _arm(row, n_levels, trunk, {**(settings or {}), **knob})


def named(name: str) -> tuple[Strategy, dict[str, str]]:
    """The strategy that a name stands for, and its knob's setting where a number stands behind the name.

    Raises RequestError: there is none.
    """
    known = strategies()
    plain, _, number = name.rpartition("-")
    if name not in known and plain in known and (knob := known[plain].knob):
        return known[plain], {knob: number}
    if name not in known:
        guess = did_you_mean(name, known)
        raise RequestError(f"strategy '{name}' is not known{guess}; choose from {', '.join(known)}")
    return known[name], {}


def read_arm(
    path: Path, n_levels: int, trunk: str | None = None, settings: Mapping[str, Any] | None = None
) -> Arm:
    """The arm of a user's own supervision table, a TOML file after which it is named.

    Args:
        path: holds the table and, if wanted, other settings of the method `supervision`.
        n_levels: D, of the corpus.
        trunk: None is the linear one.
        settings: as for `build_arm`.

    Raises RequestError: the file is no TOML, its table does not fit, or its name is taken or names no folder.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        return _arm(_own_strategy(path.stem, table), n_levels, trunk, dict(settings or {}))
    except FileNotFoundError:
        raise RequestError(f"{path}: no such file") from None
    except (ValueError, RecursionError) as error:
        raise RequestError(f"{path}: not a TOML file: {error}") from error
    except RequestError as error:
        raise RequestError(f"{path}: {error}") from error


def _own_strategy(name: str, table: dict[str, Any]) -> Strategy:
    """A user's supervision; its name can stand beside those of the strategies, and makes no path."""
    from fractalctl.heads.trunks import trunks

    if not _is_name(name):
        raise RequestError(f"'{name}' cannot name a supervision: {_RULE}; rename the file")
    known = strategies()
    taken = {*known, *(f"{strategy}-{trunk}" for strategy in known for trunk in trunks())}
    numbered = "|".join(re.escape(strategy.name) for strategy in known.values() if strategy.knob)
    like_a_knob = numbered and re.match(rf"({numbered})-[\d.]", name, re.IGNORECASE)
    if like_a_knob or name.lower() in {other.lower() for other in taken}:
        raise RequestError(f"'{name}' is the name of a built-in or installed strategy; rename the file")
    if "name" in table:
        raise RequestError("a supervision is named after its file; remove the key 'name'")
    method = method_of("supervision")
    required = [name for name, found in fields_of(method.Settings).items() if found.required]
    if missing := [name for name in required if name not in table]:
        raise RequestError(f"supervision lacks {', '.join(missing)}")
    return Strategy(name, method, str(table.pop("trunk", "linear")), table, "a table of one's own")


def _arm(strategy: Strategy, n_levels: int, trunk: str | None, settings: dict[str, Any]) -> Arm:
    kind, owner = strategy.method.Settings, strategy.name
    if trunk is not None and strategy.trunk is None:
        raise RequestError(f"{owner} is a closed form and has no trunk, so it cannot have '{trunk}'")
    if strategy.trunk is not None:
        other = settings.pop("trunk", None)
        if trunk and other and trunk != other:
            raise RequestError(f"{owner} cannot have two trunks, {trunk} and {other}; name one")
        trunk = trunk or other or strategy.trunk
    dims = _dims(settings.pop("dims"), owner) if "dims" in settings else strategy.dims
    defaults = {**strategy.defaults(len(dims), n_levels), **_trunk_defaults(trunk, kind), "dims": dims}
    plain = build_settings(kind, defaults, owner)
    chosen = build_settings(kind, {**defaults, **settings}, owner)
    strategy.method.check(chosen, n_levels)
    idle = strategy.method.idle(chosen, n_levels)
    if idle := {name: why for name, why in idle.items() if getattr(chosen, name) != getattr(plain, name)}:
        said = "; ".join(f"{name} changes nothing, for {why}" for name, why in idle.items())
        raise IdleSettingsError(f"{owner}: {said}", [*idle])
    usual = {name: getattr(plain, name) for name in kind.__struct_fields__} | {"dims": strategy.dims}
    departing = {name: found for name in usual if (found := getattr(chosen, name)) != usual[name]}
    arm = Arm(owner, strategy.method.name, chosen, "")
    return replace(arm, label=_label(strategy, arm, departing))


def _dims(value: Any, owner: str) -> tuple[int, ...]:
    return build_settings(MethodSettings, {"dims": value}, owner).dims


def _trunk_defaults(trunk: str | None, kind: type[MethodSettings]) -> dict[str, Any]:
    """A trunk's name, and what it sets where the method has such settings."""
    if trunk is None:
        return {}
    from fractalctl.heads.trunks import trunk as find

    defaults = {**find(trunk).defaults, "trunk": trunk}
    return {name: value for name, value in defaults.items() if name in kind.__struct_fields__}


def _label(strategy: Strategy, arm: Arm, departing: Mapping[str, Any]) -> str:
    """Strategy, knob and trunk if not the usual ones, what else departs; a hash ends what is too long."""
    number = departing.get(strategy.knob or "")
    knob = "" if number is None else f"-{_short(number)}"
    trunk = f"-{arm.trunk}" if arm.trunk != strategy.trunk else ""
    others = (f"-{name}={_short(value)}" for name, value in departing.items() if name != strategy.knob)
    label = "".join([strategy.name, knob, trunk, *others])
    if len(label) <= LONGEST_LABEL:
        return label
    return f"{label[: LONGEST_LABEL - 9].rstrip('-.,=')}-{arm.identity[:8]}"


def _short(value: Any) -> str:
    """A value as part of a file name; a table, whose text would be none, by its hash."""
    text = spelled(value)
    return text if re.fullmatch(r"[\w.+-]+", text) else identity_of({"value": text})[:8]
