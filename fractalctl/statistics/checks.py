"""What must be equal before measurements are compared; what differs is named with both files."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from fractalctl.errors import RequestError
from fractalctl.heads.arms import follows_depth
from fractalctl.statistics.observations import Observation, first_seen


def check_protocol(observations: Sequence[Observation]) -> None:
    """Make sure that all measurements are of one protocol.

    Raises:
        RequestError: they are of several.
    """
    found = first_seen(observation.protocol for observation in observations)
    if len(found) > 1:
        there = " and ".join(name or "none named" for name in found)
        raise RequestError(
            f"S is not comparable across protocols, and these are of {there}: keep those of one"
        )


def check_metric(observations: Sequence[Observation], metric: str) -> None:
    """Make sure that every measurement has the metric.

    Raises:
        RequestError: one has not; the message names it and what there is.
    """
    for observation in observations:
        if metric not in observation.metrics:
            there = ", ".join(observation.metrics) or "nothing"
            raise RequestError(f"{observation.where}: no metric '{metric}' (there is: {there})")


def check_arms(observations: Iterable[Observation], arms: Collection[str]) -> None:
    """Make sure that an arm is the same everywhere: heads of all seeds and corpora trained alike.

    At one place they must be trained on one feature set. Corpora with another number of levels may differ in
    settings that follow it, see `fractalctl.heads.arms.follows_depth`.

    Raises:
        RequestError: two heads of one arm differ; the message names the setting and both files.
    """
    first: dict[tuple[Any, ...], Observation] = {}
    for one in observations:
        if one.arm in arms and one.training:
            for key in ((one.arm,), (one.arm, one.levels), (one.arm, one.place)):
                _check_trained_alike(first.setdefault(key, one), one)


def _check_trained_alike(first: Observation, other: Observation) -> None:
    pairs = {name: (value, other.training.get(name)) for name, value in first.training.items()}
    if first.place == other.place:
        pairs["trained_on"] = _identity(first), _identity(other)
    for name, (here, there) in pairs.items():
        by_depth = first.levels != other.levels and follows_depth(first.strategy, name, here)
        if here != there and not by_depth:
            raise RequestError(
                f"{first.arm}: '{name}' is {here} in {first.where} but {there} in {other.where}; heads "
                "of one arm are trained alike, so train them again or leave some out"
            )


def _identity(one: Observation) -> str | None:
    return one.trained_on.identity[:8] if one.trained_on else None


def check_conditions(observations: Sequence[Observation]) -> None:
    """Make sure that measurements of one place were taken alike. What a table does not say is not checked.

    Raises:
        RequestError: two were made under different conditions; the message names the field and both files.
    """
    known = [one for one in observations if one.conditions]
    for other in known[1:]:
        for name, here in known[0].conditions.items():
            there = other.conditions.get(name)
            if here != there:
                raise RequestError(
                    f"{other.corpus}: '{name}' is {here} in {known[0].where} but {there} in {other.where}; "
                    "compare heads that were evaluated alike"
                )
