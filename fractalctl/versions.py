"""Versions of what computed a result, for the files that record it."""

from importlib.metadata import version
from platform import python_version

PACKAGES = ("fractalctl", "torch", "numpy", "scipy", "h5py")


def versions() -> dict[str, str]:
    """Version of Python and of each package that numbers depend on, without importing any."""
    return {"python": python_version(), **{package: version(package) for package in PACKAGES}}
