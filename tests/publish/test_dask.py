"""Publishing by the workers of Dask: the same site as by this process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlcore.errors import ConfigError, StorageError
from dlcore.publish import publish_library
from tests.publish.helpers import BLOCK, files_below
from tests.publish.library import file_of
from tests.publish.whole import copied, package, published, write_whole

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.wine_cannot(reason="connections of Dask's workers never open")

PACKAGES = 6


@contextlib.contextmanager
def one_worker() -> Iterator[str]:
    """A worker in this process: to start processes would take seconds (`bench.site_publish`)."""
    with distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=2,
        processes=False,
        dashboard_address="127.0.0.1:0",
        protocol="tcp",
        host="127.0.0.1",
    ) as cluster:
        yield cluster.scheduler_address


def test_workers_publish_what_this_process_would(tmp_path: Path) -> None:
    library = write_whole(tmp_path / "library", PACKAGES)
    rotten = copied(library, tmp_path / "rotten")
    file_of(rotten, b"app").write_bytes(b"xxx")
    with one_worker() as address:
        done = [
            publish_library(
                [folder],
                destination=str(tmp_path / "site"),
                block_bytes=BLOCK,
                dask=address,
            )
            for folder in (rotten, library, library)
        ]
    assert [(len(each.new), len(each.refused)) for each in done] == [
        (PACKAGES + 1, 1),
        (1, 0),
        (0, 0),
    ]
    assert (done[2].unchanged, done[2].objects_written, done[2].documents_written) == (
        PACKAGES + 2,
        0,
        0,
    )
    published(library, tmp_path / "plain")
    assert files_below(tmp_path / "site") == files_below(tmp_path / "plain")


def test_a_failure_of_the_site_ends_the_publishing_as_here(tmp_path: Path) -> None:
    library = write_whole(tmp_path / "library", 1)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "objects").write_bytes(b"a file in the place of the folder")
    with one_worker() as address, pytest.raises(StorageError, match="objects"):
        publish_library([library], destination=str(tmp_path / "site"), dask=address)


def test_a_scheduler_that_is_not_there_is_named(tmp_path: Path) -> None:
    library = write_whole(tmp_path / "library", 1)
    with pytest.raises(ConfigError, match="no Dask scheduler at nonsense"):
        publish_library([library], destination=str(tmp_path / "site"), dask="nonsense://x")
    assert package(0) not in files_below(tmp_path)
