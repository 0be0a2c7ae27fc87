"""Publishes contents by the workers of Dask (an extra); the only importer of it.

A worker opens the site by itself, with the credentials in its own environment: none is sent to it.
It writes objects and manifests. The catalog, and keys, stay with the process that asks.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable, Iterator
from typing import Final

from distributed import Client, Future, LocalCluster, as_completed

from dlcore.errors import ConfigError
from dlcore.publish.library.all_contents import ContentOutcome, Doing
from dlcore.publish.library.known_digests import KnownDigests
from dlcore.publish.library.one_content import ContentPublisher, Job, LibraryOptions
from dlcore.publish.opening import open_destination
from dlcore.publish.policy import DEFAULT_POLICY

LOCAL: Final = "local"
"""In place of an address: processes of this machine."""

_AHEAD: Final = 4
"""Contents for each thread of a worker, at the scheduler: none waits, and few are lost with it."""

_CONNECT_S: Final = 30


@contextlib.contextmanager
def dask_workers(address: str, destination: str, options: LibraryOptions) -> Iterator[Doing]:
    """Connect to a scheduler, or start processes of this machine.

    Args:
        address: Of the scheduler, such as ``tcp://host:8786``; or `LOCAL`.
        destination: The site, as the workers reach it.
        options: How contents are published.

    Raises:
        ConfigError: There is no scheduler at the address.
    """
    with contextlib.ExitStack() as opened:
        if address == LOCAL:
            client = opened.enter_context(Client(opened.enter_context(_processes_here())))
        else:
            client = opened.enter_context(_connect(address))
        yield functools.partial(_publish_all, client, destination, options)


def _processes_here() -> LocalCluster:
    """A scheduler and workers that nobody else on this machine can give work to: by TLS."""
    return LocalCluster(
        host="127.0.0.1", protocol="tls", security=True, dashboard_address="127.0.0.1:0"
    )


def _connect(address: str) -> Client:
    try:
        return Client(address, timeout=_CONNECT_S)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"there is no Dask scheduler at {address}: {error}",
            remedy="Start it with dask scheduler, and name its address; or write local, for"
            " processes of this machine.",
        ) from error


def _publish_all(
    client: Client, destination: str, options: LibraryOptions, jobs: Iterable[Job]
) -> Iterator[ContentOutcome]:
    """Publish contents, a bounded number of them at a time; in the order in which they end."""
    waiting = iter(jobs)
    threads = sum(client.nthreads().values()) or 1
    publish = functools.partial(_publish, destination, options)

    def submit() -> Iterator[Future]:
        for job in waiting:
            yield client.submit(publish, job, pure=False)

    to_come = submit()
    first = [future for _, future in zip(range(_AHEAD * threads), to_come, strict=False)]
    under_way = as_completed(first)
    for future in under_way:
        yield future.result()
        if following := next(to_come, None):
            under_way.add(following)


def _publish(destination: str, options: LibraryOptions, job: Job) -> ContentOutcome:
    """Publish a content; in a worker."""
    return _publisher(destination, options).publish(job)


@functools.lru_cache(maxsize=1)
def _publisher(destination: str, options: LibraryOptions) -> ContentPublisher:
    """The publisher of a worker, which remembers what it has written."""
    target = open_destination(destination)
    return ContentPublisher(target, options, DEFAULT_POLICY, KnownDigests())
