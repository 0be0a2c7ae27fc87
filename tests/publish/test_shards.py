"""Shards of a library, published apart, killed and joined: the same site as by one publishing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.errors import ConfigError, IntegrityError, LockedError, ManifestError, NotFoundError
from dlcore.publish import (
    JoinedShards,
    Shard,
    join_shards,
    parse_shard,
    prune,
    publish_library,
    verify_site,
)
from dlcore.publish.folder import FolderDestination
from dlcore.publish.history import history_of
from dlcore.publish.library.into_part import IntoPart
from dlcore.publish.library.lost_content import MAX_NAMED
from dlcore.publish.opening import open_destination
from dlcore.publish.policy import DEFAULT_POLICY
from dlcore.publish.prune_mark import Marking, now_utc
from tests.buckets import BUCKET, s3
from tests.publish.helpers import KILL, KILLED_STATUS, files_below, make_history_older
from tests.publish.library import file_of, write_content
from tests.publish.whole import copied, package, published, write_whole

PACKAGES = 16
SHARDS = 4
DAY_S = 86_400


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that no test changes."""
    return write_whole(tmp_path_factory.mktemp("sharded") / "library", PACKAGES)


@pytest.fixture(scope="session")
def plain(whole: Path) -> dict[str, bytes]:
    """The site that one publishing gives."""
    site = whole.with_name("plain")
    published(whole, site)
    return files_below(site)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return tmp_path / "site"


def publish_shards(library: Path, site: Path, *numbers: int, of: int = SHARDS) -> None:
    for number in numbers or range(1, of + 1):
        published(library, site, shard=Shard(number, of))


def joined(site: Path, shards: int = SHARDS) -> JoinedShards:
    return join_shards(shards, destination=str(site))


def objects_at(site: Path) -> set[str]:
    return {path.name for path in (site / "objects").iterdir() if not path.name.startswith(".")}


KILLED = """
import os, sys
from pathlib import Path
from dlcore.publish import Shard, publish_library
from dlcore.publish.policy import PublishPolicy
def tell(count, of):
    if count >= 2:
        os.kill(os.getpid(), int(sys.argv[4]))
publish_library([Path(sys.argv[1])], destination=sys.argv[2], block_bytes=4096, shard=Shard(4, 4),
                memory=Path(sys.argv[3]), policy=PublishPolicy(contents_per_change=2), tell=tell)
"""


def test_shards_of_which_one_is_killed_give_the_same_site_as_one_publishing(
    whole: Path, plain: dict[str, bytes], site: Path, tmp_path: Path
) -> None:
    """Fault P1: a machine that publishes a shard of a library is killed. dlcore goes on from what
    the shard has noted, and the joined site is the same.
    """
    command = [sys.executable, "-c", KILLED, str(whole), str(site), str(tmp_path / "memory"), KILL]
    assert subprocess.run(command, check=False).returncode in KILLED_STATUS
    stored = objects_at(site)
    publish_shards(whole, site, 1, 3, 2)  # the third one has nothing to publish
    assert not (site / "catalog.json").exists()
    with pytest.raises(ConfigError, match="shard 4/4 has not finished"):
        joined(site)
    before = objects_at(site)
    again = published(whole, site, shard=Shard(4, 4), memory=tmp_path / "memory")
    assert stored
    assert again.objects_written == len(objects_at(site) - before)
    done = joined(site)
    assert (done.entered, done.unchanged, done.refused) == (PACKAGES + 2, 0, ())
    found = files_below(site)
    assert {path: data for path, data in found.items() if not path.endswith(".tmp")} == plain


def test_what_was_current_until_shards_were_joined_counts_as_replaced_by_the_join(
    site: Path, tmp_path: Path
) -> None:
    """Fault: shards are joined days after they have stored their manifests. dlcore counts what was
    current until then as replaced by the join, and a pruning keeps it for its time.
    """
    library = tmp_path / "library"
    for version in (3, 4):
        write_content(library, f"{package(1)}.{version}", {"file": b"of version %d" % version})
        if version == 3:
            published(library, site)
    publish_shards(library, site, of=2)
    for manifest in (site / "manifests").iterdir():
        os.utime(manifest, (time.time() - 10 * DAY_S,) * 2)
    assert joined(site, 2).entered == 1
    assert prune(str(site), older_than_s=9 * DAY_S).versions == ()
    make_history_older(site, 8.9)
    assert prune(str(site), older_than_s=9 * DAY_S).versions == ()
    make_history_older(site, 0.2)
    assert [each.version for each in prune(str(site), older_than_s=9 * DAY_S).versions] == [3]


def test_a_shard_that_begins_again_is_not_joined_before_it_has_finished(
    whole: Path, site: Path
) -> None:
    """Fault P1: a machine that publishes a shard a second time is killed at once. dlcore does not
    take what it published the first time for the whole of it.
    """
    publish_shards(whole, site, of=2)
    target = FolderDestination(site, DEFAULT_POLICY)
    part = IntoPart(
        target, target, Shard(1, 2), {}, replace=False, policy=DEFAULT_POLICY, now=now_utc
    )
    part.begin()
    with pytest.raises(ConfigError, match="shard 1/2 has not finished"):
        joined(site, 2)


def test_a_shard_that_is_published_again_writes_no_content(whole: Path, site: Path) -> None:
    first = published(whole, site, shard=Shard(2, 4))
    again = published(whole, site, shard=Shard(2, 4))
    assert (first.contents, again.contents) == (again.unchanged + len(again.new), first.contents)
    assert (again.objects_written, again.documents_written) == (0, 2)  # it begins, and has finished


def test_joining_again_after_shards_that_found_nothing_new_changes_nothing(
    whole: Path, plain: dict[str, bytes], site: Path
) -> None:
    for entered in (PACKAGES + 2, 0):
        publish_shards(whole, site)
        done = joined(site)
        assert (done.entered, done.unchanged) == (entered, PACKAGES + 2 - entered)
        assert files_below(site) == plain


@given(st.text(max_size=12), st.integers(2, 50))
def test_each_content_is_in_exactly_one_shard(package_id: str, of: int) -> None:
    assert sum(Shard(number, of).holds(package_id) for number in range(1, of + 1)) == 1


@pytest.mark.parametrize("text", ["0/4", "5/4", "1/1", "1", "a/b", "1/1001", "-1/4", "1/4/4", ""])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a shard"):
        parse_shard(text)


def test_a_shard_is_written_as_it_is_read() -> None:
    assert str(parse_shard("3/12")) == "3/12"


def test_what_shards_did_not_publish_and_what_is_gone_is_told_when_they_are_joined(
    whole: Path, site: Path, tmp_path: Path
) -> None:
    library = copied(whole, tmp_path / "library")
    write_content(library, "ABC00777.1", {"file": b"soon gone"})
    published(library, site)
    (library / "PkgLib" / "ABC00777.INI").unlink()
    write_content(library, f"{package(7)}.2", {"file": b"rotten"})
    file_of(library, b"rotten").write_bytes(b"rotteN")
    publish_shards(library, site)
    done = joined(site)
    assert done.gone == ("ABC00777",)
    assert [(each.package_id, each.code) for each in done.refused] == [(package(7), "integrity")]
    assert (done.entered, done.unchanged) == (0, PACKAGES + 1)


def test_what_left_the_library_before_its_shard_was_published_again_is_not_entered(
    whole: Path, plain: dict[str, bytes], site: Path, tmp_path: Path
) -> None:
    library = copied(whole, tmp_path / "library")
    write_content(library, "ABC00777.1", {"file": b"soon gone"})
    publish_shards(library, site)
    publish_shards(whole, site)
    joined(site)
    assert files_below(site)["catalog.json"] == plain["catalog.json"]


def test_a_shard_that_is_missing_is_named(whole: Path, site: Path) -> None:
    publish_shards(whole, site, 1, 3, 4)
    with pytest.raises(NotFoundError, match="shard 2/4"):
        joined(site)


def test_a_part_that_is_damaged_is_named(whole: Path, site: Path) -> None:
    publish_shards(whole, site)
    (site / "shards" / "2-of-4.json").write_bytes(b"{}")
    with pytest.raises(ManifestError, match=r"2-of-4\.json"):
        joined(site)


def test_a_manifest_that_the_site_has_lost_is_not_entered(whole: Path, site: Path) -> None:
    """Fault: a manifest that a shard has published is damaged before the shards are joined. dlcore
    names it, and leaves the catalog alone.
    """
    publish_shards(whole, site)
    max((site / "manifests").iterdir()).write_bytes(b"damaged")
    with pytest.raises(IntegrityError, match="manifests"):
        joined(site)
    assert not (site / "catalog.json").exists()
    publish_shards(whole, site)
    assert joined(site).entered == PACKAGES + 2


@pytest.mark.parametrize(
    ("wrong", "damage"),
    [
        ("missing", lambda path: path.unlink()),
        ("shorter", lambda path: path.write_bytes(path.read_bytes()[:-1])),
        ("longer", lambda path: path.write_bytes(path.read_bytes() + b"x")),
    ],
    ids=["missing", "shorter", "longer"],
)
def test_objects_that_the_site_has_lost_are_named_with_their_shards_and_not_entered(
    whole: Path, plain: dict[str, bytes], site: Path, wrong: str, damage: Callable[[Path], object]
) -> None:
    """Fault: the disk of the site loses objects after a shard has published them. dlcore names them
    when the shards are joined, leaves the catalog alone, and says which shards to publish again.
    """
    publish_shards(whole, site, of=2)
    lost = sorted(objects_of(site, "2-of-2") - objects_of(site, "1-of-2"))
    for name in lost:
        damage(site / "objects" / name)
    with pytest.raises(IntegrityError) as raised:
        joined(site, 2)
    assert f"(shard 2/2) is {wrong}" in raised.value.message
    assert "shard 1/2" not in raised.value.message
    assert f"and {len(lost) - MAX_NAMED} more" in raised.value.message
    assert "Publish again: --shard 2/2; then join" in raised.value.remedy
    assert not (site / "catalog.json").exists()
    publish_shards(whole, site, 2, of=2)
    assert joined(site, 2).entered == PACKAGES + 2
    assert files_below(site) == plain


def objects_of(site: Path, shard: str) -> set[str]:
    """The names of the objects that a shard has published."""
    part = msgspec.json.decode((site / "shards" / f"{shard}.json").read_bytes())
    names = (entry["manifest"] for entry in part["packages"].values())
    documents = ((site / "manifests" / f"{name}.json").read_bytes() for name in names)
    return {item["name"] for each in documents for item in msgspec.json.decode(each)["objects"]}


def test_shards_that_began_before_a_pruning_are_not_joined(whole: Path, site: Path) -> None:
    """Fault: a site is pruned between its shards and their joining. dlcore does not join them until
    they have looked at their objects again.
    """
    publish_shards(whole, site)
    marking = Marking(FolderDestination(site), DEFAULT_POLICY, now_utc)
    marking.hold()
    with pytest.raises(LockedError, match="is being pruned"):
        joined(site)
    lost = max((site / "objects").iterdir())
    lost.unlink()
    marking.end()
    with pytest.raises(LockedError, match="was pruned since shard 1/4 began"):
        joined(site)
    publish_shards(whole, site)
    assert joined(site).entered == PACKAGES + 2
    assert lost.exists()


def test_only_who_joins_needs_the_keys_of_a_signed_site(
    whole: Path, plain: dict[str, bytes], site: Path, tmp_path: Path
) -> None:
    pytest.importorskip("tuf")
    from dlcore.publish.first_signing import sign_for_the_first_time
    from dlcore.trust.policy import Lifetimes

    keys, parts = tmp_path / "keys", tmp_path / "parts"
    root = sign_for_the_first_time(FolderDestination(site), keys, None, Lifetimes())
    for number in range(1, SHARDS + 1):
        published(whole, site, shard=Shard(number, SHARDS), parts=str(parts))
    done = join_shards(SHARDS, destination=str(site), parts=str(parts), sign_with=[keys])
    assert done.entered == PACKAGES + 2
    assert files_below(site).items() >= plain.items()
    assert not verify_site(str(site), trust_root=root).faults
    assert not list((parts / "shards").iterdir())


@pytest.mark.parametrize("below", ["", "parts"])
def test_parts_at_a_signed_site_are_not_signed(
    whole: Path, site: Path, tmp_path: Path, below: str
) -> None:
    """Fault: someone who can write to a signed site writes a part of a shard there. dlcore signs no
    part that comes from the site.
    """
    publish_shards(whole, site)
    with pytest.raises(ConfigError, match="could choose what is signed"):
        join_shards(
            SHARDS,
            destination=str(site),
            parts=str(site / below) if below else "",
            sign_with=[tmp_path / "keys"],
        )


def test_a_killed_joining_is_finished_by_the_next_one(whole: Path, site: Path) -> None:
    publish_shards(whole, site)
    kept = {path: path.read_bytes() for path in (site / "shards").iterdir()}
    joined(site)
    for path, document in kept.items():
        path.write_bytes(document)  # as if it had been killed before it removed them
    assert joined(site).unchanged == PACKAGES + 2
    assert not list((site / "shards").iterdir())


def test_shards_are_joined_in_a_bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("obstore")
    library = write_whole(tmp_path / "library", 1)
    where = f"s3://{BUCKET}/shards"  # the servers of one process share their buckets
    with s3({}) as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        for number in (1, 2):
            publish_library([library], destination=where, shard=Shard(number, 2), memory=tmp_path)
        assert join_shards(2, destination=where).entered == 3
        again = publish_library([library], destination=where, memory=tmp_path)
        assert (again.unchanged, again.objects_written, again.documents_written) == (3, 0, 0)
        assert not verify_site(where).faults
        assert prune(where, older_than_s=0.0).kept_versions == 3
        history = history_of(open_destination(where))
        assert history is not None
        assert list(history.published.values()) == [None] * 3
