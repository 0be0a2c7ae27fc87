"""Serves one call: waits for the package, compares it with what Windows asks for, and places it.

The order matters. The version and the hash that Windows asks for are compared before anything
appears at the destination: content that Windows would reject is left to its own downloader.
"""

from __future__ import annotations

import time
from pathlib import Path

from dlcore.agent.interface import Want
from dlcore.engine.delivery.apart import check_apart
from dlcore.engine.numbers_for_people import amount, duration
from dlcore.errors import DlcoreError, IntegrityError, NotFoundError, UnexpectedContentError
from dlcore.hook.contract import Call
from dlcore.hook.destination import AtDestination, put_package
from dlcore.hook.environment import TaskSequenceEnvironment
from dlcore.hook.log import HookLog
from dlcore.hook.obtaining import Obtained, Obtaining, OpenOwnFetch, Reach
from dlcore.hook.own_fetch import own_fetch
from dlcore.hook.position import sequence_point
from dlcore.hook.reach import reach_agent
from dlcore.hook.settings import HookPolicy, HookSettings
from dlcore.hook.stated_package import stated_content_hash, stated_packages, stated_version
from dlcore.manifest import content_hash, has_content_hash
from dlcore.store import folder_digests
from dlcore.waiting import in_thread

WANT = "task-sequence"  # one runs at a time, so that a later call replaces what was wanted


class Serving:
    """Serves one call.

    Args:
        call: What is asked for.
        environment: The running task sequence's variables.
        settings: How.
        policy: The hook's constants.
        log: Told what happens.
        records: Folder of the records of what dlcore put where.
        reach: Finds the agent, or starts one.
        open_own_fetch: Opens what fetches in this process.
    """

    def __init__(
        self,
        call: Call,
        environment: TaskSequenceEnvironment,
        settings: HookSettings,
        policy: HookPolicy,
        log: HookLog,
        records: Path,
        *,
        reach: Reach = reach_agent,
        open_own_fetch: OpenOwnFetch = own_fetch,
    ) -> None:
        self._call = call
        self._environment = environment
        self._settings = settings
        self._policy = policy
        self._log = log
        self._records = records
        self._reach = reach
        self._open_own_fetch = open_own_fetch

    async def run(self) -> None:
        """Have the package at its destination.

        Raises:
            DlcoreError: It is not there, for the reason that the error gives.
        """
        check_apart(self._call.destination, self._settings.state)
        obtaining = self._obtaining()
        try:
            await self._deliver(obtaining)
        except DlcoreError:
            await obtaining.step_back()
            raise

    async def _deliver(self, obtaining: Obtaining) -> None:
        began_s = time.monotonic()
        for left in reversed(range(self._policy.max_altered + 1)):
            obtained = await obtaining.run()
            waited_s = time.monotonic() - began_s
            await self._check_hash(obtained)
            try:
                placed = await self._place(obtained)
            except UnexpectedContentError:
                raise
            except IntegrityError as error:
                if not left:
                    raise
                self._log.write(f"Obtained again: {error.message.rstrip('.')}.")
            else:
                break
        self._tell(obtained, placed, waited_s, time.monotonic() - began_s)

    def _obtaining(self) -> Obtaining:
        package_id = self._call.package_id
        point = None
        if self._settings.looks_ahead:
            found = sequence_point(self._environment, package_id)
            point = found.point
            self._log.write(f"{'Look-ahead' if point else 'No look-ahead'}: {found.note}.")
        stated = stated_packages(self._environment) if self._settings.checks_hash else {}
        return Obtaining(
            Want(WANT, (package_id,), point, stated=stated),
            stated_version(self._environment, package_id),
            self._settings,
            self._policy,
            self._log,
            self._reach,
            self._open_own_fetch,
        )

    async def _check_hash(self, obtained: Obtained) -> None:
        if not self._settings.checks_hash:
            return
        told = stated_content_hash(self._environment, self._call.package_id)
        if not told:
            return
        found = await in_thread(folder_digests, obtained.folder)
        if not has_content_hash(found, told):
            raise NotFoundError(
                f"Windows asks for the content with the hash {told}, and the catalog's version"
                f" {obtained.version} has {content_hash(found)}",
                remedy="Publish what the distribution points have; or, if that is the same, set"
                " DLCORE_HOOK_CHECK_HASH to false.",
            )

    async def _place(self, obtained: Obtained) -> AtDestination:
        return await put_package(
            self._call.package_id,
            obtained,
            self._call.destination,
            self._records,
            self._policy.copy_wait_s,
        )

    def _tell(
        self, obtained: Obtained, placed: AtDestination, waited_s: float, all_s: float
    ) -> None:
        package = f"Package {self._call.package_id} version {obtained.version}"
        place = f"{self._call.destination}"
        if placed.was_there:
            self._log.write(f"{package} was at {place} already, and is right.")
            return
        self._log.write(
            f"{package} is at {place}: {amount(placed.content_bytes)}, each block verified;"
            f" waited {duration(waited_s)} for {obtained.by}, copied in"
            f" {duration(all_s - waited_s)}."
        )
