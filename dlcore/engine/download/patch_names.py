"""What the patches of a package are called among the packages that are downloaded."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from typing import Final

_SUFFIX: Final = " (patches)"  # no package id and no file name of a fetch ends like this


def patches_of(package_id: str) -> str:
    """The name of a package's patches."""
    return package_id + _SUFFIX


def package_of(name: str) -> str:
    """The id of the package that a name stands for: the package itself, or its patches."""
    return name.removesuffix(_SUFFIX)


def with_patches(package_ids: Sequence[str]) -> Iterator[str]:
    """Each package with its patches before it."""
    for package_id in package_ids:
        yield patches_of(package_id)
        yield package_id


class WithPatches(Container[str]):
    """Some packages, with their patches."""

    def __init__(self, package_ids: Container[str]) -> None:
        self._package_ids = package_ids

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and package_of(name) in self._package_ids
