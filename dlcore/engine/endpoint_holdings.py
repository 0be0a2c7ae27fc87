"""What the endpoints hold of the packages that a run needs, as preflight asks them.

Content may lie on several endpoints that have it together, such as the drives of a content library.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from dlcore.deployment import Answer
from dlcore.engine.download.package_index import PackageIndex
from dlcore.engine.one_byte import read_one_byte
from dlcore.errors import DlcoreError, ExhaustedError, Fault, TransferError
from dlcore.model import Manifest
from dlcore.transfer import Endpoint


class Holdings(NamedTuple):
    """The answers of the endpoints, by their names.

    Attributes:
        answers: As `dlcore.deployment.Facts.holdings`.
        remedies: What helps where an endpoint did not answer as it should.
    """

    answers: dict[str, Answer]
    remedies: dict[str, str]


async def look_at_holdings(
    endpoints: Sequence[Endpoint], package_index: PackageIndex, packages: Sequence[str]
) -> Holdings:
    """Ask every endpoint for its part of each package, and for one byte of that."""
    asked = {each.name: _Asked(each, package_index) for each in endpoints}
    manifests: list[Manifest] = []
    for package in packages:
        try:
            manifests.append((await package_index.manifest(package))[0])
        except ExhaustedError as error:
            for cause in error.causes:
                if cause.endpoint in asked:
                    asked[cause.endpoint].complain(cause)
        except DlcoreError:
            pass  # then no endpoint has the package
    await asyncio.gather(*(each.ask(manifests) for each in asked.values()))
    whole = frozenset(
        manifest.package_id
        for manifest in manifests
        if _together(asked.values(), manifest.package_id) == len(manifest.objects)
    )
    complaints = {name: each.complaints[0] for name, each in asked.items() if each.complaints}
    return Holdings(
        {name: each.answer(whole) for name, each in asked.items()},
        {name: complaint.remedy for name, complaint in complaints.items()},
    )


class _Asked:
    """One endpoint.

    Attributes:
        held: The numbers of the objects that it holds, by package id.
        complaints: How it failed, other than by not having something.
    """

    def __init__(self, endpoint: Endpoint, package_index: PackageIndex) -> None:
        self.held: dict[str, frozenset[int]] = {}
        self.complaints: list[TransferError] = []
        self._endpoint = endpoint
        self._package_index = package_index

    def complain(self, error: TransferError) -> None:
        if error.fault is not Fault.NOT_FOUND:
            self.complaints.append(error)

    async def ask(self, manifests: Sequence[Manifest]) -> None:
        await asyncio.gather(*map(self._ask_for, manifests))

    def answer(self, whole: frozenset[str]) -> Answer:
        """Which complete packages it holds; if none, why.

        Args:
            whole: Ids of the packages of which all is there.
        """
        if self.held or not self.complaints:
            return whole.intersection(self.held)
        return self.complaints[0].message.removeprefix(f"{self._endpoint.name}: ")

    async def _ask_for(self, manifest: Manifest) -> None:
        try:
            placement = await self._package_index.place(self._endpoint, manifest)
            held = frozenset[int](placement.held)
            if held:
                await read_one_byte(placement, min(held))
        except TransferError as error:
            self.complain(error)
            return
        if held or not manifest.objects:
            self.held[manifest.package_id] = held


def _together(asked: Iterable[_Asked], package_id: str) -> int:
    """How many objects of a package are there."""
    return len(frozenset[int]().union(*(each.held.get(package_id, ()) for each in asked)))
