"""SHA-256 gives the digests that NIST publishes, with every backend and in every lane."""

from __future__ import annotations

import pytest

from dlcore.native.interface import Core
from tests.native import nist
from tests.native.cores import each_backend, using


@pytest.mark.parametrize("copies", [1, 2, 3, 8, 16, 19])
@each_backend
def test_every_lane_gives_the_digest_of_a_published_message(
    core: Core, backend: str, copies: int
) -> None:
    vectors = nist.messages()
    assert len(vectors) == 128
    with using(core, backend):
        for message, digest in vectors:
            assert core.block_digests(message * copies, len(message)) == digest * copies


@pytest.mark.parametrize("copies", [1, 8, 16])
@each_backend
def test_a_hundred_thousand_chained_digests_meet_every_checkpoint(
    core: Core, backend: str, copies: int
) -> None:
    def digest(message: bytes) -> bytes:
        return core.block_digests(message * copies, len(message))[-32:]

    seed, checkpoints = nist.monte_carlo()
    assert len(checkpoints) == 100
    with using(core, backend):
        for checkpoint in checkpoints:
            seed = nist.monte_carlo_checkpoint(seed, digest)
            assert seed == checkpoint
