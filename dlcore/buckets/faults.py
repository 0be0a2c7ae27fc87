"""Errors of the object store library as errors of dlcore.

Guarantees: no message holds a credential. Of a reply, only its status is repeated: its body may
repeat what it was sent. Of the library's own text, what it quotes is left out, and so is the query
of a URL: both may come from a key or a setting. The library's error is not kept as the cause: its
text holds all of that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from dlcore.errors import (
    AuthError,
    ConfigError,
    DlcoreError,
    Fault,
    NotFoundError,
    TransferError,
)
from dlcore.printable import printable

CREDENTIALS_REMEDY = (
    "Set the store's variables in the environment, for example AZURE_STORAGE_ACCOUNT_NAME and"
    " AZURE_STORAGE_ACCOUNT_KEY."
)

_MAX_SHOWN_CHARACTERS = 200
_METADATA = re.compile(r"//(169\.254\.|metadata\.|\[fd00:ec2::254\])|token request", re.IGNORECASE)
_NO_ANSWER = re.compile(r"Error performing [A-Z]+ \S+ in .*error: error sending", re.DOTALL)
_BUSY = frozenset({429, 503})
_REPLY = re.compile(r"Error performing .* status code: (\d{3}).*", re.DOTALL)
_QUOTED = re.compile(r'"[^"]*("|$)|`[^`]*(`|$)|\'[^\']*(\'|$)')
_QUERY = re.compile(r"\?\S*")
_USERINFO = re.compile(r"//[^/\s]*@")


@contextmanager
def store_faults(site: str) -> Iterator[None]:
    """Translate the errors of requests.

    Args:
        site: The URL of the site; it has no credentials.
    """
    from obstore import exceptions as store

    try:
        yield
    except BaseException as error:
        if isinstance(error, FileNotFoundError | store.BaseError):
            failure = _error_for(error, site)
        elif _is_panic(error):
            failure = unusable_error(
                site, "the library for object stores cannot send such a request"
            )
        else:
            raise
    else:
        return
    raise failure from None


@contextmanager
def opening_faults(site: str) -> Iterator[None]:
    """Translate the errors of opening a store, before any request."""
    from obstore.exceptions import BaseError

    try:
        yield
    except BaseException as error:
        if not isinstance(error, BaseError | ValueError) and not _is_panic(error):
            raise
        what = "the library for object stores failed" if _is_panic(error) else shown(error)
    else:
        return
    raise unusable_error(site, what) from None


def unusable_error(site: str, what: str) -> ConfigError:
    """The error if the environment does not say how to reach a store."""
    return ConfigError(f"cannot reach {site}: {what}", remedy=CREDENTIALS_REMEDY)


def shown(error: BaseException) -> str:
    """What may be shown of the text of an error."""
    text = str(error)
    if reply := _REPLY.search(text):
        return f"the store answered {_status(int(reply[1]))}"
    line = text.partition("\n")[0]
    for secret, stand_in in ((_QUOTED, "***"), (_QUERY, "?***"), (_USERINFO, "//***@")):
        line = secret.sub(stand_in, line)
    return printable(line, max_characters=_MAX_SHOWN_CHARACTERS)


def _error_for(error: Exception, site: str) -> DlcoreError:
    from obstore import exceptions as store

    message = f"{site}: {shown(error)}"
    if _METADATA.search(str(error)):
        return AuthError(
            "the environment has no credentials, and this machine's cloud gives none",
            fault=Fault.AUTH,
            endpoint=site,
            remedy=f"{CREDENTIALS_REMEDY} For what anyone may read: AWS_SKIP_SIGNATURE=true,"
            " AZURE_SKIP_SIGNATURE=true or GOOGLE_SKIP_SIGNATURE=true.",
        )
    if isinstance(error, store.PermissionDeniedError | store.UnauthenticatedError):
        return AuthError(
            shown(error),
            fault=Fault.AUTH,
            endpoint=site,
            remedy="Check the credentials in the environment and their permissions.",
        )
    if isinstance(error, FileNotFoundError | store.NotFoundError):
        return NotFoundError(message, remedy="Create the container or bucket.")
    if _NO_ANSWER.search(str(error)):
        return TransferError(
            "no connection, or it broke before an answer came",
            fault=Fault.CONNECT,
            endpoint=site,
            remedy="Check the address, the network, the proxy that the environment names, and the"
            " server's certificate. Then run the command again; what is already stored is not sent"
            " again.",
        )
    return TransferError(
        shown(error),
        fault=Fault.BUSY if _status_of(error) in _BUSY else Fault.SERVER,
        endpoint=site,
        remedy="Run the command again; what is already stored is not sent again.",
    )


def _status_of(error: BaseException) -> int:
    """The status of the store's reply; 0 if there was none."""
    reply = _REPLY.search(str(error))
    return int(reply[1]) if reply else 0


def _status(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _is_panic(error: BaseException) -> bool:
    """Whether the library failed in itself, for example at a token with a line break.

    Its exceptions cannot be imported, and the one of calls that wait is not an `Exception`; that of
    calls that do not wait is a ``RustPanic``.
    """
    return type(error).__name__ in {"PanicException", "RustPanic"}
