"""What python-tuf's exceptions mean to the user: the only place where they are translated."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime

from tuf.api import exceptions as tuf
from tuf.api.serialization import DeserializationError

from dlcore.errors import TrustError, TrustFault

SERVER_REMEDY = (
    "Do not use this server until its operator has explained it: someone may have altered what it"
    " serves. If the publisher has set up new trust, get the new root.json from them."
)

PINNED_REMEDY = (
    "Name the root.json that the publisher gave you; dlcore trust init wrote it beside the keys."
)


@contextlib.contextmanager
def refusing(name: str, source: str, *, remedy: str = SERVER_REMEDY) -> Iterator[None]:
    """Raise `TrustError` in place of python-tuf's refusal of a document.

    Expiry is not translated: the caller knows the times and calls `expired_error`.

    Args:
        name: The document's name.
        source: Where it came from.
        remedy: What to do about it.
    """
    try:
        yield
    except (tuf.ExpiredMetadataError, tuf.EqualVersionNumberError):
        raise
    except tuf.RepositoryError as error:
        raise refusal_error(error, name, source, remedy=remedy) from error


def refusal_error(
    error: Exception, name: str, source: str, *, remedy: str = SERVER_REMEDY
) -> TrustError:
    """The error that a user sees in place of python-tuf's."""
    match error:
        case tuf.UnsignedMetadataError():
            # python-tuf's text has a role and two numbers, as in "root was signed by 0/1 keys"
            fault, what = TrustFault.SIGNATURE, f"is not signed as it must be: {error}"
        case tuf.BadVersionNumberError():
            fault, what = TrustFault.ROLLBACK, f"has the wrong version: {error}"
        case tuf.LengthOrHashMismatchError():
            fault, what = TrustFault.MISMATCH, "has another length or digest than was signed"
        case DeserializationError():
            fault, what = TrustFault.MALFORMED, "is malformed"
        case _:
            fault, what = TrustFault.MALFORMED, "does not hold what its name says"
    return TrustError(f"{source}: {name} {what}", fault=fault, remedy=remedy)


def expired_error(
    name: str, source: str, expires: datetime, now: datetime, trusted: datetime
) -> TrustError:
    """The error about a document that is not valid any more.

    Args:
        name: The document's name.
        source: Where it came from.
        expires: The end of its validity.
        now: This machine's clock.
        trusted: The latest time that is known to have been reached; later than ``now`` if the
            clock was set back.
    """
    clock = f"this machine's clock says {_utc(now)}"
    if trusted > now:
        clock += f", but a catalog was verified at {_utc(trusted)} already, so the clock is wrong"
    return TrustError(
        f"{source}: {name} expired at {_utc(expires)}; {clock}",
        fault=TrustFault.EXPIRED,
        remedy="If the clock is wrong, correct it. If it is right, the publisher must sign again"
        f" ({_SIGN_AGAIN['root' if 'root' in name else 'other']}), or the server hides that.",
    )


_SIGN_AGAIN = {
    "root": "dlcore trust rotate SITE --sign-with ROOT_KEY",
    "other": "dlcore trust renew SITE --sign-with KEYS",
}


def _utc(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"
