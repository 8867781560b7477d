"""Versions of what computed a result, for the files that record it."""

from functools import cache
from importlib.metadata import version
from platform import python_version

PACKAGES = ("fractalctl", "torch", "numpy", "scipy", "h5py")


def versions() -> dict[str, str]:
    """Version of Python and of each package that numbers depend on, without importing any."""
    return {"python": python_version(), **{package: _version(package) for package in PACKAGES}}


_version = cache(version)
"""Read from a package's metadata once: files that record versions may be many."""
