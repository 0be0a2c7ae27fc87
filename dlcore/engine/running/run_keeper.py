"""Keeps a run's state on disk while its steps run.

The state's figures are sums over all lives of the run: what earlier processes came to, plus what
this one measures. They are saved every few seconds, so a process that is killed loses little of
them. Everything else in the state is saved when a step has ended. When a step starts, only that it
has started is saved, and which groups were entered for it: if the process dies in it, the step runs
again with the variables that it began with, whatever its condition says by then.

The state of a run that has ended stays until its outcome was taken (`RunKeeper.forget`). If the
process dies before that, the next one tells the outcome, and runs no step a second time.
"""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from dlcore.engine.documents import pinned_documents
from dlcore.engine.running.state import LifeFigures, RunState
from dlcore.engine.state_file import StateFile
from dlcore.errors import StorageError
from dlcore.waiting import in_thread, to_the_end

_log = logging.getLogger(__name__)


class RunKeeper:
    """Saves a run's state, and adds to its figures what this process measures.

    Args:
        folder: The state directory, whose run this process holds.
        run: The state, as it was loaded or begun.
        measured: Tells what this process has measured, given the seconds since `begin`.
        save_every_s: Seconds between two saves of the figures.

    Attributes:
        run: The state.
    """

    def __init__(
        self,
        folder: Path,
        run: RunState,
        measured: Callable[[float], LifeFigures],
        save_every_s: float,
    ) -> None:
        self.run = run
        self._folder = folder
        self._file = StateFile(folder)
        self._measured = measured
        self._save_every_s = save_every_s
        self._earlier = copy.copy(run)
        self._saved = run
        self._saving = asyncio.Lock()
        self._on_disk: RunState | None = None
        self._has_stopped = False
        self._began_s: float | None = None
        self._figures: asyncio.Task[None] | None = None

    async def begin(self, variables: Mapping[str, str]) -> None:
        """Save the state, and its figures regularly from now on. Idempotent.

        Raises:
            StorageError: The disk failed: call it again before any step runs.
        """
        if self._figures or self._has_stopped:
            return
        if self._began_s is None:
            self._began_s = self._now_s()
        await self.save(variables)
        await in_thread(pinned_documents.tidy, self._folder, self.run.pin.documents)
        self._figures = asyncio.ensure_future(self._save_figures_regularly())

    async def start_step(self, index: int) -> None:
        """Put on disk that a step is about to have effects. Idempotent.

        Raises:
            StorageError: The disk failed: the step must not run.
        """
        if self._on_disk is self._saved and self._saved.started == index:
            return
        self.run.start_step(index)
        self._saved = self._saved.with_step_of(self.run)
        await self._write()

    async def save(self, variables: Mapping[str, str]) -> None:
        """Put the state on disk as it is between two steps. A cancellation waits for it.

        Raises:
            StorageError: The disk failed; the state on disk is that before the last step.
        """
        self.run.set_variables(variables)
        self.measure()
        self._saved = copy.deepcopy(self.run)
        await self._write()

    async def end(self, variables: Mapping[str, str]) -> None:
        """Put on disk that the run has ended; nothing is saved after that.

        Raises:
            StorageError: The disk failed.
        """
        await self.stop()
        await self.save(variables)

    async def forget(self) -> None:
        """Remove the state from disk: the outcome was taken, and the next run starts over.

        Raises:
            StorageError: The disk failed.
        """
        await in_thread(self._file.forget)
        await in_thread(pinned_documents.tidy, self._folder)

    async def take_restart(self) -> None:
        """Put on disk that the caller was told of the restart, and goes on with it.

        Raises:
            StorageError: The disk failed: the next process tells of the restart again.
        """
        self.run.take_restart()
        self._saved = copy.copy(self._saved)
        self._saved.take_restart()
        await self._write()

    async def stop(self) -> None:
        """Save nothing more. Idempotent."""
        self._has_stopped = True
        if self._figures:
            self._figures.cancel()
            await asyncio.wait({self._figures})
            self._figures = None

    def close(self) -> None:
        """Close the state directory, after `stop` and all that was saved then. Idempotent."""
        self._file.close()

    def measure(self) -> None:
        """Bring the state's figures up to date."""
        self.run.measure(self._earlier, self._life())

    def _life(self) -> LifeFigures:
        began_s = self._began_s
        return self._measured(0.0 if began_s is None else self._now_s() - began_s)

    async def _save_figures_regularly(self) -> None:
        while True:
            await asyncio.sleep(self._save_every_s)
            self._saved.measure(self._earlier, self._life())
            try:
                await self._write()
            except StorageError as error:  # the end of the step raises it, if it lasts
                _log.warning("the run's figures were not saved: %s", error.message)

    async def _write(self) -> None:
        await to_the_end(self._write_next())

    async def _write_next(self) -> None:
        async with self._saving:
            saved = self._saved
            await in_thread(self._file.save, saved)
            self._on_disk = saved

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()
