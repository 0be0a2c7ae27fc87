"""Events that tell what became of packages and of their blocks."""

from __future__ import annotations

from dlcore.engine.events.event import Event


class PackageStarted(Event, frozen=True):
    """A package's download began, or went on from what an earlier run left.

    Attributes:
        package: Its id.
        content_bytes: Length of all its files.
        reused_bytes: Verified bytes that were on disk already.
    """

    package: str
    content_bytes: int
    reused_bytes: int


class PackageTruth(Event, frozen=True):
    """What vouches for a package that no catalog names; told of no other package.

    Attributes:
        package: Its id.
        truth: ``content-library``: the digests of its files, which a content library states; or
            ``content-hash``: the content hash of the whole, and nothing else.
        known: When it is known what each byte has to be: ``before-the-first-byte``, or
            ``at-the-end``.
        content_hash: The package content hash that it has, hex; empty if none is stated.
    """

    package: str
    truth: str
    known: str
    content_hash: str = ""


class PackageReady(Event, frozen=True):
    """A package is complete and verified.

    Attributes:
        package: Its id.
        path: The folder with its files. A fetch moves it to its place afterwards.
    """

    package: str
    path: str


class PackagePatched(Event, frozen=True):
    """Content of a package was taken from older versions; only the rest is fetched.

    Attributes:
        package: Its id.
        kept_bytes: Verified bytes that older files have as they are.
        patched_bytes: Verified bytes that were made of older files, by patches or under other
            names.
    """

    package: str
    kept_bytes: int
    patched_bytes: int


class PackageFailed(Event, frozen=True):
    """A package could not be completed; what was verified of it stays on disk.

    Attributes:
        package: Its id.
        message: Why, endpoint by endpoint.
    """

    package: str
    message: str


class PackageRepublished(Event, frozen=True):
    """A package was published again since the run began; the run goes on with the version it had.

    Attributes:
        package: Its id.
        pinned_version: The version that the run began with.
        version: The version that is current; None if the package was withdrawn.
    """

    package: str
    pinned_version: int
    version: int | None


class BlockRejected(Event, frozen=True):
    """A block did not match its digest; it is missing again.

    Attributes:
        package: Id of the package.
        object_name: Name of the object.
        block: Number of the block in the object.
        endpoint: The endpoint that served it; empty if several did. Then `CulpritFound` follows
            when the right bytes have come and show who of them is to blame.
    """

    package: str
    object_name: str
    block: int
    endpoint: str


class CulpritFound(Event, frozen=True):
    """An endpoint sent a part of a block wrong; other parts of the block came from others.

    The block was rejected before (`BlockRejected`), and its right bytes have come meanwhile.

    Attributes:
        package: Id of the package.
        object_name: Name of the object.
        block: Number of the block in the object.
        endpoint: The endpoint that is blamed.
    """

    package: str
    object_name: str
    block: int
    endpoint: str


class RangeFailed(Event, frozen=True):
    """A request failed, or an object that has only one digest did not match it.

    Attributes:
        package: Id of the package.
        endpoint: The endpoint that failed; empty if several served an object that did not match.
        fault: The kind of failure (see ``dlcore.errors.Fault``).
        message: What happened, in words.
    """

    package: str
    endpoint: str
    fault: str
    message: str


class DigestFromServer(Event, frozen=True):
    """Nobody named the digest of a file, so it is verified against what its own server says.

    Attributes:
        endpoint: Name of the server.
        sha256: What it says, hex; empty if a Metalink has other digests.
    """

    endpoint: str
    sha256: str


class DownloadRetried(Event, frozen=True):
    """No endpoint is left for a package; all are asked again later.

    Attributes:
        package: Its id.
        attempt: Which retry it will be; the first is 1.
        of: The most retries there will be; 999999 for as many as there is time for.
        delay_s: Seconds until then.
        left_s: For how many seconds it will be asked again; None if only ``of`` bounds that.
    """

    package: str
    attempt: int
    of: int
    delay_s: float
    left_s: float | None = None


class TrafficChanged(Event, frozen=True):
    """How much of the link is used has changed: content is held back, or not any more.

    Attributes:
        pace: ``foreground``, ``background`` (what other traffic leaves unused) or ``paused``.
        cap_bytes_per_s: The most that all endpoints together may bring; 0.0 if there is no cap.
        reason: Why, in words; empty if it is what was asked for.
    """

    pace: str
    cap_bytes_per_s: float
    reason: str
