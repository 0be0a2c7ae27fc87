"""Who served the objects of a package that have only one digest.

Such an object matches as a whole or not at all. If it does not, the endpoint that sent all of it is
to blame. If several did, or one that was given another version meanwhile, nobody is: one endpoint
at a time serves it from then on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from dlcore.model import Manifest, ObjectIndex

_EARLIER_RUN = ""  # stands for whoever served what was on disk at the start
_OTHER_VERSION = "*"  # stands for a server that has another version now


class WholeObjects:
    """These objects of one package.

    Args:
        manifest: What the package consists of.
        verified: One byte per block, non-zero where it is on disk already.
    """

    def __init__(self, manifest: Manifest, verified: bytes | bytearray) -> None:
        self._servers: defaultdict[ObjectIndex, set[str]] = defaultdict(set)
        self._sole_server: dict[ObjectIndex, str | None] = {}
        self._failed_servers: defaultdict[ObjectIndex, set[str]] = defaultdict(set)
        self._indices: set[ObjectIndex] = set()
        for index, item in enumerate(manifest.objects):
            if not item.digests:
                self._indices.add(ObjectIndex(index))
                first, end = manifest.first_blocks[index : index + 2]
                if any(verified[first:end]):
                    self._servers[ObjectIndex(index)].add(_EARLIER_RUN)

    def found(self, index: ObjectIndex) -> None:
        """A block of an object was on disk already."""
        if index in self._indices:
            self._servers[index].add(_EARLIER_RUN)

    def needs_one_server(self, index: ObjectIndex) -> bool:
        """Whether the object did not match as a whole: one endpoint at a time serves it now."""
        return index in self._sole_server

    def sole_server(self, index: ObjectIndex) -> str | None:
        """The endpoint that alone serves such an object; None until one has begun."""
        return self._sole_server.get(index)

    def failed_servers(self, index: ObjectIndex) -> Collection[str]:
        """Endpoints that served the object alone, and wrong."""
        return self._failed_servers.get(index, ())

    def servers(self) -> list[str]:
        """The endpoint of each object that came from only one."""
        unknown = {_EARLIER_RUN, _OTHER_VERSION}
        return [
            name
            for servers in self._servers.values()
            if len(servers) == 1
            for name in servers - unknown
        ]

    def began(self, index: ObjectIndex, endpoint: str) -> None:
        """An endpoint is asked for blocks of an object."""
        if index in self._sole_server:
            self._sole_server[index] = endpoint

    def served(self, index: ObjectIndex, endpoints: Collection[str]) -> None:
        """Blocks of an object are on disk, with bytes of these endpoints."""
        if index in self._indices:
            self._servers[index].update(endpoints)

    def changed(self, index: ObjectIndex) -> None:
        """A server has got another version of an object, so that what it sent may be of both."""
        self.served(index, {_OTHER_VERSION})

    def rejected(self, index: ObjectIndex) -> str | None:
        """An object did not match.

        Returns:
            The endpoint that sent all of it; None if several did, or versions may be mixed.
        """
        servers = self._servers.pop(index, set())
        self._sole_server[index] = None
        if len(servers) != 1 or servers & {_EARLIER_RUN, _OTHER_VERSION}:
            return None
        (culprit,) = servers
        self._failed_servers[index].add(culprit)
        return culprit
