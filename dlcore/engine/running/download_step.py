r"""The step *Download Package Content*: puts packages where later steps expect them.

Three destinations, as the step defines them:

* ``TSCache``: the package stays in the state directory's store, which is the task sequence cache.
* ``CCMCache``: a copy in the client cache, the folder that ``_SMSTSClientCache`` names.
* ``Custom``: a copy in ``OSDDownloadDestinationPath``, in a folder named by the package id.

The paths are saved in the variables ``<OSDDownloadDestinationVariable>01``, ``02``, ... in the
order of the list, and the folder that they are in under the name without a number. If a package
fails, the step goes on with the next one unless ``OSDDownloadContinueDownloadOnError`` is false.

A copy is made by the store, block by block: each is compared with its SHA-256 in memory, written
and synced, and the copy gets its name in one step. A right copy that is there is recognized by
hashing it. A wrong one is replaced if it is dlcore's, else refused by name
(`engine.delivery.target`).
Unlike the original, which moves, a package is copied: a later step may need it too, and it would
have to be downloaded again.

Source: Microsoft Learn, "Task sequence steps: Download Package Content" and "Task sequence
variables" of the same step.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from dlcore.engine.delivery.copying import Copying
from dlcore.engine.delivery.deliveries import Deliveries
from dlcore.engine.delivery.delivering import deliver
from dlcore.engine.delivery.own_folder import OwnFolder
from dlcore.engine.policy import EnginePolicy
from dlcore.errors import ConfigError, DlcoreError, StorageError
from dlcore.printable import quoted
from dlcore.steps.interface import CANNOT_RUN, Outcome
from dlcore.store import Package
from dlcore.tasksequence import Step, StepParameters, Variables
from dlcore.tasksequence.set_variable import is_read_only
from dlcore.tasksequence.step_types import DOWNLOAD_VARIABLE

_STOPS = frozenset({"false", "0"})
"""Values of ``OSDDownloadContinueDownloadOnError``; scripts that run the program set numbers."""


class Stored(NamedTuple):
    """A package in the store.

    Attributes:
        folder: Its content folder, complete and verified.
        package: What it is.
    """

    folder: Path
    package: Package


_QUOTED = re.compile(r"%[^%\s]+%")

PackagesOrErrors = Mapping[str, Stored | DlcoreError]
"""Package id -> the package, or why it could not be fetched."""


async def download_content(
    step: Step, variables: Variables, arrived: PackagesOrErrors, deliveries: Deliveries
) -> Outcome:
    """Run the step.

    Args:
        step: One for which `is_download` is true.
        variables: Read, and given the paths.
        arrived: What became of each of the step's packages, in the step's order.
        deliveries: Knows which copies are dlcore's own.

    Raises:
        ConfigError: The step does not say where the packages go.
        StorageError: The local disk failed.
    """
    parameters = StepParameters(step, variables)
    wish = parameters.expanded("OSDDownloadContinueDownloadOnError").strip().lower()
    prefix = parameters.expanded(DOWNLOAD_VARIABLE).strip()
    if is_read_only(prefix):
        raise ConfigError(
            f"step {quoted(step.name)}: {DOWNLOAD_VARIABLE} is {quoted(prefix)},"
            " which is read-only",
            remedy="Give the variable a name that begins with a letter.",
        )
    failures: list[str] = []
    parent = _parent(step, parameters, Path(variables.get("_SMSTSMDataPath", "")))
    for number, (package, stored) in enumerate(arrived.items(), start=1):
        try:
            folder = await _place(package, stored, parent, deliveries)
        except StorageError:
            raise
        except DlcoreError as error:
            failures.append(error.message)
            if wish in _STOPS:
                break
            continue
        variables[f"_SMSTSPackageCacheLocation{package}"] = str(folder)
        if prefix:
            variables[prefix] = str(parent or folder.parent.parent)
            variables[f"{prefix}{number:02}"] = str(folder)
    return Outcome(CANNOT_RUN, message="; ".join(failures)) if failures else Outcome()


def _parent(step: Step, parameters: StepParameters, work: Path) -> Path | None:
    """The folder in which the step's packages get folders; None if they stay in the store.

    A relative path begins in the folder in which the commands of steps start.

    Raises:
        ConfigError: The step does not say where.
    """
    kind = parameters.expanded("OSDDownloadDestinationLocationType") or "TSCache"
    if kind.lower() == "tscache":
        return None
    name = {"ccmcache": "_SMSTSClientCache", "custom": "OSDDownloadDestinationPath"}.get(
        kind.lower()
    )
    if name is None:
        raise ConfigError(
            f"step {quoted(step.name)}: unknown destination {quoted(kind)}",
            remedy="The step knows TSCache, CCMCache and Custom.",
        )
    parent = parameters.expanded(name).strip()
    if not parent:
        raise ConfigError(
            f"step {quoted(step.name)}: the destination {kind} needs a path, and {name} is empty",
            remedy=f"Set {name} in the step or under [variables].",
        )
    missing = _QUOTED.search(parent)
    if missing:
        raise ConfigError(
            f"step {quoted(step.name)}: the path in {name} quotes {missing[0]}, which is not set",
            remedy=f"Set the variable in an earlier step or under [variables], or correct {name}.",
        )
    return work / parent


async def _place(
    package: str, stored: Stored | DlcoreError, parent: Path | None, deliveries: Deliveries
) -> Path:
    """Put a package at the step's destination. Returns its folder there.

    Raises:
        DlcoreError: It could not be fetched, its folder holds what is not dlcore's, or the disk
            failed.
    """
    if isinstance(stored, DlcoreError):
        raise stored
    if parent is None:
        return stored.folder
    folder = parent / package
    goal = OwnFolder(folder, deliveries)
    await deliver(
        goal, stored.package, Copying(stored.folder, stored.package), EnginePolicy().max_copy_wait_s
    )
    return folder
