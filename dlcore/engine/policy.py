"""The engine's own constants, each with its reason."""

from __future__ import annotations

import msgspec

from dlcore.engine.listeners.thinning import RecordPolicy
from dlcore.store import Reserve


class EnginePolicy(msgspec.Struct, frozen=True):
    """How the engine goes about a run.

    Attributes:
        first_network_wait_s: Wait before endpoints are asked again when none can be reached; it
            doubles each time. An interface that is coming up needs a few seconds.
        max_network_delay_s: The longest of these waits. A person who plugs a cable in waits this
            long at most.
        max_network_wait_s: How long a step waits for the network in all. An hour covers the restart
            of a branch office's router, and ends an unattended run within a night.
        save_every_s: Seconds between two saves of a run's figures. A run that is killed loses up
            to this much of them; a save is one small file and one sync.
        lock_retry_s: Seconds between two attempts to lock a state directory that another process
            holds. Short for a person who waits, long for a processor.
        max_copy_wait_s: How long a step waits while another process copies a package to the same
            folder: longer than the largest package takes.
        max_repetitions: How often in a row a step may ask to be repeated after a restart. More than
            the updates of a machine need that was switched off for years; a laptop that restarts
            this often is stuck.
        reserve: Free space that is left on the disk of the state directory.
        record: How much of a run is recorded.
    """

    first_network_wait_s: float = 2.0
    max_network_delay_s: float = 60.0
    max_network_wait_s: float = 3600.0
    save_every_s: float = 10.0
    lock_retry_s: float = 0.2
    max_copy_wait_s: float = 3600.0
    max_repetitions: int = 20
    reserve: Reserve = Reserve()
    record: RecordPolicy = RecordPolicy()
