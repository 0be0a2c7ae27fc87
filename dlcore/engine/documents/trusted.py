"""A pinned root on this machine: verifies catalogs with it, and remembers what was verified.

Guarantees: what was verified is on disk before the catalog is used, so that no older one is
accepted after a restart. python-tuf is imported only if a root is pinned.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dlcore.errors import Fault, NotFoundError, StorageError, TransferError, TrustError, TrustFault
from dlcore.extras import require
from dlcore.plain_files import read_plain
from dlcore.waiting import in_thread

if TYPE_CHECKING:
    from dlcore.trust import Evidence, Verification, Wanted

MAX_ROOT_BYTES = 512_000  # as `TrustPolicy.max_root_bytes`, which is not imported for this


class TrustedRoot:
    """A root document that the user trusts.

    Args:
        path: The file that holds it.
        memory: Folder for what was verified; None for one beside the user's other state.
        keeps: Whether what is verified is kept there at once, or only after `keep` was called.
        now: This machine's clock.

    Raises:
        ConfigError: The extra ``trust`` is not installed.
        NotFoundError: The file does not exist.
        StorageError: The file cannot be read.
        TrustError: The file is not a root.
    """

    def __init__(
        self,
        path: Path,
        memory: Path | None,
        *,
        keeps: bool = True,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        require("trust")
        from dlcore.trust import Memory, check_root

        self._document = _read_root(path)
        check_root(self._document, path)
        self._memory = Memory(memory, self._document)
        self._keeps = keeps
        self._pending: Evidence | None = None
        self._now = now

    async def read(
        self, read: Callable[[str, int], Awaitable[bytes | None]], source: str
    ) -> tuple[bytes, bytes]:
        """Read and verify the catalog that was signed last.

        Args:
            read: Reads the published document with a key, up to a length; None if there is none.
            source: What it reads from, for messages.

        Returns:
            The catalog document, and what proves it again offline.

        Raises:
            TrustError: The signatures do not prove that it is the publisher's latest.
            TransferError: A document cannot be asked for.
            StorageError: What was verified cannot be kept.
        """
        from dlcore.trust import Verification, encode_evidence

        kept = await in_thread(self._memory.read)
        verification = Verification(self._document, kept, self._now(), source=source)
        try:
            while wanted := verification.wanted:
                await _ask(read, wanted, verification, source)
        except (TrustError, TransferError):
            await self._verified(verification.evidence, kept)  # a newer root counts from now on
            raise
        await self._verified(verification.evidence, kept)
        assert verification.catalog is not None
        return verification.catalog, encode_evidence(verification.evidence)

    def prove(self, evidence: bytes, catalog: bytes, source: str) -> None:
        """Prove offline that a kept catalog was verified when it was fetched.

        Args:
            evidence: What `read` returned with the catalog; empty if that was not signed.
            catalog: The catalog document.
            source: Where both were kept, for messages.

        Raises:
            TrustError: The signatures do not prove it, or the evidence is damaged.
        """
        from dlcore.trust import decode_evidence, prove

        if not evidence:
            raise TrustError(
                f"{source} was read without its signatures, but a root is pinned now",
                fault=TrustFault.UNSIGNED,
                remedy="Start over with the signed catalog (--restart).",
            )
        prove(self._document, decode_evidence(evidence, source=source), catalog, source=source)

    async def keep(self) -> None:
        """Keep what was verified, and from now on whatever is verified, at once.

        Raises:
            StorageError: It cannot be written.
            TrustError: What is there is damaged.
        """
        self._keeps = True
        if self._pending is not None:
            await in_thread(self._memory.keep, self._pending)
            self._pending = None

    async def _verified(self, evidence: Evidence, kept: Evidence | None) -> None:
        if evidence != kept:
            self._pending = evidence
            if self._keeps:
                await self.keep()


async def _ask(
    read: Callable[[str, int], Awaitable[bytes | None]],
    wanted: Wanted,
    verification: Verification,
    source: str,
) -> None:
    try:
        document = await read(wanted.key, wanted.max_bytes)
    except TransferError as error:
        if error.fault is Fault.RANGE:
            raise TrustError(
                f"{source}: {wanted.key} is longer than {wanted.max_bytes} bytes",
                fault=TrustFault.TOO_LONG,
                remedy="Do not use this server until its operator has explained it.",
            ) from error
        if not (error.fault is Fault.AUTH and wanted.is_optional):
            raise
        document = None  # object stores answer 403 in place of 404 to who may not list them
    if document is None:
        verification.missing()
    else:
        verification.accept(document)


def _read_root(path: Path) -> bytes:
    try:
        return read_plain(path, MAX_ROOT_BYTES)
    except FileNotFoundError:
        raise NotFoundError(
            f"the root {path} does not exist",
            remedy="Get root.json from the publisher; dlcore trust init made it.",
        ) from None
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}", path=path) from error
