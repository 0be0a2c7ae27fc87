"""What programs and the agent say to each other: version 1 of its local API, as types.

The agent is one background process on a machine. It owns a state directory, fetches what its
clients want in the order of need, and proves a package whenever a client obtains it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Protocol, TypeAlias

from msgspec import Meta, Struct

API_VERSION: Final = 1
MAX_WANTS: Final = 256
MAX_BODY_BYTES: Final = 32 << 20
"""Of one call: a large task sequence has 2 MB."""

WantName: TypeAlias = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:-]{1,128}$")]
PackageId: TypeAlias = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
PackageIds: TypeAlias = Annotated[tuple[PackageId, ...], Meta(max_length=2000)]
VariableName: TypeAlias = Annotated[str, Meta(min_length=1, max_length=256)]
VariableMap: TypeAlias = Annotated[dict[VariableName, str], Meta(max_length=10_000)]
Position: TypeAlias = Annotated[int, Meta(ge=0, le=100_000)]
Digest: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
DigestOrNone: TypeAlias = Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?$")]
ContentHash: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9A-F]{64}$")]
WantNameOrNone: TypeAlias = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:-]{0,128}$")]
Moment: TypeAlias = Annotated[float, Meta(ge=0, le=1e11)]


class Priority(StrEnum):
    """How much of the link a want may use."""

    FOREGROUND = "foreground"
    """Somebody waits for it, or soon will: the whole link."""

    BACKGROUND = "background"
    """What other traffic leaves unused."""


class SequencePoint(Struct, frozen=True, forbid_unknown_fields=True):
    """A task sequence, and where it stands. The agent looks ahead from there.

    Attributes:
        document: The sequence's XML.
        position: Index of the step whose turn it is, from 0.
        variables: The task sequence variables that conditions may read; no secret among them.
    """

    document: str
    position: Position = 0
    variables: VariableMap = {}


class PinnedCatalog(Struct, frozen=True, forbid_unknown_fields=True):
    """The catalog that a run began with. It says which version of each package the run means.

    Its documents lie in ``pinned`` of the agent's state directory, where the run has put them. The
    agent proves them by the root that it trusts, as it proves the site's catalog.

    Attributes:
        catalog: SHA-256 of the document.
        evidence: SHA-256 of what proves its signatures; empty if it is not signed.
    """

    catalog: Digest
    evidence: DigestOrNone = ""


class StatedContent(Struct, frozen=True, forbid_unknown_fields=True):
    """What a task sequence states of a package.

    Attributes:
        content_hash: ConfigMgr's package content hash, in upper-case hex.
        version: Source version of the content; None for the latest that a distribution point has.
    """

    content_hash: ContentHash
    version: Annotated[int, Meta(ge=1, le=999_999_999)] | None = None


StatedContents: TypeAlias = Annotated[dict[PackageId, StatedContent], Meta(max_length=2000)]


class Want(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a client wants the agent to have. A want outlives the client and a restart of the agent.

    Attributes:
        name: The client's own name for it; a want of the same name is replaced.
        packages: Package ids, in the order in which they are needed.
        sequence: Where a task sequence stands; what its next steps need follows `packages`.
        priority: How much of the link it may use.
        by_s: When all of it is to be there, in seconds since 1970 (UTC); None: as soon as possible.
        maybe_packages: Ids of packages that may be needed: fetched when all else is there.
        kept: Ids of packages that stay on disk once they are there, each with files of its own.
        in_use: Ids of packages that a step works in now, and may write into. The agent does not
            read them, and hands them to nobody else.
        pin: Which versions are meant; None: those of the site's current catalog.
        stated: The content hashes of packages, by package id. They count for packages that neither
            the agent's deployment file nor the catalog knows, and not if a root is pinned.
    """

    name: WantName
    packages: PackageIds = ()
    sequence: SequencePoint | None = None
    priority: Priority = Priority.FOREGROUND
    by_s: Moment | None = None
    maybe_packages: PackageIds = ()
    kept: PackageIds = ()
    in_use: PackageIds = ()
    pin: PinnedCatalog | None = None
    stated: StatedContents = {}


class ObtainTerms(Struct, frozen=True, forbid_unknown_fields=True):
    """How a package is handed out.

    Attributes:
        want: The want for which it is: the version is that of its catalog, and what this want has
            in use may be handed out. Empty: for none.
        to_write: Whether a program may write into the files. They are its own then, shared with no
            other package. What was written is removed or fetched again at the next proof.
    """

    want: WantNameOrNone = ""
    to_write: bool = False


class PackageState(StrEnum):
    """Where a package stands."""

    UNKNOWN = "unknown"
    """Nobody has wanted it since the agent began."""

    WAITING = "waiting"
    FETCHING = "fetching"
    READY = "ready"
    """Complete, each block verified when it arrived. `ContentAgent.obtain` proves it again."""

    FAILED = "failed"


class Cause(Struct, frozen=True, forbid_unknown_fields=True):
    """How one endpoint failed.

    Attributes:
        code: The error's stable code.
        message: What is wrong.
        endpoint: The endpoint's name.
        fault: The kind of failure (see ``dlcore.errors.Fault``).
        remedy: What to do about it; may be empty.
    """

    code: str
    message: str
    endpoint: str
    fault: str
    remedy: str = ""


class Trouble(Struct, frozen=True, forbid_unknown_fields=True):
    """Why something failed: a `DlcoreError` as it travels.

    Attributes:
        code: The error's stable code.
        message: What is wrong.
        remedy: What to do about it; may be empty.
        kind: Name of the class, as several have the same code.
        fault: Its fault, if it has one.
        causes: The last failure of each endpoint, if every endpoint failed.
    """

    code: str
    message: str
    remedy: str = ""
    kind: str = ""
    fault: str = ""
    causes: tuple[Cause, ...] = ()


class PackageStatus(Struct, frozen=True, forbid_unknown_fields=True):
    """A package, as the agent knows it.

    Attributes:
        package_id: Its id.
        state: Where it stands.
        version: Its version in the catalog; empty while that is not known.
        manifest_digest: SHA-256 of its manifest, in hex; empty while it is not known.
        verified_bytes: How much of it is verified on disk.
        total_bytes: How long it is; None while that is not known.
        folder: The folder with its files once it is ready; empty before.
        trouble: Why it failed last.
        catalog_trouble: Why the site's current catalog could not be read at the last look: the
            version is that of the catalog which was used before. None: it was read.
        name: What events call it: its id, or of a version that is not the current one the id, an
            ``@``, and the beginning of its manifest's digest.
        received_bytes: Payload bytes that the agent has received for it since it began, also those
            that came twice.
        location: Where it was last downloaded from; empty if from nowhere since the agent began.
        truth: What vouches for it: ``manifest``, or ``content-library`` if its content hash is
            stated, and a content library has described content with that hash.
    """

    package_id: str
    state: PackageState
    version: str = ""
    manifest_digest: str = ""
    verified_bytes: int = 0
    total_bytes: int | None = None
    folder: str = ""
    trouble: Trouble | None = None
    catalog_trouble: Trouble | None = None
    name: str = ""
    received_bytes: int = 0
    location: str = ""
    truth: str = "manifest"


class AgentStatus(Struct, frozen=True, forbid_unknown_fields=True):
    """The agent itself.

    Attributes:
        api_version: Version of this vocabulary.
        version: Version of dlcore.
        process_id: The process's.
        began_s: When it began, in seconds since 1970 (UTC).
        state: Its state directory.
        config: The deployment file that it uses.
        is_online: Whether some endpoint answered when it was last asked.
        wants: All wants that it has.
        packages: All packages that they name, in the order in which they are fetched.
    """

    api_version: int
    version: str
    process_id: int
    began_s: float
    state: str
    config: str
    is_online: bool
    wants: tuple[Want, ...] = ()
    packages: tuple[PackageStatus, ...] = ()


class AgentEvent(Struct, frozen=True, forbid_unknown_fields=True):
    """Something that happened in the agent.

    Attributes:
        number: It grows with each event, also across restarts of the agent.
        line: The event as one line of JSON, as ``--events ndjson`` writes it.
    """

    number: int
    line: str


class ContentAgent(Protocol):
    """A running agent. All methods raise `AgentError` if it cannot be reached."""

    async def status(self) -> AgentStatus:
        """The state of the agent: what it wants and what it has."""
        ...

    async def want(self, want: Want) -> None:
        """Want something from now on, in place of the earlier want of that name."""
        ...

    async def forget(self, name: str) -> None:
        """Forget a want; content that is there stays. Idempotent."""
        ...

    async def package(self, package_id: str) -> PackageStatus:
        """Where a package stands now."""
        ...

    async def look(self) -> None:
        """Have the agent look at the site's catalog, unless it did so a moment ago.

        `package` tells the version afterwards, and why the catalog could not be read.
        """
        ...

    async def obtain(self, package_id: str) -> Path:
        """Wait for a package, before all others, and have the agent prove it.

        Its version is that of the site's current catalog, if that can be read.

        Returns:
            The folder with its files. It belongs to the agent: read from it, write nothing.

        Raises:
            DlcoreError: As `Client.fetch`.
        """
        ...

    def events(self, after: int | None = None) -> AsyncIterator[AgentEvent]:
        """What happens from now on, or since the event of a number.

        A lost connection is taken up again; events that the agent no longer has are left out.
        """
        ...

    async def stop(self) -> None:
        """End the agent. What is verified stays."""
        ...
