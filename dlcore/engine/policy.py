"""The engine's own constants, each with its reason."""

from __future__ import annotations

import msgspec

from dlcore.store import Reserve


class EnginePolicy(msgspec.Struct, frozen=True):
    """How the engine goes about a run.

    Attributes:
        save_every_s: Seconds between two saves of a run's figures. A run that is killed loses up
            to this much of them; a save is one small file and one sync.
        lock_retry_s: Seconds between two attempts to lock a state directory that another process
            holds. Short for a person who waits, long for a processor.
        max_copy_wait_s: How long a step waits while another process copies a package to the same
            folder: longer than the largest package takes.
        reserve: Free space that is left on the disk of the state directory.
    """

    save_every_s: float = 10.0
    lock_retry_s: float = 0.2
    max_copy_wait_s: float = 3600.0
    reserve: Reserve = Reserve()
