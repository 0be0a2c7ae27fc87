"""The lock of a run, and the locks of the step that it is at.

Guarantees: a step has started only while its locks are held. They end with the step, or, if this
process ends first, with the last program of the step. Until then no other run begins, and nobody
else takes the content that the step works in.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from dlcore.disk.faults import guarded
from dlcore.long_path import rooted
from dlcore.steps.interface import Inherited
from dlcore.store.lock import CONTENT_LOCK, RUN_LOCK, StateLock
from dlcore.store.step_lock import MARK_VARIABLE, StepLock
from dlcore.tasksequence import Step
from dlcore.waiting import in_thread


class HeldRun:
    """What the process of a run holds.

    Args:
        state: The state directory.
        lock: The run's lock; it is released with this.
        has_content: Whether this process holds the content as well, so that no agent has it.

    Attributes:
        inherited: What the programs of the step that has started must inherit.
    """

    def __init__(self, state: Path, lock: StateLock, *, has_content: bool) -> None:
        self.inherited = Inherited()
        self._state = rooted(state)
        self._lock = lock
        self._names = (RUN_LOCK, CONTENT_LOCK) if has_content else (RUN_LOCK,)
        self._of_step: list[StepLock] = []

    async def start_step(self, step: Step) -> None:
        """Take the locks of a step, before it has effects.

        Raises:
            StorageError: The disk failed: the step must not run.
        """
        await in_thread(self._start, step.index, step.name)

    async def end_step(self) -> None:
        """The step has ended. What it has left running holds nothing. Idempotent."""
        await in_thread(self._end)

    def release(self) -> None:
        """End with the process: a step that has not ended keeps its locks. Idempotent."""
        while self._of_step:
            self._of_step.pop().leave()
        self._lock.release()

    def _start(self, index: int, name: str) -> None:
        self._end()
        mark = secrets.token_hex(16)
        with guarded("lock the step", self._state):
            for each in self._names:
                self._of_step.append(StepLock(self._state, each, index, name, mark))
        descriptors = tuple(fd for lock in self._of_step for fd in lock.descriptors)
        self.inherited = Inherited(descriptors, {MARK_VARIABLE: mark})

    def _end(self) -> None:
        self.inherited = Inherited()
        while self._of_step:
            self._of_step.pop().end()
