"""Gathers the facts that preflight judges: asks the catalog, every endpoint and the disk.

Guarantees: fetches no content but the first byte of each package, which proves that an endpoint
really serves it; a question that fails becomes a fact, never an error of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Mapping, Sequence

from dlcore.deployment import (
    Answer,
    Check,
    CheckOutcome,
    Facts,
    TooLong,
    checks,
    failed,
)
from dlcore.engine.built_in_variables import initial_variables
from dlcore.engine.client import Client
from dlcore.engine.download.library import Library
from dlcore.engine.one_byte import read_one_byte
from dlcore.engine.overview import look_over, obstacles
from dlcore.engine.path_lengths import too_long
from dlcore.errors import DlcoreError, ExhaustedError, Fault, TransferError, TrustError
from dlcore.model import Manifest
from dlcore.steps.interface import Executor
from dlcore.steps.simulation import SimulatingExecutor
from dlcore.store import space_at
from dlcore.tasksequence import TaskSequence
from dlcore.tasksequence.step_types import UPGRADE
from dlcore.transfer import Endpoint
from dlcore.waiting import in_thread

_log = logging.getLogger(__name__)


async def preflight(
    client: Client, sequence: TaskSequence, executor: Executor | None = None
) -> tuple[Check, ...]:
    """Check every prerequisite of running a sequence on demand.

    Args:
        client: Open; the state directory is only read, also while another process holds it.
        sequence: What is to run.
        executor: What would run its steps; None if the caller runs them. Then it is not examined
            whether they can be run.

    Raises:
        TrustError: The signatures do not prove that the catalog is the publisher's.
        TaskSequenceError: A text in the sequence becomes too long when it is expanded.
    """
    found = checks(await gather(client, sequence, executor))
    missing = [check.name for check in failed(found)]
    for outcome in CheckOutcome:
        named = [check.name for check in found if check.outcome is outcome]
        if named:
            _log.info("%d checks %s: %s", len(named), outcome, ", ".join(named))
    if missing:
        _log.error("prerequisites that are missing: %s", ", ".join(missing))
    return found


async def gather(
    client: Client,
    sequence: TaskSequence,
    executor: Executor | None = None,
    *,
    has_limit: bool = sys.platform == "win32",
) -> Facts:
    """Collect the facts that the checks judge; arguments and errors as of `preflight`.

    Args:
        client: As there.
        sequence: As there.
        executor: As there.
        has_limit: Whether programs on this system cannot open long paths.
    """
    variables = await in_thread(
        initial_variables, sequence, client.deployment, client.state, client.machine
    )
    start = (sequence, variables, client.judge())
    overview = await in_thread(look_over, *start)
    packages = tuple(dict.fromkeys(need.package_id for need in overview.needs))
    catalog: Answer
    catalog_remedy = ""
    holdings: dict[str, Answer] = {}
    holding_remedies: dict[str, str] = {}
    fetch_bytes = 0
    programs: dict[str, Mapping[str, str]] = {}
    lengths: tuple[TooLong, ...] | None = None
    try:
        library = await client.library()
    except TrustError:
        raise  # content that nothing vouches for is not judged any further
    except DlcoreError as error:
        catalog, catalog_remedy = error.message, error.remedy
    else:
        catalog = frozenset(library.catalog.packages)
        listed = [package for package in packages if package in catalog]
        asked = [each for each in client.endpoints if client.boundaries.possible(each.name)]
        holdings, holding_remedies = await _holdings(asked, library, listed)
        fetch_bytes = await _fetch_bytes(client, library, listed)
        if not isinstance(executor, SimulatingExecutor):  # it runs no program
            programs = await _programs(library, listed)
        if has_limit:
            lengths = await _too_long(client, library, listed)
    hindered = obstacles(*start, executor, programs) if executor else None
    space = await in_thread(space_at, client.state)
    return Facts(
        deployment=client.deployment,
        upgrade_steps=tuple(s.name for s in sequence.steps if s.enabled and s.type == UPGRADE),
        needs=overview.needs,
        unresolved=overview.unresolved,
        catalog=catalog,
        catalog_remedy=catalog_remedy,
        holdings=holdings,
        holding_remedies=holding_remedies,
        fetch_bytes=fetch_bytes,
        free_bytes=space.free_bytes,
        reserve_bytes=client.reserve.of(space.disk_bytes),
        state_path=client.state,
        obstacles=hindered,
        simulated=isinstance(executor, SimulatingExecutor),
        missing_children=overview.missing_children,
        untold=overview.untold,
        too_long=lengths,
        unexplained=overview.unexplained,
        place=client.boundaries.place,
        undescribed=_undescribed(client, packages),
    )


def _undescribed(client: Client, packages: Sequence[str]) -> dict[str, str]:
    troubles = {package: client.catalogs.stated.trouble(package) for package in packages}
    return {package: trouble.message for package, trouble in troubles.items() if trouble}


async def _holdings(
    endpoints: Sequence[Endpoint], library: Library, packages: Sequence[str]
) -> tuple[dict[str, Answer], dict[str, str]]:
    """What each endpoint really serves, or why it cannot be asked; and what helps against that."""
    manifests: list[Manifest] = []
    complaints: dict[str, list[TransferError]] = {endpoint.name: [] for endpoint in endpoints}
    for package in packages:
        try:
            manifests.append((await library.manifest(package))[0])
        except ExhaustedError as error:
            for cause in error.causes:
                complaints.setdefault(cause.endpoint, []).append(cause)
        except DlcoreError:
            pass  # then no endpoint has the package
    answers = await asyncio.gather(
        *(_holding(each, library, manifests, complaints[each.name]) for each in endpoints)
    )
    remedies = {name: told[0].remedy for name, told in complaints.items() if told}
    return {e.name: answer for e, answer in zip(endpoints, answers, strict=True)}, remedies


async def _programs(library: Library, packages: Sequence[str]) -> dict[str, Mapping[str, str]]:
    """What was published with the packages whose manifest can be read."""
    programs: dict[str, Mapping[str, str]] = {}
    for package in packages:
        with contextlib.suppress(DlcoreError):  # that no endpoint has it is told elsewhere
            programs[package] = (await library.manifest(package))[0].programs
    return programs


async def _too_long(
    client: Client, library: Library, packages: Sequence[str]
) -> tuple[TooLong, ...]:
    found: list[TooLong | None] = []
    for package in packages:
        with contextlib.suppress(DlcoreError):  # that no endpoint has it is told elsewhere
            entry = library.entry(package)
            folder = client.store.content_folder(package, entry.version, entry.manifest)
            found.append(too_long(str(folder), (await library.manifest(package))[0]))
    return tuple(filter(None, found))


async def _holding(
    endpoint: Endpoint,
    library: Library,
    manifests: Sequence[Manifest],
    complaints: list[TransferError],
) -> Answer:
    """What it serves; if that is nothing, why, unless it just has nothing.

    Args:
        endpoint: Is asked.
        library: Asks it.
        manifests: What it is asked for.
        complaints: How it has failed up to now; what it fails with here is added.
    """

    async def ask(manifest: Manifest) -> str:
        try:
            return manifest.package_id if await _serves(endpoint, library, manifest) else ""
        except TransferError as error:
            complaints.append(error)
            return ""

    held = frozenset(filter(None, await asyncio.gather(*map(ask, manifests))))
    complaints[:] = [error for error in complaints if error.fault is not Fault.NOT_FOUND]
    if held or not complaints:
        return held
    return complaints[0].message.removeprefix(f"{endpoint.name}: ")


async def _serves(endpoint: Endpoint, library: Library, manifest: Manifest) -> bool:
    """Whether every object is there, as far as locating them and one byte tell."""
    placement = await library.place(endpoint, manifest)
    if len(placement.held) < len(manifest.objects):
        return False
    if manifest.objects:
        await read_one_byte(placement, 0)
    return True


async def _fetch_bytes(client: Client, library: Library, packages: Sequence[str]) -> int:
    """Content that needs room on disk which it does not have yet."""
    total = 0
    for package in packages:
        entry = library.entry(package)
        reserved = await in_thread(
            client.store.reserved_bytes, package, entry.manifest, entry.version
        )
        total += max(0, entry.content_bytes - reserved)
    return total
