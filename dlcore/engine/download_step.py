r"""The step *Download Package Content*: puts packages where later steps expect them.

Three destinations, as the step defines them:

* ``TSCache``: the package stays in the state directory's store, which is the task sequence cache.
* ``CCMCache``: a copy in the client cache, the folder that ``_SMSTSClientCache`` names.
* ``Custom``: a copy in ``OSDDownloadDestinationPath``, in a folder named by the package id.

The paths are saved in the variables ``<OSDDownloadDestinationVariable>01``, ``02``, ... in the
order of the list. If a package fails, the step goes on with the next one
unless ``OSDDownloadContinueDownloadOnError`` is false.

A copy appears under its name by one rename, complete. Unlike the original, which moves, a package
is copied: a later step may need it too, and it would have to be downloaded again.

Source: Microsoft Learn, "Task sequence steps: Download Package Content" and "Task sequence
variables" of the same step.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path

from dlcore.engine.disk import guarded
from dlcore.engine.executor import CANNOT_RUN, Outcome
from dlcore.errors import ConfigError, DlcoreError
from dlcore.store.files import Files
from dlcore.tasksequence import Step, Variables
from dlcore.waiting import in_thread

Arrived = Mapping[str, Path | DlcoreError]
"""Package id -> its folder in the store, or why it could not be fetched."""


async def download_content(step: Step, variables: Variables, arrived: Arrived) -> Outcome:
    """Run the step.

    Args:
        step: Of the type `step_types.DOWNLOAD_CONTENT`.
        variables: Read, and given the paths.
        arrived: What became of each of the step's packages, in the step's order.

    Raises:
        ConfigError: The step does not say where the packages go.
        StorageError: The local disk failed.
    """
    goes_on = _parameter(step, variables, "OSDDownloadContinueDownloadOnError").lower() != "false"
    prefix = _parameter(step, variables, "OSDDownloadDestinationVariable")
    failures: list[str] = []
    for number, (package, stored) in enumerate(arrived.items(), start=1):
        if isinstance(stored, DlcoreError):
            failures.append(stored.message)
            if not goes_on:
                break
            continue
        folder = await _place(step, variables, package, stored)
        variables[f"_SMSTSPackageCacheLocation{package}"] = str(folder)
        if prefix:
            variables[f"{prefix}{number:02}"] = str(folder)
    return Outcome(CANNOT_RUN, message="; ".join(failures)) if failures else Outcome()


async def _place(step: Step, variables: Variables, package: str, stored: Path) -> Path:
    """Put a package at the step's destination.

    Raises:
        ConfigError: The step does not say where.
    """
    kind = _parameter(step, variables, "OSDDownloadDestinationLocationType") or "TSCache"
    if kind.lower() == "tscache":
        return stored
    name = {"ccmcache": "_SMSTSClientCache", "custom": "OSDDownloadDestinationPath"}.get(
        kind.lower()
    )
    if name is None:
        raise ConfigError(
            f"step {step.name!r}: unknown destination {kind!r}",
            remedy="The step knows TSCache, CCMCache and Custom.",
        )
    parent = _parameter(step, variables, name)
    if not parent:
        raise ConfigError(
            f"step {step.name!r}: the destination {kind} needs a path, and {name} is empty",
            remedy=f"Set {name} in the step or under [variables].",
        )
    destination = Path(parent) / package
    await in_thread(copy_tree, stored, destination)
    return destination


def copy_tree(source: Path, destination: Path) -> None:
    """Copy a folder to a place where it appears complete and durable, or not at all.

    Replaces an old one.

    Raises:
        StorageError: The disk failed; the old one may still be there.
    """
    temporary = destination.with_name(f".{destination.name}.{uuid.uuid4().hex[:8]}")
    with guarded(f"copy a package to {destination}", destination.parent):
        destination.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copytree(source, temporary, copy_function=_copy_durably)
            if destination.exists():
                shutil.rmtree(destination)
            temporary.rename(destination)
            Files().sync_folder(destination.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _copy_durably(source: str, destination: str) -> None:
    """The state on disk will say that the step has run, so its work must be there as well."""
    shutil.copyfile(source, destination)
    with Path(destination).open("rb+") as file:
        os.fsync(file.fileno())


def _parameter(step: Step, variables: Variables, name: str) -> str:
    """A parameter of the step; a task sequence variable of that name overrides it."""
    value = variables.get(name) or step.variables.get(name, "")
    return variables.expand(value)
