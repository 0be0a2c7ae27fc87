"""What Windows' own engine tells of a package in variables: which version and which content.

Microsoft documents neither variable; both are observed. So a value in another form is ignored.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dlcore.agent.interface import StatedContent
from dlcore.hook.environment import TaskSequenceEnvironment
from dlcore.hook.package_hash import hash_in
from dlcore.package_ids import package_id as package_id_of

_HASH: Final = "_SMSTSPkgHash"


def stated_version(environment: TaskSequenceEnvironment, package_id: str) -> int | None:
    """The source version of a package; None if it is not told.

    Args:
        environment: The task sequence's variables.
        package_id: The package.

    Raises:
        EnvironmentUnavailableError: The variables can no longer be read.
    """
    version = environment.get(f"_SMSTSSourceVersion{package_id}").strip()
    is_number = version.isascii() and version.isdigit() and len(version) <= 9  # digits: an int32
    return int(version) if is_number else None


def stated_content_hash(environment: TaskSequenceEnvironment, package_id: str) -> str:
    """The package content hash, in upper-case hex; empty if it is not told.

    Args:
        environment: The task sequence's variables.
        package_id: The package.

    Raises:
        EnvironmentUnavailableError: The variables can no longer be read.
    """
    return hash_in(environment.get(f"{_HASH}{package_id}"))


def stated_packages(environment: TaskSequenceEnvironment) -> dict[str, StatedContent]:
    """All packages whose content hash is told, by package id; version 0 means an unknown version.

    Args:
        environment: The task sequence's variables.

    Raises:
        EnvironmentUnavailableError: The variables can no longer be read.
    """
    return {
        package_id: StatedContent(told, stated_version(environment, package_id) or None)
        for package_id in _with_hash(environment)
        if (told := stated_content_hash(environment, package_id))
    }


def _with_hash(environment: TaskSequenceEnvironment) -> Iterator[str]:
    for name in environment.names():
        if name.lower().startswith(_HASH.lower()) and (own := package_id_of(name[len(_HASH) :])):
            yield own
