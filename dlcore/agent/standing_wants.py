"""The wants that clients have told, and which version of a package each of them means.

Guarantees: a want is on disk before `put` returns. A want with a pinned catalog means the versions
of that catalog, whatever the site publishes meanwhile, for as long as it stands: the catalog is
read from the disk and proven before the want counts. A want that cannot be read any more is
dropped when the agent begins; if only the disk fails, it is kept and read again later. Until then
nothing is fetched for it, and what it keeps or has in use stays as it is.

What the want of a run has in use is released when the process of the run is gone.
"""

from __future__ import annotations

import logging

import msgspec

from dlcore.agent.ended_run import no_run_goes_on
from dlcore.agent.expiry import wants_over
from dlcore.agent.foresight import as_kept, look_ahead_from
from dlcore.agent.interface import ObtainTerms, Want
from dlcore.agent.known_packages import KnownPackages
from dlcore.agent.remembered import Remembered
from dlcore.agent.run_want import NAME as RUN
from dlcore.agent.wants import NOTHING_AHEAD, FetchOrder, order_of
from dlcore.deployment import StatedPackage
from dlcore.engine.client import Client
from dlcore.engine.documents.pinned_documents import CatalogPin
from dlcore.engine.download.version_names import package_id_of, version_name
from dlcore.engine.running.lookahead import Lookahead
from dlcore.errors import DlcoreError, LockedError, NotFoundError, RunStateError, StorageError
from dlcore.model import Catalog
from dlcore.waiting import in_thread, to_the_end

_log = logging.getLogger(__name__)


class StandingWants:
    """What clients want, until they say that they do not want it any more.

    Args:
        client: Its deployment and state directory are those of the agent.
        memory: Keeps wants on disk.
        known: Knows which catalog is used.
    """

    def __init__(self, client: Client, memory: Remembered, known: KnownPackages) -> None:
        self._client = client
        self._memory = memory
        self._known = known
        self._ahead: dict[str, Lookahead] = {}
        self._pinned: dict[str, Catalog] = {}
        self._unread: set[str] = set()

    @property
    def wants(self) -> tuple[Want, ...]:
        """All of them, the oldest first."""
        return self._memory.wants

    def stated(self) -> dict[str, StatedPackage]:
        """What the wants state of packages; of what several state, the latest counts."""
        return {
            package_id: StatedPackage(each.content_hash, each.version)
            for want in self.wants
            for package_id, each in want.stated.items()
        }

    def is_undescribed(self, package_id: str) -> bool:
        """Whether a package is only known by what a want states, and the catalog is without it."""
        catalog = self._known.catalog
        return (
            package_id in self.stated()
            and catalog is not None
            and package_id not in catalog.packages
            and not self._client.deployment.trust.root
        )

    @property
    def has_unread(self) -> bool:
        """Whether the disk has failed when a want was read, so that it does not count yet."""
        return bool(self._unread)

    async def take_up(self) -> None:
        """Go on with the wants of an earlier life.

        Raises:
            StorageError: The disk failed when a want was dropped.
        """
        for want in self.wants:
            await self._take_up(want)

    async def take_up_rest(self) -> None:
        """Read again what could not be read because the disk failed.

        Raises:
            StorageError: The disk failed when a want was dropped.
        """
        for want in self.wants:
            if want.name in self._unread:
                await self._take_up(want)

    async def read_again(self, name: str) -> None:
        """Read the want of a name, if it could not be read yet.

        Raises:
            DlcoreError: It still cannot be read.
        """
        for want in self.wants:
            if want.name == name and name in self._unread:
                await self._read(want)

    async def release_ended_run(self) -> bool:
        """Release what a run has in use if its process is gone; drop its want if the run is over.

        Returns:
            Whether something has changed.

        Raises:
            StorageError: The disk failed.
        """
        want = next((each for each in self.wants if each.name == RUN), None)
        if want is None or not await in_thread(no_run_goes_on, self._client.state):
            return False
        if await self._is_catalog_gone(want):
            _log.info("the want %s is dropped: its run is over", want.name)
            if is_done := await self._memory.exchange(want, None):
                self._note(want.name, NOTHING_AHEAD, None)
            return is_done
        if not want.in_use:
            return False
        _log.info("%s is released: the run that worked in it is gone", ", ".join(want.in_use))
        return await self._memory.exchange(want, msgspec.structs.replace(want, in_use=()))

    async def check_run_has_gone(self) -> None:
        """Make sure that nothing needs the want of a run any more.

        Raises:
            LockedError: A run goes on, or its step.
        """
        if not await in_thread(no_run_goes_on, self._client.state):
            raise LockedError(
                f"the want {RUN} is that of a run which goes on in {self._client.state}",
                path=self._client.state,
                remedy="Let the run end: it deletes the want itself.",
            )

    def is_kept_from(self, package_id: str, terms: ObtainTerms) -> bool:
        """Whether a run has a package in use that somebody else asks for."""
        uses = any(each.name == RUN and package_id in each.in_use for each in self.wants)
        return uses and terms.want != RUN

    async def put(self, want: Want) -> None:
        """Add a want, in place of the earlier one of that name.

        If it is cancelled, all is done or nothing.

        Raises:
            TaskSequenceError: Its sequence cannot be read. Nothing is changed then.
            RunStateError: The catalog that it names is not in the state directory; likewise.
            TrustError: The root that is trusted does not prove that catalog; likewise.
            ConfigError: There are too many wants, or they are too long.
            StorageError: The disk failed.
        """
        ahead, pinned = await self._look(want)
        kept = await in_thread(as_kept, want)
        await to_the_end(self._keep(kept, ahead, pinned))

    async def drop(self, name: str) -> None:
        """Remove a want. Idempotent. If it is cancelled, all is done or nothing.

        Raises:
            StorageError: The disk failed.
        """
        await to_the_end(self._forget(name))

    def over(self, before_s: float) -> tuple[str, ...]:
        """The names of those that nobody forgets although they are over; see `wants_over`.

        Args:
            before_s: A want is over if its time was earlier, in seconds since 1970.
        """
        return wants_over(self.wants, self._ahead, self._known.is_ready, before_s)

    def order(self) -> FetchOrder:
        """What is fetched for all of them, by the catalog that is used now."""
        return order_of(map(self._counting, self.wants), self._ahead, self.name_of)

    def is_pinned(self, name: str) -> bool:
        """Whether a want means the versions of its own catalog, whatever the site's is now."""
        return name in self._pinned

    def name_of(self, package_id: str, want_name: str) -> str:
        """The name that a package has among the downloads, in the version that a want means.

        Args:
            package_id: The package.
            want_name: The want's; that of none means the site's current version.
        """
        pinned, current = self._pinned.get(want_name), self._known.catalog
        entry = pinned.packages.get(package_id) if pinned else None
        if entry is None or current is None or current.packages.get(package_id) == entry:
            return package_id
        name = version_name(package_id, entry.manifest)
        self._client.catalogs.add_version(name, entry)
        return name

    def handed_out(self, package_id: str, terms: ObtainTerms) -> str:
        """The name of the version that a client gets when it obtains a package.

        Raises:
            NotFoundError: There is no such want, or the catalog that it has pinned does not know
                the package.
            LockedError: A step of a run works in the package.
        """
        if terms.want and terms.want not in {want.name for want in self.wants}:
            raise NotFoundError(
                f"the agent has no want that is called {terms.want}",
                remedy="Create it again, and then obtain what it names.",
            )
        pinned = self._pinned.get(terms.want)
        if pinned and package_id not in pinned.packages:
            raise NotFoundError(
                f"package {package_id} is not in the catalog that the run began with",
                remedy="Start the run over, with the current catalog.",
            )
        name = self.name_of(package_id, terms.want)
        for want in self.wants:
            if want.name != terms.want and self._has_in_use(want, name):
                raise _in_use(package_id, want.name)
        return name

    def _has_in_use(self, want: Want, name: str) -> bool:
        if want.name in self._unread:  # it may be any version
            return package_id_of(name) in want.in_use
        return name in (self.name_of(each, want.name) for each in want.in_use)

    def _counting(self, want: Want) -> Want:
        """The part of a want that counts: none if it could not be read yet."""
        if want.name in self._unread:
            return Want(want.name, kept=want.kept, in_use=want.in_use)
        return want

    async def _is_catalog_gone(self, want: Want) -> bool:
        try:
            await self._look(want)
        except DlcoreError as error:
            return isinstance(error, RunStateError)
        return False

    async def _take_up(self, want: Want) -> None:
        try:
            await self._read(want)
        except StorageError as error:
            _log.warning("the want %s does not count yet: %s", want.name, error.message)
            self._unread.add(want.name)
        except DlcoreError as error:
            _log.warning("the want %s is dropped: %s", want.name, error.message)
            await self.drop(want.name)

    async def _keep(self, want: Want, ahead: Lookahead, pinned: Catalog | None) -> None:
        await self._memory.put(want)
        self._note(want.name, ahead, pinned)

    async def _forget(self, name: str) -> None:
        await self._memory.drop(name)
        self._note(name, NOTHING_AHEAD, None)

    async def _read(self, want: Want) -> None:
        self._note(want.name, *await self._look(want))

    async def _look(self, want: Want) -> tuple[Lookahead, Catalog | None]:
        """What the want's sequence needs next, and the catalog that it has pinned."""
        pinned = None
        if want.pin:
            pinned = await self._client.catalogs.pinned(
                CatalogPin(want.pin.catalog, want.pin.evidence)
            )
        if want.sequence is None:
            return NOTHING_AHEAD, pinned
        return await in_thread(look_ahead_from, want.sequence, self._client), pinned

    def _note(self, name: str, ahead: Lookahead, pinned: Catalog | None) -> None:
        self._unread.discard(name)
        self._ahead[name] = ahead
        if pinned:
            self._pinned[name] = pinned
        else:
            self._pinned.pop(name, None)
        if ahead == NOTHING_AHEAD:
            del self._ahead[name]


def _in_use(package_id: str, want_name: str) -> LockedError:
    remedy = "Ask for it again when the step has ended."
    if want_name != RUN:  # the agent finds out by itself whether a run has gone
        forget = f"'dlcore agent forget {want_name}'"
        remedy += f" If nothing works in it any more, have the agent forget it: {forget}."
    return LockedError(
        f"a step of a task sequence works in package {package_id}, and may write there",
        remedy=remedy,
        holder=want_name,
    )
