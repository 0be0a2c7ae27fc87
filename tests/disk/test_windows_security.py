"""The calls about access lists, and who controls a place by them."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dlcore.disk.access_list import parse
from dlcore.disk.windows_control import AccessControl
from tests.disk.sddl import encode
from tests.disk.test_access_list import (
    DRIVE,
    EVE,
    LOCAL_APP_DATA,
    ME,
    PRIVATE,
    PROGRAM_DATA,
    SYSTEM_PROFILE,
)

SYSTEM = "S-1-5-18"
NO_LISTS = pytest.mark.wine_cannot(reason="keeps modes and no access lists")


def control(descriptor: str, user: str = ME, *, passes_on: bool = True) -> AccessControl:
    return AccessControl(parse(encode(descriptor)), user, passes_on=passes_on)


@pytest.mark.parametrize(
    ("descriptor", "user", "is_own"),
    [
        (LOCAL_APP_DATA, ME, True),
        (LOCAL_APP_DATA, SYSTEM, False),  # a task sequence does not run in a user's folder
        (SYSTEM_PROFILE, SYSTEM, True),
        (SYSTEM_PROFILE, ME, True),  # if this user may open it at all
        (DRIVE, ME, True),
        (LOCAL_APP_DATA, EVE, False),
    ],
)
def test_what_belongs_to_the_system_is_safe_and_what_another_user_owns_is_not(
    descriptor: str, user: str, *, is_own: bool
) -> None:
    place = control(descriptor, user)
    assert (place.is_own, place.is_of_another) == (is_own, not is_own)


def test_folders_above_may_be_open_but_not_links() -> None:
    """Fault: a junction on the way can be led elsewhere by others. dlcore does not follow it."""
    assert control(DRIVE).others_may_change()
    assert not control(DRIVE).others_may_exchange()
    assert control(PROGRAM_DATA).others_may_redirect()
    assert not control(PRIVATE).others_may_redirect()


def test_a_disk_without_access_lists_is_used_but_not_for_secrets() -> None:
    """Fault: a secret lies on a stick with FAT. dlcore refuses it, but fetches content there."""
    security = parse(encode("O:WD"))
    assert security.admits_everyone
    assert AccessControl(security, ME, passes_on=True).others_may_change()
    stick = AccessControl(security, ME, passes_on=True, has_lists=False)
    assert (stick.is_own, stick.others_may_change()) == (True, False)
    assert stick.others_may_read()
    assert not parse(encode(DRIVE)).admits_everyone


def test_the_remedy_names_everyone_by_their_sid() -> None:
    """People have other names in each language of Windows."""
    path = Path("C:/my state")
    assert control(PROGRAM_DATA).without_writers(path) == (
        f'icacls "{path}" /inheritance:r /grant:r "*{ME}:(OI)(CI)F" "*S-1-5-18:(OI)(CI)F"'
        ' "*S-1-5-32-544:(OI)(CI)F" /remove:g "*S-1-5-32-545"'
    )
    secret = control(f"O:SYD:(A;;FR;;;WD)(A;;FA;;;{ME})", SYSTEM, passes_on=False)
    assert secret.without_readers(path) == (
        f'icacls "{path}" /inheritance:r /grant:r "*S-1-5-18:F" "*S-1-5-32-544:F"'
        f' /remove:g "*S-1-1-0" "*{ME}"'
    )


def test_a_secret_of_another_user_gets_another_owner_first() -> None:
    remedy = control(f"O:{EVE}D:(A;;FA;;;{ME})", passes_on=False).without_readers("secret")
    assert remedy.startswith('takeown /f "secret", then icacls "secret" ')


if sys.platform == "win32":
    import ctypes

    from dlcore.disk import windows_security
    from dlcore.disk.ownership import check_way, how_to_close, is_open_to_others
    from dlcore.disk.rights import pattern_path, rights_of_new_file, rights_of_new_folder
    from dlcore.errors import OwnershipError
    from tests.others import let_others_read

    def words(path: Path) -> str:
        """What Windows says of a place in its own words."""
        command = f"(Get-Acl -LiteralPath '{path}').Sddl"
        shell = ["powershell", "-NoProfile", "-Command", command]
        return subprocess.run(shell, capture_output=True, text=True, check=True).stdout.strip()

    def run_icacls(command: str) -> None:
        subprocess.run(command, capture_output=True, check=True)  # as people paste it

    def test_the_user_has_a_sid() -> None:
        assert windows_security.current_user().startswith("S-1-5-")

    @pytest.mark.parametrize("descriptor", [DRIVE, LOCAL_APP_DATA, PROGRAM_DATA, PRIVATE])
    def test_the_tests_make_the_same_descriptors_as_windows(descriptor: str) -> None:
        descriptor = descriptor.replace(
            descriptor[descriptor.find("G:") : descriptor.find("D:")], ""
        )
        made = ctypes.c_void_p()
        size = ctypes.c_uint32()
        assert ctypes.WinDLL("advapi32").ConvertStringSecurityDescriptorToSecurityDescriptorW(
            descriptor, 1, ctypes.byref(made), ctypes.byref(size)
        )
        assert made.value
        assert parse(ctypes.string_at(made.value, size.value)) == parse(encode(descriptor))

    def test_owner_and_list_are_the_same_by_path_and_by_descriptor(tmp_path: Path) -> None:
        path = tmp_path / "file"
        path.touch()
        with path.open("rb") as file:
            by_descriptor = windows_security.security_of_open(file.fileno())
        assert by_descriptor == windows_security.security_of(path)
        assert not by_descriptor.is_of_another(windows_security.current_user())

    def test_the_disk_of_the_tests_keeps_access_lists(tmp_path: Path) -> None:
        assert windows_security.keeps_access_lists(tmp_path)

    def test_what_is_not_there_is_named(tmp_path: Path) -> None:
        for look in (windows_security.security_of, windows_security.access_list_of):
            with pytest.raises(FileNotFoundError) as missing:
                look(tmp_path / "missing")
            assert missing.value.filename == str(tmp_path / "missing")

    def test_what_is_there_is_not_made_again(tmp_path: Path) -> None:
        path = tmp_path / "there"
        path.write_bytes(b"old")
        for make in (
            lambda: windows_security.open_private(str(path), os.O_RDWR | os.O_EXCL),
            lambda: windows_security.make_private_folder(str(path)),
        ):
            with pytest.raises(FileExistsError) as refused:
                make()
            assert (refused.value.filename, refused.value.errno) == (str(path), errno.EEXIST)
        os.close(windows_security.open_private(str(path), os.O_RDWR))
        assert path.read_bytes() == b"old"
        os.close(windows_security.open_private(str(path), os.O_WRONLY | os.O_TRUNC))
        assert path.read_bytes() == b""

    def test_a_private_file_is_opened_as_it_was_asked_for(tmp_path: Path) -> None:
        path = tmp_path / "file"
        fd = windows_security.open_private(str(path), os.O_RDWR)
        try:
            assert not os.get_inheritable(fd)
            os.write(fd, b"1\n2")
            os.lseek(fd, 0, os.SEEK_SET)
            assert os.read(fd, 9) == b"1\n2"
        finally:
            os.close(fd)
        fd = windows_security.open_private(str(path), os.O_RDONLY)
        try:
            with pytest.raises(OSError):
                os.write(fd, b"x")
        finally:
            os.close(fd)

    @NO_LISTS
    def test_a_private_place_admits_user_system_and_administrators(tmp_path: Path) -> None:
        make = windows_security
        make.make_private_folder(str(tmp_path / "folder"))
        os.close(make.open_private(str(tmp_path / "file"), os.O_RDWR))
        (tmp_path / "folder" / "made by others").mkdir()
        user = make.current_user()
        for name in ("folder", "file", r"folder\made by others"):
            granted = {entry.sid for entry in make.security_of(tmp_path / name).entries}
            assert granted == {user, "S-1-5-18", "S-1-5-32-544"}
        assert "D:P" in words(tmp_path / "folder")
        assert "D:P" in words(tmp_path / "file")

    @NO_LISTS
    def test_content_inherits_from_the_place_that_it_goes_to(tmp_path: Path) -> None:
        """Fault: what was private stays private when it is delivered. dlcore opens it again."""
        place, state = tmp_path / "place", tmp_path / "state"
        place.mkdir()
        run_icacls(f'icacls "{place}" /grant "*S-1-5-32-545:(OI)(CI)RX"')
        windows_security.make_private_folder(str(state))
        rights, new = rights_of_new_folder(place / "new", state), place / "new"
        (new / "folder").mkdir(parents=True)
        (new / "file").touch()
        found = (new, new / "folder", new / "file")
        assert tuple(map(windows_security.access_list_of, found)) == tuple(rights)
        windows_security.make_private_folder(str(state / "content"))
        windows_security.give_access_list(state / "content", rights.root)
        assert words(state / "content") == words(new)
        (place / "one").touch()
        rights = rights_of_new_file(place / "one", state)
        assert windows_security.access_list_of(place / "one") == rights.files

    @NO_LISTS
    def test_the_remedy_closes_a_secret(tmp_path: Path) -> None:
        secret = tmp_path / "secret"
        secret.write_text("canary")
        let_others_read(secret)
        run_icacls(how_to_close(secret))
        with secret.open("rb") as file:
            assert not is_open_to_others(secret, file.fileno())

    @NO_LISTS
    def test_the_remedy_closes_a_folder(tmp_path: Path) -> None:
        run_icacls(f'icacls "{tmp_path}" /grant "*S-1-5-32-545:(OI)(CI)M"')
        with pytest.raises(OwnershipError) as refused:
            check_way(tmp_path)
        run_icacls(refused.value.remedy.removeprefix("Run: ").partition(";")[0])
        check_way(tmp_path)

    def test_a_pattern_that_a_killed_process_left_is_removed(tmp_path: Path) -> None:
        """Fault: a process is killed while it asks for rights. The next one cleans up."""
        state, target = tmp_path / "state", tmp_path / "target"
        windows_security.make_private_folder(str(state))
        (pattern_path(target) / "folder").mkdir(parents=True)
        rights_of_new_folder(target, state)
        pattern_path(target).touch()
        rights_of_new_file(target, state)
        assert list(tmp_path.iterdir()) == [state]

    def test_a_pattern_that_is_not_dlcores_is_left_alone(tmp_path: Path) -> None:
        target = tmp_path / "target"
        (pattern_path(target) / "folder").mkdir(parents=True)
        (pattern_path(target) / "precious").touch()
        with pytest.raises(OSError):
            rights_of_new_folder(target, tmp_path)
        assert (pattern_path(target) / "precious").exists()
