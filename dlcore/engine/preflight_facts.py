"""Gathers the facts that preflight judges: asks the catalog, every endpoint and the disk.

Guarantees: fetches no content but the first byte of each package, which proves that an endpoint
really serves it; a question that fails becomes a fact, never an error of its own.
"""

from __future__ import annotations

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
from dlcore.engine.client import Client
from dlcore.engine.download.package_index import PackageIndex
from dlcore.engine.endpoint_holdings import Holdings, look_at_holdings
from dlcore.engine.path_lengths import too_long
from dlcore.engine.running.built_in_variables import initial_variables
from dlcore.engine.running.steps_overview import look_over, obstacles
from dlcore.errors import DlcoreError, TrustError
from dlcore.steps.interface import Executor
from dlcore.steps.simulation import SimulatingExecutor
from dlcore.store import space_at
from dlcore.tasksequence import TaskSequence
from dlcore.tasksequence.step_types import UPGRADE
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
    """Collect the facts that the checks judge. It raises what `preflight` raises.

    Args:
        client: Open.
        sequence: What is to run.
        executor: What is to run its steps; None: whether they can be run is not judged.
        has_limit: Whether programs on this system cannot open long paths.
    """
    variables = await in_thread(
        initial_variables, sequence, client.deployment, client.state, client.machine
    )
    judge = client.judge()
    overview = await in_thread(look_over, sequence, variables, judge)
    packages = tuple(dict.fromkeys(need.package_id for need in overview.needs))
    catalog: Answer
    catalog_remedy = ""
    holdings = Holdings({}, {})
    fetch_bytes = 0
    programs: dict[str, Mapping[str, str]] = {}
    lengths: tuple[TooLong, ...] | None = None
    try:
        package_index = await client.package_index()
    except TrustError:
        raise  # content that nothing vouches for is not judged any further
    except DlcoreError as error:
        catalog, catalog_remedy = error.message, error.remedy
    else:
        catalog = frozenset(package_index.catalog.packages)
        listed = [package for package in packages if package in catalog]
        asked = [each for each in client.endpoints if client.boundaries.possible(each.name)]
        holdings = await look_at_holdings(asked, package_index, listed)
        fetch_bytes = await _fetch_bytes(client, package_index, listed)
        if not isinstance(executor, SimulatingExecutor):  # it runs no program
            programs = await _programs(package_index, listed)
        if has_limit:
            lengths = await _too_long(client, package_index, listed)
    hindered = obstacles(sequence, variables, judge, executor, programs) if executor else None
    space = await in_thread(space_at, client.state)
    return Facts(
        deployment=client.deployment,
        upgrade_steps=tuple(s.name for s in sequence.steps if s.enabled and s.type == UPGRADE),
        needs=overview.needs,
        unresolved=overview.unresolved,
        catalog=catalog,
        catalog_remedy=catalog_remedy,
        holdings=holdings.answers,
        holding_remedies=holdings.remedies,
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
    return {p: f"{e.message}. {e.remedy}".rstrip() for p, e in troubles.items() if e}


async def _programs(
    package_index: PackageIndex, packages: Sequence[str]
) -> dict[str, Mapping[str, str]]:
    """What was published with the packages whose manifest can be read."""
    programs: dict[str, Mapping[str, str]] = {}
    for package in packages:
        with contextlib.suppress(DlcoreError):  # that no endpoint has it is told elsewhere
            programs[package] = (await package_index.manifest(package))[0].programs
    return programs


async def _too_long(
    client: Client, package_index: PackageIndex, packages: Sequence[str]
) -> tuple[TooLong, ...]:
    found: list[TooLong | None] = []
    for package in packages:
        with contextlib.suppress(DlcoreError):  # that no endpoint has it is told elsewhere
            entry = package_index.entry(package)
            folder = client.store.content_folder(package, entry.version, entry.manifest)
            found.append(too_long(str(folder), (await package_index.manifest(package))[0]))
    return tuple(filter(None, found))


async def _fetch_bytes(client: Client, package_index: PackageIndex, packages: Sequence[str]) -> int:
    """Content that needs room on disk which it does not have yet."""
    total = 0
    for package in packages:
        entry = package_index.entry(package)
        reserved = await in_thread(
            client.store.reserved_bytes, package, entry.version, entry.manifest
        )
        total += max(0, entry.content_bytes - reserved)
    return total
