"""The file system of a folder is named as the operating system names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcore.disk.file_system import is_mount_point, kind_in, kind_of

MOUNTS = r"""22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:21 / /srv rw - xfs /dev/sdb1 rw
24 23 0:22 / /srv/share rw master:7 - nfs4 server:/export rw
25 23 0:23 / /srv/two\040words rw - vfat /dev/sdc1 rw
26 22 0:24 / /tmp rw - tmpfs tmpfs rw
27 26 0:25 / /tmp rw - overlay overlay rw
"""


@pytest.mark.posix_only(reason="Windows has no list of what is mounted where")
@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/home/me", "ext4"),
        ("/srv/state", "xfs"),
        ("/srv/share/state", "nfs4"),
        ("/srv/shared", "xfs"),
        ("/srv/two words/state", "vfat"),
        ("/tmp/state", "overlay"),
    ],
)
def test_the_nearest_mount_counts_and_of_two_the_later_one(path: str, kind: str) -> None:
    assert kind_in(MOUNTS, Path(path)) == kind


@pytest.mark.posix_only(reason="Windows has no list of what is mounted where")
def test_a_folder_that_is_mounted_at_a_second_place_is_a_mount_point(tmp_path: Path) -> None:
    place = tmp_path.resolve() / "two words"
    place.mkdir()
    (tmp_path / "link").symlink_to(place)
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    assert not is_mount_point(place, mounts)
    escaped = str(place).replace(" ", r"\040")
    mounts.write_text(MOUNTS + rf"28 22 8:1 /a {escaped} rw - ext4 /dev/sda1 rw")
    assert is_mount_point(place, mounts)
    assert is_mount_point(tmp_path / "link", mounts)
    assert not is_mount_point(tmp_path, mounts)
    assert is_mount_point(Path("/"), tmp_path / "none")


def test_nothing_is_made_up() -> None:
    assert kind_in("", Path("/srv")) == ""


def test_this_machine_names_one(tmp_path: Path) -> None:
    assert kind_of(tmp_path.resolve())
