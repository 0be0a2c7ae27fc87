"""Waits for one package: from the agent, from another one if that is lost, else by itself.

Guarantees: an agent that is silent, dies or hangs costs a bounded time. The wait ends when nothing
of the package has arrived for `HookSettings.stall_s`, or after `HookSettings.wait_s`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import NamedTuple, Protocol

from msgspec import structs

from dlcore.agent.interface import ContentAgent, PackageStatus, Priority, StatedContent, Want
from dlcore.engine.numbers_for_people import amount, part_of
from dlcore.errors import AgentError, DlcoreError, NotFoundError
from dlcore.hook.log import HookLog
from dlcore.hook.reach import answer, check_config
from dlcore.hook.settings import HookPolicy, HookSettings
from dlcore.waiting import cancel_and_wait


class PackageSource(Protocol):
    """What hands out packages: an agent (`ContentAgent`), or a client in this process."""

    async def look(self) -> None:
        """Look at the site's catalog, unless that was done a moment ago."""
        ...

    async def obtain(self, package_id: str) -> Path:
        """Wait for a package, proven; see `ContentAgent.obtain`."""
        ...

    async def package(self, package_id: str) -> PackageStatus:
        """Where it stands."""
        ...


class NotInTimeError(DlcoreError):
    """A package did not arrive in time. What has arrived stays with the agent."""


class Obtained(NamedTuple):
    """A package that is there.

    Attributes:
        folder: Its files. It belongs to the agent, and nothing in it is believed yet.
        version: Its version; None if that is not known.
        manifest_digest: SHA-256 of its manifest, hex.
        by: Who fetched it, for people.
    """

    folder: Path
    version: int | None
    manifest_digest: str
    by: str


Reach = Callable[[HookSettings, HookPolicy], AbstractAsyncContextManager[ContentAgent]]
OpenOwnFetch = Callable[
    [Path, Path, Mapping[str, StatedContent]], AbstractAsyncContextManager[PackageSource]
]


class Obtaining:
    """The wait for a package.

    Args:
        want: What the agent is to have from now on; its first package is the one to wait for.
        wanted_version: The version that Windows asks for; None if it does not say.
        settings: How long to wait, and where the agent is.
        policy: The hook's constants.
        log: Told of progress.
        reach: Finds the agent, or starts one.
        open_own_fetch: Opens what fetches in this process.
    """

    def __init__(
        self,
        want: Want,
        wanted_version: int | None,
        settings: HookSettings,
        policy: HookPolicy,
        log: HookLog,
        reach: Reach,
        open_own_fetch: OpenOwnFetch,
    ) -> None:
        self._want = want
        self._package_id = want.packages[0]
        self._wanted_version = wanted_version
        self._settings = settings
        self._policy = policy
        self._log = log
        self._reach = reach
        self._open_own_fetch = open_own_fetch
        self._has_told = False
        self._verified_bytes: int | None = None
        self._progressed_s = 0.0

    async def run(self) -> Obtained:
        """Wait for the package.

        Raises:
            NotInTimeError: It did not arrive in time.
            NotFoundError: The catalog has no such package, or not the version that is asked for.
            DlcoreError: As `Client.fetch`.
        """
        try:
            async with asyncio.timeout(self._settings.wait_s or None):
                return await self._run()
        except TimeoutError:
            raise NotInTimeError(
                f"it did not arrive within {self._settings.wait_s:g} s",
                remedy="DLCORE_HOOK_WAIT_S says how long to wait.",
            ) from None

    async def step_back(self) -> None:
        """Leave the link to Windows' own downloader, if the agent was told what is wanted.

        What later steps need goes on arriving, with what that leaves unused, until the next call.
        """
        if not self._has_told:
            return
        want = structs.replace(self._want, packages=(), priority=Priority.BACKGROUND)
        with contextlib.suppress(DlcoreError):
            async with self._reach(self._settings, self._policy) as agent:
                await answer(agent.want(want), self._policy)

    async def _run(self) -> Obtained:
        self._progressed_s = _now_s()
        losses = 0
        while True:
            try:
                async with self._reach(self._settings, self._policy) as agent:
                    await self._tell_want(agent)
                    return await self._from(agent, "the agent", self._policy)
            except AgentError as error:
                losses += 1
                if losses <= self._policy.max_agent_losses:
                    continue
                reason = error.message
            check_config(self._settings)
            self._log.write(f"Fetching without an agent: {reason.rstrip('.')}.")
            settings, stated = self._settings, self._want.stated
            async with self._open_own_fetch(settings.config, settings.state, stated) as own:
                return await self._from(own, "this process", None)

    async def _tell_want(self, agent: ContentAgent) -> None:
        """Say what is wanted; if the sequence is too much for the agent, only the package."""
        self._has_told = False
        try:
            await answer(agent.want(self._want), self._policy)
        except AgentError:
            raise
        except DlcoreError as error:
            self._log.write(f"No look-ahead: {error.message}")
            self._want = structs.replace(self._want, sequence=None)
            await answer(agent.want(self._want), self._policy)
        self._has_told = True

    async def _from(self, source: PackageSource, by: str, policy: HookPolicy | None) -> Obtained:
        """Wait for the package, and note its progress from time to time.

        Args:
            source: What hands it out.
            by: What that is, for people.
            policy: Bounds the time of its answers; None if it needs none.
        """
        obtaining = asyncio.ensure_future(source.obtain(self._package_id))
        try:
            while not obtaining.done():
                await self._look(source, policy)
                await asyncio.wait([obtaining], timeout=self._policy.progress_s)
            folder = obtaining.result()
        finally:
            await cancel_and_wait([obtaining])
        status = await self._status(source, policy)
        self._check_version(status)
        if status.catalog_trouble:
            self._log.write(
                f"The site's current catalog cannot be read ({status.catalog_trouble.message}):"
                f" version {status.version} is that of the catalog that was used last."
            )
        return Obtained(folder, _version(status), status.manifest_digest, by)

    async def _look(self, source: PackageSource, policy: HookPolicy | None) -> None:
        status = await self._status(source, policy)
        if self._is_other(status):
            await (answer(source.look(), policy) if policy else source.look())
            status = await self._status(source, policy)
            self._check_version(status)
        if status.verified_bytes != self._verified_bytes:
            self._verified_bytes = status.verified_bytes
            self._progressed_s = _now_s()
            self._log.write(f"Package {self._package_id}: {_progress(status)}.")
        elif _now_s() - self._progressed_s >= self._settings.stall_s:
            raise NotInTimeError(
                f"nothing of it arrived for {self._settings.stall_s:g} s ({_progress(status)})"
                f"{': ' + status.trouble.message if status.trouble else ''}",
                remedy="DLCORE_HOOK_STALL_S says how long to wait.",
            )

    async def _status(self, source: PackageSource, policy: HookPolicy | None) -> PackageStatus:
        question = source.package(self._package_id)
        return await (answer(question, policy) if policy else question)

    def _is_other(self, status: PackageStatus) -> bool:
        """Whether Windows asks for another version than the catalog has."""
        return self._wanted_version is not None and _version(status) not in (
            None,
            self._wanted_version,
        )

    def _check_version(self, status: PackageStatus) -> None:
        """Refuse another version than Windows asks for.

        Raises:
            NotFoundError: It is another one.
        """
        if not self._is_other(status):
            return
        wanted, version = self._wanted_version, _version(status)
        if status.catalog_trouble:
            raise NotFoundError(
                f"Windows asks for version {wanted}; the catalog that was used last has version"
                f" {version}, and the site's current one cannot be read:"
                f" {status.catalog_trouble.message}",
                remedy=status.catalog_trouble.remedy
                or "See to it that this machine reaches the catalog.",
            )
        raise NotFoundError(
            f"Windows asks for version {wanted}, and the site's current catalog has version"
            f" {version}",
            remedy="Publish the version that the distribution points have.",
        )


def _version(status: PackageStatus) -> int | None:
    return int(status.version) if status.version.isdecimal() else None


def _progress(status: PackageStatus) -> str:
    if status.total_bytes is None:
        return f"{status.state}, {amount(status.verified_bytes)} verified"
    return f"{status.state}, {part_of(status.verified_bytes, status.total_bytes)} verified"


def _now_s() -> float:
    return asyncio.get_running_loop().time()
