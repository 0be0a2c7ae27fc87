"""Reads published packages from an object store or a web server.

Guarantees: errors of the library become errors of dlcore. Credentials come from the environment
only and are in no message.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dlcore.errors import AuthError, ConfigError, Fault, NotFoundError, TransferError
from dlcore.publish.destination import Stored
from dlcore.publish.policy import DEFAULT_POLICY, PublishPolicy

if TYPE_CHECKING:
    from obstore.store import ObjectStore

BUCKET_SCHEMES = frozenset({"az", "s3", "gs"})
WEB_SCHEMES = frozenset({"http", "https"})

ADDRESS = "dlcore_address"  # user metadata of an object; Azure allows only C identifiers


class RemoteSite:
    """A `Site` behind a URL.

    Args:
        url: Scheme, bucket or container or host, and prefix.
        policy: Limits and sizes.

    Raises:
        ConfigError: The environment does not say how to reach the store; the user's fault.
    """

    def __init__(self, url: str, policy: PublishPolicy = DEFAULT_POLICY) -> None:
        self._name = url
        self._policy = policy
        self._is_web = url.partition(":")[0] in WEB_SCHEMES
        self._store = _open_web(url) if self._is_web else _open_bucket(url)

    @property
    def name(self) -> str:
        """The URL, which holds no credentials."""
        return self._name

    @property
    def workers(self) -> int:
        """A few, so that the round trips of many objects overlap."""
        return self._policy.bucket_workers

    def stored(self, key: str) -> Stored | None:
        """What the answer to a HEAD request says."""
        import obstore

        try:
            with self.faults():
                found = obstore.get(self._store, key, options={"head": True})
                return Stored(found.meta["size"], found.attributes.get(ADDRESS, ""))
        except NotFoundError:
            return None

    def read(self, key: str, start: int, end: int) -> memoryview:
        """Read a range in one request."""
        import obstore

        with self.faults():
            return memoryview(obstore.get_range(self._store, key, start=start, end=end))

    def keys(self, folder: str) -> Iterator[str] | None:
        """The store's list; a web server has none."""
        return None if self._is_web else self._listed(folder)

    def _listed(self, folder: str) -> Iterator[str]:
        import obstore

        with self.faults():
            for page in obstore.list(self._store, prefix=folder):
                for found in page:
                    yield found["path"]

    @contextmanager
    def faults(self) -> Iterator[None]:
        """Translate the store's errors; those about an unmet condition pass unchanged."""
        from obstore import exceptions as store

        try:
            yield
        except (store.AlreadyExistsError, store.PreconditionError):
            raise
        except (store.PermissionDeniedError, store.UnauthenticatedError) as error:
            raise AuthError(
                _first_line(error),
                fault=Fault.AUTH,
                endpoint=self._name,
                remedy="Check the credentials in the environment and their permissions.",
            ) from error
        except (FileNotFoundError, store.NotFoundError) as error:
            raise NotFoundError(
                f"{self._name}: {_first_line(error)}", remedy="Create the container or bucket."
            ) from error
        except store.BaseError as error:
            raise TransferError(
                _first_line(error),
                fault=Fault.SERVER,
                endpoint=self._name,
                remedy="Run the command again; what is already stored is not sent again.",
            ) from error


def _open_bucket(url: str) -> ObjectStore:
    from obstore.exceptions import BaseError
    from obstore.store import from_url

    try:
        return from_url(url)
    except (BaseError, ValueError) as error:
        raise ConfigError(
            f"cannot reach {url}: {_first_line(error)}",
            remedy="Set the store's variables in the environment, for example"
            " AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY.",
        ) from error


def _open_web(url: str) -> ObjectStore:
    from obstore.exceptions import BaseError
    from obstore.store import HTTPStore

    try:
        return HTTPStore.from_url(url, client_options={"allow_http": True})
    except (BaseError, ValueError) as error:
        raise ConfigError(f"cannot reach {url}: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    # The library redacts signed URLs. The lines after the first are internal details.
    return str(error).partition("\n")[0]
