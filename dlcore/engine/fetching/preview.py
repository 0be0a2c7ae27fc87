"""What a fetch would do, found out without doing it.

Guarantees: nothing on this machine is changed, and no content is fetched but the first byte of an
object that is missing, from each endpoint. What is reported as present was read and compared with
its digests. A fetch that could not succeed, as far as is known, fails here with the same error.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AsyncExitStack, closing
from typing import NamedTuple

import msgspec

from dlcore.disk.faults import guarded
from dlcore.disk.ownership import check_way
from dlcore.disk.writable import check_may_write
from dlcore.engine.delivery.target import Standing, Target
from dlcore.engine.download.allowed import AllowedGroups
from dlcore.engine.download.exhaustion import HELD_NOWHERE, exhausted
from dlcore.engine.fetching.call import Call, FetchItem
from dlcore.engine.fetching.fetch_into import SelectionSize, decisive_algorithm
from dlcore.engine.fetching.joint_download import JointDownload
from dlcore.engine.fetching.preparing import prepare, prepare_many
from dlcore.engine.fetching.selecting import size_of
from dlcore.engine.listeners.bus import EventBus
from dlcore.engine.one_byte import read_one_byte
from dlcore.engine.policy import EnginePolicy
from dlcore.errors import (
    ContentNotFoundError,
    DlcoreError,
    ExhaustedError,
    TransferError,
)
from dlcore.long_path import plain_path
from dlcore.manifest import Selection
from dlcore.store import Package, Store, space_at
from dlcore.store.free_space import check_room
from dlcore.store.present import (
    missing_bytes,
    missing_objects,
    present_blocks,
    present_in_state,
    united,
)
from dlcore.transfer import Placement
from dlcore.waiting import in_thread


class EndpointAnswer(msgspec.Struct, frozen=True):
    """What an endpoint would serve of what is missing.

    Attributes:
        objects: Number of the missing objects that it holds.
        fault: Why it serves none; empty if it does.
    """

    objects: int
    fault: str = ""


class FetchPreview(msgspec.Struct, frozen=True):
    """What a fetch of one thing would come to.

    Attributes:
        package: Id of the package.
        version: Its version.
        path: Where it would be put.
        files: Number of its files.
        content_bytes: Length of all files.
        bytes_present: Verified bytes that are on disk, at the path or from an earlier call.
        bytes_to_fetch: Bytes that would be fetched.
        room_bytes: Disk space that it would take in addition, at least for a while.
        free_bytes: Free space of the disk; of it, some stays free.
        objects_to_fetch: Number of objects of which something is missing.
        endpoints: What each endpoint would serve; empty if nothing would be fetched.
        repaired: Paths of what is there and differs, and would be put right or removed.
        verified_by: The digests that decide, as of `Fetched`.
        selection: How much of the package would be fetched; None for all of it.
        boundary: The boundary groups that may be used here, now or after fallback; None without a
            deployment, or if its settings have no groups.
    """

    package: str
    version: int
    path: str
    files: int
    content_bytes: int
    bytes_present: int
    bytes_to_fetch: int
    room_bytes: int
    free_bytes: int
    objects_to_fetch: int
    endpoints: dict[str, EndpointAnswer]
    repaired: tuple[str, ...]
    verified_by: str
    selection: SelectionSize | None = None
    boundary: AllowedGroups | None = None


class PreviewResult(NamedTuple):
    """What would become of one of several things.

    Attributes:
        item: What was to be fetched.
        preview: What the fetch would come to; None if it would fail.
        error: Why it would fail; None if it would not.
    """

    item: FetchItem
    preview: FetchPreview | None = None
    error: DlcoreError | None = None


async def preview_fetch(item: FetchItem, call: Call) -> FetchPreview:
    """Tell what `dlcore.fetch` would do.

    Args:
        item: What to fetch.
        call: The other arguments of it.

    Raises:
        DlcoreError: As `dlcore.fetch` would.
    """
    bus = EventBus()
    async with AsyncExitStack() as stack:
        stack.enter_context(closing(bus))
        begun = await prepare(item, _dry(call), bus, stack)
        joint = JointDownload({begun.name: begun.sources}, bus, rules=call.rules)
        stack.push_async_callback(joint.aclose)
        preview = await _Previewing(joint).preview(begun.goal, begun.package, begun.name)
        return _completed(preview, begun.selection, call)


async def preview_many(
    items: Iterable[FetchItem], checksums: str, call: Call
) -> list[PreviewResult]:
    """Tell what `dlcore.fetch_many` would do; takes its items and raises what it raises."""
    bus = EventBus()
    async with AsyncExitStack() as stack:
        stack.enter_context(closing(bus))
        wanted, placing = await prepare_many(items, checksums, _dry(call), bus, stack)
        joint = JointDownload(placing.sources(wanted, stack), bus, rules=call.rules)
        stack.push_async_callback(joint.aclose)
        previewing = _Previewing(joint)
        results = []
        for item in wanted:
            try:
                if error := placing.errors.get(item):
                    raise error
                found, goal, name, selection = placing.placed[item]
                package = Package(found.manifest, found.document)
                preview = await previewing.preview(goal, package, name)
                results.append(PreviewResult(item, _completed(preview, selection, call)))
            except DlcoreError as error:
                results.append(PreviewResult(item, error=error))
        return results


def _completed(preview: FetchPreview, selection: Selection | None, call: Call) -> FetchPreview:
    groups = call.rules.groups if call.rules else None
    return msgspec.structs.replace(preview, selection=size_of(selection), boundary=groups)


def _dry(call: Call) -> Call:
    return call._replace(site=call.site._replace(keeps=False), is_dry_run=True)


class _Previewing:
    """Looks at one thing after the other; all of them need room."""

    def __init__(self, joint: JointDownload) -> None:
        self._joint = joint
        self._promised_bytes = 0  # what those before will take of the disk

    async def preview(self, goal: Target, package: Package, name: str) -> FetchPreview:
        manifest = package.manifest
        with guarded(f"look at {goal.state}", goal.path):
            check_way(goal.state.absolute())  # a fetch would refuse it as well
        look = await in_thread(goal.look, manifest)
        present = await in_thread(present_in_state, manifest, package.digest, goal.state)
        room_bytes = 0
        if look.standing is Standing.RIGHT:
            present = bytearray(b"\x01" * len(present))
        else:
            if look.standing is Standing.REPAIRABLE:
                present = united(present, await in_thread(present_blocks, manifest, goal.source))
            with guarded("open the state directory", goal.state):
                check_may_write(goal.state.absolute())
            room_bytes = await in_thread(self._room_bytes, goal, package)
        missing = missing_objects(manifest, present)
        endpoints = await self._ask(name, package, missing) if missing else {}
        to_fetch_bytes = missing_bytes(manifest, present)
        return FetchPreview(
            package=manifest.package_id,
            version=manifest.version,
            path=str(plain_path(goal.path)),
            files=len(manifest.files),
            content_bytes=manifest.content_bytes,
            bytes_present=manifest.content_bytes - to_fetch_bytes,
            bytes_to_fetch=to_fetch_bytes,
            room_bytes=room_bytes,
            free_bytes=(await in_thread(space_at, goal.path)).free_bytes,
            objects_to_fetch=len(missing),
            endpoints=endpoints,
            repaired=tuple(dict.fromkeys(item.path for item in look.bad)),
            verified_by=decisive_algorithm(manifest),
        )

    def _room_bytes(self, goal: Target, package: Package) -> int:
        """The disk space that a package needs; raises `DiskFullError` if there is no room."""
        manifest = package.manifest
        store = Store.look(goal.state)
        taken = store.reserved_bytes(manifest.package_id, manifest.version, package.digest)
        room_bytes = max(0, manifest.content_bytes - taken)
        self._promised_bytes += room_bytes
        check_room(
            manifest.package_id,
            needed_bytes=self._promised_bytes,
            space=space_at(goal.state),
            reserve=EnginePolicy().reserve,
            at=goal.state,
        )
        return room_bytes

    async def _ask(
        self, name: str, package: Package, missing: list[int]
    ) -> dict[str, EndpointAnswer]:
        """What each endpoint holds of some objects; it must serve one byte of one of them.

        Raises:
            ExhaustedError: No endpoint serves some of them.
        """
        placements: dict[str, Placement | TransferError | None] = {}
        await self._joint.locate(name, package.manifest, placements.__setitem__)
        held: set[int] = set()
        answers: dict[str, EndpointAnswer] = {}
        failures: list[TransferError] = []
        for endpoint, placement in placements.items():
            if placement is None:  # it may not be used here
                continue
            try:
                if isinstance(placement, TransferError):
                    raise placement
                own = sorted(placement.held & set(missing))
                if own:
                    await read_one_byte(placement, own[0])
                held.update(own)
                answers[endpoint] = EndpointAnswer(len(own))
            except TransferError as error:
                failures.append(error)
                answers[endpoint] = EndpointAnswer(0, error.message)
        lacking = len(set(missing) - held)
        if lacking:
            raise _not_served_error(package, lacking, len(missing), failures)
        return answers


def _not_served_error(
    package: Package, lacking: int, count: int, failures: list[TransferError]
) -> ExhaustedError:
    manifest = package.manifest
    why = "; ".join(failure.message for failure in failures) or "no endpoint holds them"
    message = (
        f"package {manifest.package_id} version {manifest.version}: {lacking} of the {count}"
        f" objects to fetch would not be served: {why}"
    )
    remedy = "Run again when an endpoint can serve the package."
    if not failures:
        return ContentNotFoundError(message, remedy=HELD_NOWHERE)
    return exhausted(message, failures, remedy)
