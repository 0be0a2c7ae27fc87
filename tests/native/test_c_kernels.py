"""The C code alone, per compiler and processor: published vectors, and blocks of any length.

arm64 is compiled with a cross compiler and run by qemu's user mode emulation, what is for Windows
by Wine.
"""

from __future__ import annotations

import functools
import hashlib
import random
import subprocess
from pathlib import Path

import pytest

from tests.native import nist
from tests.native.toolchains import TOOLCHAINS

pytestmark = [pytest.mark.builds_c, pytest.mark.timeout(300)]  # Wine takes seconds to start

HERE = Path(__file__).parent
CSRC = HERE.parent.parent / "dlcore_ext" / "csrc"
STACKS = 4  # c_driver.c hashes as many lines on stacks at all places that an ABI allows


class Driver:
    """The compiled driver."""

    def __init__(self, command: tuple[str, ...]) -> None:
        self._command = command

    @functools.cached_property
    def backends(self) -> list[str]:
        return self._run([], "").split()

    def digests(self, name: str, blocks: list[tuple[int, bytes]]) -> list[str]:
        lines = "".join(f"{block_bytes} {data.hex()}\n" for block_bytes, data in blocks)
        return self._run([name], lines).split()

    def _run(self, arguments: list[str], lines: str) -> str:
        command = [*self._command, *arguments]
        done = subprocess.run(command, input=lines, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module", params=TOOLCHAINS)
def driver(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Driver:
    toolchain = TOOLCHAINS[request.param]()
    sources = [HERE / "c_driver.c", *sorted(CSRC.glob("*.c"))]
    program = toolchain.build(sources, CSRC, tmp_path_factory.mktemp("driver"))
    driver = Driver((*toolchain.runner, str(program)))
    assert not toolchain.expected or toolchain.expected in driver.backends
    return driver


def hash_one_by_one(block_bytes: int, data: bytes) -> str:
    blocks = (data[at : at + block_bytes] for at in range(0, len(data), block_bytes))
    return "".join(hashlib.sha256(block).hexdigest() for block in blocks)


def test_published_messages_have_their_digests_in_every_lane(driver: Driver) -> None:
    vectors = [(vector, copies) for vector in nist.messages() for copies in (1, 2, 3, 8, 16, 19)]
    blocks = [(len(message), message * copies) for (message, _), copies in vectors]
    expected = [digest.hex() * copies for (_, digest), copies in vectors]
    for backend in driver.backends:
        assert driver.digests(backend, blocks) == expected, backend


def test_blocks_of_any_length_have_hashlibs_digests(driver: Driver) -> None:
    noise = random.Random(51)
    blocks = [
        (block_bytes, noise.randbytes(block_bytes * count - noise.randrange(block_bytes)))
        for block_bytes in (1, 2, 54, 55, 56, 57, 63, 64, 65, 119, 120, 128, 129, 1000)
        for count in range(1, 36)
    ]
    expected = [hash_one_by_one(*each) for each in blocks]
    for backend in driver.backends:
        assert driver.digests(backend, blocks) == expected, backend


def test_a_chain_of_a_thousand_digests_meets_its_checkpoint(driver: Driver) -> None:
    seed, checkpoints = nist.monte_carlo()
    messages: list[bytes] = []

    def digest(message: bytes) -> bytes:
        messages.append(message)
        return hashlib.sha256(message).digest()

    assert nist.monte_carlo_checkpoint(seed, digest) == checkpoints[0]
    chained = [message[-32:].hex() for message in messages[1:]] + [checkpoints[0].hex()]
    for backend in driver.backends:
        assert driver.digests(backend, [(96, message) for message in messages]) == chained


def test_a_stack_that_is_aligned_as_the_abi_promises_is_enough(driver: Driver) -> None:
    """Fault: GCC for Windows spills wide registers as if the stack were aligned to their width.
    The assembler is told to use moves that need no alignment.
    """
    block = (64, random.Random(16).randbytes(64 * 35))  # fills every kernel's lanes
    expected = [hash_one_by_one(*block)] * STACKS
    for backend in driver.backends:
        assert driver.digests(backend, [block] * STACKS) == expected, backend
