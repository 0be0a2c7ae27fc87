"""A fault of the disk stops its run at a known block and leaves the other runs alone."""

from __future__ import annotations

import errno
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlcore.native import block_digests
from dlcore.native.choice import CORE_VARIABLE
from dlcore.native.interface import Core, Run, Written
from tests.native.cores import each_core

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")

HERE = Path(__file__).parent
DATA = random.Random(28).randbytes(1000)


@pytest.fixture
def fd() -> Iterator[int]:
    with tempfile.TemporaryFile() as file:
        yield file.fileno()


@pytest.fixture
def full() -> Iterator[int]:
    with Path("/dev/full").open("wb") as file:
        yield file.fileno()


def run_over(*extents: tuple[int, int, int], digests: bytes = b"") -> Run:
    return Run(DATA, 100, digests, extents)


def code_of(written: Written) -> int | None:
    if written.error is None:
        return None
    code = written.error.errno
    assert code is not None
    assert written.error.strerror == os.strerror(code)
    return code


@each_core
def test_a_full_disk_ends_the_run_at_its_first_block(core: Core, full: int) -> None:
    (written,) = core.verify_and_write([run_over((full, 0, 1000))])
    assert (written.bad, written.on_disk, code_of(written)) == ((), (), errno.ENOSPC)


@each_core
@pytest.mark.parametrize(("bytes_before", "blocks"), [(299, 2), (300, 3), (301, 3), (350, 3)])
def test_blocks_before_the_fault_count_and_the_torn_one_does_not(
    core: Core, fd: int, full: int, bytes_before: int, blocks: int
) -> None:
    rest = (fd, bytes_before + 1, 999 - bytes_before)
    (written,) = core.verify_and_write([run_over((fd, 0, bytes_before), (full, 0, 1), rest)])
    assert written.on_disk == tuple(range(blocks))
    assert code_of(written) == errno.ENOSPC
    assert os.pread(fd, 2000, 0) == DATA[:bytes_before]


@each_core
def test_bad_blocks_are_named_even_if_the_fault_comes_before_them(
    core: Core, fd: int, full: int
) -> None:
    digests = bytearray(block_digests(DATA, 100))
    digests[0] ^= 1
    digests[32 * 8] ^= 1
    job = [run_over((fd, 0, 200), (full, 0, 800), digests=bytes(digests))]
    (written,) = core.verify_and_write(job)
    assert written.bad == (0, 8)
    assert written.on_disk == (1,)
    assert code_of(written) == errno.ENOSPC


@each_core
def test_other_runs_are_written_all_the_same(core: Core, fd: int, full: int) -> None:
    runs = [run_over((fd, 0, 1000)), run_over((full, 1000, 1000)), run_over((fd, 1000, 1000))]
    written = [*core.verify_and_write(runs)]
    assert [code_of(each) for each in written] == [None, errno.ENOSPC, None]
    assert [len(each.on_disk) for each in written] == [10, 0, 10]
    assert os.pread(fd, 3000, 0) == DATA * 2


@each_core
def test_a_closed_descriptor_is_a_fault_of_its_run(core: Core, fd: int) -> None:
    closed = os.dup(fd)
    os.close(closed)
    written = [*core.verify_and_write([run_over((closed, 0, 1000)), run_over((-1, 0, 1000))])]
    assert [code_of(each) for each in written] == [errno.EBADF] * 2


@each_core
def test_a_file_open_only_to_read_is_a_fault(core: Core, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (tmp_path / "file").open("rb") as file:
        (written,) = core.verify_and_write([run_over((file.fileno(), 0, 1000))])
    assert code_of(written) == errno.EBADF


@each_core
def test_a_pipe_has_no_offsets(core: Core) -> None:
    reader, writer = os.pipe()
    (written,) = core.verify_and_write([run_over((writer, 0, 1000))])
    os.close(reader)
    os.close(writer)
    assert code_of(written) == errno.ESPIPE


@each_core
@pytest.mark.parametrize("offset", [2**63 - 1, 2**63, 2**64 - 1000])
def test_an_offset_that_no_file_has_is_a_fault(core: Core, fd: int, offset: int) -> None:
    (written,) = core.verify_and_write([run_over((fd, offset, 1000))])
    assert code_of(written) in {errno.EINVAL, errno.EFBIG}


LIMITED = """
import errno, os, resource, sys, tempfile
from dlcore.native import Run, core_name, verify_and_write

assert core_name() == sys.argv[2]
resource.setrlimit(resource.RLIMIT_FSIZE, (650, 650))
data = bytes(range(1, 101)) * 10
with tempfile.TemporaryFile(dir=sys.argv[1], buffering=0) as file:
    fd = file.fileno()
    halves = [Run(data[at : at + 500], 100, b"", [(fd, at, 500)]) for at in (0, 500)]
    first, second = verify_and_write(halves)
    assert (first.on_disk, first.error) == ((0, 1, 2, 3, 4), None)
    assert (second.on_disk, second.error.errno) == ((0,), errno.EFBIG)
    assert os.pread(fd, 2000, 0) == data[:650]
"""


@each_core
def test_a_limit_on_the_file_tears_a_write_of_two_runs_in_the_second(
    core: Core, tmp_path: Path
) -> None:
    environment = os.environ | {CORE_VARIABLE: core.NAME}
    command = [sys.executable, "-c", LIMITED, str(tmp_path), core.NAME]
    subprocess.run(command, env=environment, check=True)


@pytest.mark.skipif(not shutil.which("gcc"), reason="needs gcc")
def test_torn_and_interrupted_writes_are_continued(tmp_path: Path) -> None:
    """Fault D5: a write is torn or interrupted. dlcore writes the rest."""
    library = tmp_path / "torn.so"
    build = ["gcc", "-O1", "-Wall", "-Werror", "-shared", "-fPIC"]
    subprocess.run([*build, "-o", str(library), str(HERE / "torn_writes.c")], check=True)
    environment = os.environ | {"LD_PRELOAD": str(library)}
    probe = "import os; fd = os.memfd_create(''); assert os.pwrite(fd, bytes(100), 0) == 97"
    subprocess.run([sys.executable, "-c", probe], env=environment, check=True)
    again = ["-m", "pytest", "-q", "-x", "test_verify_and_write.py", "-k", "not at_once"]
    done = subprocess.run(
        [sys.executable, *again], cwd=HERE, env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout.decode()
