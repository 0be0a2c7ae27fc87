"""What Windows' own engine tells of a package in variables: which version and which content.

Microsoft documents neither variable; both are observed. So a value in another form counts as none.
"""

from __future__ import annotations

from dlcore.hook.environment import TaskSequenceEnvironment
from dlcore.hook.package_hash import told_hash


def told_version(environment: TaskSequenceEnvironment, package_id: str) -> int | None:
    """The source version of a package; None if it is not told.

    Args:
        environment: The task sequence's variables.
        package_id: The package.

    Raises:
        EnvironmentUnavailableError: The variables cannot be had any more.
    """
    version = environment.get(f"_SMSTSSourceVersion{package_id}").strip()
    is_number = version.isascii() and version.isdigit() and len(version) <= 9  # digits: an int32
    return int(version) if is_number else None


def told_content_hash(environment: TaskSequenceEnvironment, package_id: str) -> str:
    """The package content hash, in upper-case hex; empty if it is not told.

    Args:
        environment: The task sequence's variables.
        package_id: The package.

    Raises:
        EnvironmentUnavailableError: The variables cannot be had any more.
    """
    return told_hash(environment.get(f"_SMSTSPkgHash{package_id}"))
