"""Every error that dlcore raises, in one tree.

Guarantees: each class has a stable ``code`` for programs and an ``exit_status`` for the
command line; each message names the thing and the place, each ``remedy`` what to do about it.
No secret is ever part of a message: URLs are redacted before they get here. A remedy names options
of the command line; the argument of a function has the option's name, with underscores.

Exit statuses follow the table in ``docs/exit-codes.md``; new ones
may be added, so a caller treats an unknown one as a failure.
"""

from __future__ import annotations

import enum
from pathlib import Path
from typing import ClassVar, Final, TypeVar

from dlcore.long_path import plain_path, plain_text


class Fault(enum.StrEnum):
    """What went wrong with one request, as the schedule needs to know it."""

    CONNECT = "connect"  # no connection, or it broke before the first byte
    TRUNCATED = "truncated"  # the body ended early
    STALL = "stall"  # no byte for too long
    BUSY = "busy"  # 429, 503: the endpoint asks for fewer requests
    SERVER = "server"  # 5xx and 408: might work again later
    REFUSED = "refused"  # another status, redirect or body coding: not an answer to what was asked
    NO_RANGES = "no-ranges"  # the whole object was sent in place of a part of it
    RANGE = "range"  # a Content-Range, length or total that was not asked for
    CHANGED = "changed"  # the object is another version than the one that was served before
    NOT_FOUND = "not-found"  # the object is not there
    AUTH = "auth"  # not allowed, and renewing did not help
    PROXY = "proxy"  # the proxy on the way wants another user or password
    TLS = "tls"  # the endpoint could not prove who it is
    CORRUPT = "corrupt"  # a block did not match its digest

    @property
    def may_pass(self) -> bool:
        """Whether the same request may succeed later, though nobody has corrected anything."""
        return self in _PASSING


_PASSING: Final = frozenset(
    {
        Fault.CONNECT,  # networks and servers come back
        Fault.TRUNCATED,
        Fault.STALL,
        Fault.BUSY,
        Fault.SERVER,
        Fault.CHANGED,  # from now on the new version is asked for
    }
)
"""All others last until somebody acts, so it is useless to wait for them.

* ``REFUSED``, ``NO_RANGES``, ``RANGE``: the same question gets the same answer.
* ``NOT_FOUND``: the URL is wrong, or the content must be put there first.
* ``AUTH``, ``PROXY``: a token or signature that can be renewed was renewed before this was said.
  What is left is a wrong password, account, certificate or right. Asking again shows the password
  again, which can lock the account.
* ``TLS``: the certificate stays as it is, and so do the authorities that this machine trusts.
* ``CORRUPT``: what the endpoint has is wrong; it was asked for more than once.
"""

E = TypeVar("E", bound="DlcoreError")


class DlcoreError(Exception):
    """Root of all errors of dlcore.

    Args:
        message: What happened, to which thing, where.
        remedy: What the reader can do about it; may be empty.
    """

    code: ClassVar[str] = "error"
    exit_status: ClassVar[int] = 1

    def __init__(self, message: str, *, remedy: str = "") -> None:
        self.message = plain_text(message)
        self.remedy = plain_text(remedy)
        super().__init__(self.message)

    def __reduce__(self) -> tuple[object, ...]:
        """How it travels to another process: with its details, which are keyword arguments.

        Source: Python, "pickle", `object.__reduce__`.
        """
        return _restored, (type(self), self.args, self.__dict__)

    @property
    def may_pass(self) -> bool:
        """Whether the same may succeed later, though nobody has corrected anything."""
        return False

    def advise(self, advice: str) -> None:
        """Add to the remedy what only a caller further up knows."""
        self.remedy = f"{self.remedy} {plain_text(advice)}".lstrip()


def _restored(kind: type[E], arguments: tuple[object, ...], details: dict[str, object]) -> E:
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(details)
    return error


def without_frames(error: E) -> E:
    """An error that is kept for long, without the frames that raised it and all that they hold."""
    for each in (error, *getattr(error, "causes", ())):
        each.__traceback__ = each.__context__ = each.__cause__ = None
    return error


class ConfigError(DlcoreError):
    """A setting or argument cannot be used. The caller's fault: correct it and run again.

    Args:
        message: What cannot be used, and where it stands.
        problems: One error for each setting, if the message tells of several.
        remedy: What the reader can do about it.
    """

    code = "config"
    exit_status = 2

    def __init__(
        self, message: str, *, problems: tuple[ConfigError, ...] = (), remedy: str = ""
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.problems = problems


class DocumentError(DlcoreError):
    """A manifest, catalog or task sequence is malformed or hostile. Its author's fault.

    Nothing was written to disk on its behalf.
    """

    code = "document"
    exit_status = 3


class ManifestError(DocumentError):
    """A manifest or catalog was refused."""

    code = "manifest"


class TaskSequenceError(DocumentError):
    """A task sequence export was refused."""

    code = "task-sequence"


class NotFoundError(DlcoreError):
    """A package, step, object or file is not where it was looked for."""

    code = "not-found"
    exit_status = 4


class TransferError(DlcoreError):
    """One request to one endpoint failed; the schedule decides what follows.

    Args:
        message: What happened.
        fault: The kind of failure, which decides between retry, another endpoint and giving up.
        endpoint: Name of the endpoint.
        retry_after_s: Seconds the endpoint asked to wait, if it did.
        remedy: What the reader can do about it.
    """

    code = "transfer"
    exit_status = 6

    def __init__(
        self,
        message: str,
        *,
        fault: Fault,
        endpoint: str,
        retry_after_s: float | None = None,
        remedy: str = "",
    ) -> None:
        super().__init__(f"{endpoint}: {message}", remedy=remedy)
        self.fault = fault
        self.endpoint = endpoint
        self.retry_after_s = retry_after_s

    @property
    def may_pass(self) -> bool:
        """As its fault says."""
        return self.fault.may_pass


class AuthError(TransferError):
    """An endpoint does not accept this client, even with a renewed token."""

    code = "auth"
    exit_status = 5


class TlsError(TransferError):
    """An endpoint's certificate does not verify. Never retried without verification."""

    code = "tls"
    exit_status = 13


class ProxyAuthError(TransferError):
    """The proxy on the way to an endpoint does not accept this client (status 407)."""

    code = "proxy-auth"
    exit_status = 19


class ExhaustedError(DlcoreError):
    """Every endpoint failed for some blocks of a package. What was verified stays on disk.

    Args:
        message: Which package, how many blocks are missing.
        causes: The last failure of each endpoint.
        remedy: What the reader can do about it.
        is_away: Whether another network may bring endpoints that may not be used in this one.
    """

    code = "exhausted"
    exit_status = 6

    def __init__(
        self,
        message: str,
        *,
        causes: tuple[TransferError, ...] = (),
        remedy: str = "",
        is_away: bool = False,
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.causes = causes
        self.is_away = is_away

    @property
    def may_pass(self) -> bool:
        """Whether at least one endpoint may serve it later."""
        return self.is_away or any(cause.may_pass for cause in self.causes)


class ContentRefusedError(ExhaustedError):
    """Every endpoint failed, and at least one of them because it does not accept this client.

    Of all causes, this one is reported: somebody must act on it, while the others may pass.
    """

    code = "auth"
    exit_status = 5


class ContentBehindProxyError(ExhaustedError):
    """Every endpoint failed, and at least one because a proxy does not accept this client."""

    code = "proxy-auth"
    exit_status = 19


class ContentUnprovenServerError(ExhaustedError):
    """Every endpoint failed, and at least one because it could not prove who it is."""

    code = "tls"
    exit_status = 13


class ContentNotFoundError(ExhaustedError):
    """No endpoint has some blocks of a package. What was verified stays on disk."""

    code = "not-found"
    exit_status = 4


class IntegrityError(DlcoreError):
    """Content does not match its digest. Nothing of it is visible to a step.

    Args:
        message: What does not match.
        path: File inside the package, or the object's name.
        offset_bytes: Where in that file the mismatch begins.
        remedy: What the reader can do about it.
    """

    code = "integrity"
    exit_status = 7

    def __init__(
        self, message: str, *, path: str = "", offset_bytes: int = 0, remedy: str = ""
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.path = plain_text(path)
        self.offset_bytes = offset_bytes


class UnexpectedContentError(IntegrityError):
    """A package's folder holds something that is not the package's. No step gets to see it.

    A file, folder or link that the manifest does not know, or a link, a special file or a file with
    a second name in the place of one that it knows. Nothing was changed.
    """

    code = "unexpected-content"


class TrustFault(enum.StrEnum):
    """Why signed metadata, or a catalog that it vouches for, was refused."""

    UNSIGNED = "unsigned"  # there is no signed metadata
    SIGNATURE = "signature"  # too few signatures of the keys that count
    EXPIRED = "expired"  # valid once, but not at the time that counts
    ROLLBACK = "rollback"  # an older version than one that was verified before
    MISMATCH = "mismatch"  # not the document that the signed metadata names
    TOO_LONG = "too-long"  # longer than such a document may be
    MALFORMED = "malformed"  # not such a document at all
    EVIDENCE = "evidence"  # what was kept of earlier verifications is damaged


class TrustError(DlcoreError):
    """The signatures do not prove that the catalog is the publisher's. Nothing of it is used.

    The fault of the server or of what lies between, unless ``fault`` is ``expired`` (then perhaps
    the publisher's, or this machine's clock) or ``evidence`` (this machine's disk).

    Args:
        message: What was refused, and where it came from.
        fault: Why.
        remedy: What the reader can do about it.
    """

    code = "trust"
    exit_status = 17

    def __init__(self, message: str, *, fault: TrustFault, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.fault = fault


class StorageError(DlcoreError):
    """The local disk failed or refused. Verified blocks stay; run again to go on.

    Args:
        message: What failed.
        path: The file or folder concerned.
        remedy: What the reader can do about it.
    """

    code = "storage"
    exit_status = 9

    def __init__(self, message: str, *, path: Path | None = None, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.path = plain_path(path) if path else None


class DiskFullError(StorageError):
    """No room left. State is kept: free some space and run again."""

    code = "disk-full"
    exit_status = 8


class OwnershipError(StorageError):
    """Another user could alter what is at a path, or read a secret there. Nothing was changed.

    The administrator of the machine, or its user, corrects that; the remedy says how.
    """

    code = "ownership"


class LockedError(StorageError):
    """Another process holds a state directory, or fetches to the same place.

    Args:
        message: What cannot be used, and which process holds it.
        path: The folder concerned.
        remedy: What the reader can do about it.
        holder: Who holds it, in words; empty if that is not known.
    """

    code = "locked"
    exit_status = 10

    def __init__(
        self, message: str, *, path: Path | None = None, remedy: str = "", holder: str = ""
    ) -> None:
        super().__init__(message, path=path, remedy=remedy)
        self.holder = plain_text(holder)


class RunStateFault(enum.StrEnum):
    """Why a run that is under way does not simply go on."""

    DAMAGED = "damaged"  # run.json cannot be read: at which step the run was is lost
    VERSION = "version"  # another version of dlcore wrote run.json
    SEQUENCE = "sequence"  # the task sequence was edited: go on with it, or start over?
    SETTING = "setting"  # the deployment's download setting was changed: the same question
    SIMULATED = "simulated"  # one of the two only simulates its steps: they cannot be one run
    CATALOG = "catalog"  # the catalog that the run began with is lost
    PACKAGE = "package"  # the version of a package that the run began with is not available


class RunStateError(DlcoreError):
    """A run is under way in the state directory, and cannot go on without a decision.

    Nothing was run, and nothing is lost that was there before: the same error comes until the
    reader has decided.

    Args:
        message: What is wrong, and what is lost.
        fault: The kind.
        remedy: What the reader can decide.
    """

    code = "run-state"
    exit_status = 18

    def __init__(self, message: str, *, fault: RunStateFault, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.fault = fault


class PreflightError(DlcoreError):
    """At least one prerequisite is missing; nothing was run. The message lists all of them.

    Args:
        message: What is missing, each with its remedy.
        missing: Names of the failed checks.
        remedy: What the reader can do about it.
    """

    code = "preflight"
    exit_status = 14

    def __init__(self, message: str, *, missing: tuple[str, ...] = (), remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.missing = missing


class StepError(DlcoreError):
    """A step failed and neither it nor its groups continue on error."""

    code = "step"
    exit_status = 15


class AgentError(DlcoreError):
    """The agent cannot be reached, does not belong to who may run it, or speaks another version."""

    code = "agent"
    exit_status = 20


class DeadlineError(DlcoreError):
    """The time by which content was to be there has passed, and some of it is missing."""

    code = "deadline"
    exit_status = 21


class ShortageError(DlcoreError):
    """The system gives this process no more memory, threads, processes or open files."""

    code = "shortage"
    exit_status = 22

    @property
    def may_pass(self) -> bool:
        """When other programs end, there is more again."""
        return True


class InternalError(DlcoreError):
    """An invariant of dlcore is broken: a fault of dlcore. Please report it with the message."""

    code = "internal"
