"""What a version of a package is called among the downloads, if it is not the current one.

The current version has the name of its package, its id. A run goes on with the version that it
began with: if another one is current since, both may be fetched at the same time.
"""

from __future__ import annotations

from typing import Final

_MARK: Final = "@"  # not part of a package id
_DIGITS: Final = 16  # as in the name of its folder


def version_name(package_id: str, manifest_digest: str) -> str:
    """The name of one version of a package: its id and the beginning of its manifest's digest."""
    return f"{package_id}{_MARK}{manifest_digest[:_DIGITS]}"


def package_id_of(name: str) -> str:
    """The package that a name belongs to."""
    return name.partition(_MARK)[0]
