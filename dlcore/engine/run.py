"""A whole run: preflight, the steps, their state on disk, and the report at the end."""

from __future__ import annotations

import asyncio
import contextlib
import copy
from collections import Counter
from pathlib import Path

from dlcore.deployment import failed, render
from dlcore.engine.client import Client
from dlcore.engine.download.figures import added
from dlcore.engine.executor import Executor
from dlcore.engine.gather import preflight
from dlcore.engine.report import Report, make_report
from dlcore.engine.runner import Runner
from dlcore.engine.session import Session
from dlcore.engine.state import RunState, forget, save
from dlcore.engine.threads import in_thread
from dlcore.errors import PreflightError, StepError, StorageError
from dlcore.tasksequence import TaskSequence, load, packages_in_order

SAVE_EVERY_S = 10.0  # so much of its figures a killed run may lose


async def run_sequence(client: Client, sequence: TaskSequence | Path, executor: Executor) -> Report:
    """Check the prerequisites, run a task sequence, and say what it came to.

    A run that was under way in the state directory goes on at the step where it was.

    Args:
        client: Open.
        sequence: The task sequence, or the file it was exported to.
        executor: Runs the steps.

    Returns:
        The figures; ``outcome`` is ``failed`` if a step failed for good.

    Raises:
        LockedError: Another process holds the state directory; the message says which.
        PreflightError: A prerequisite is missing; nothing was run.
        StorageError: The local disk failed, or is full; run again to go on.
    """
    if isinstance(sequence, Path):
        sequence = load(sequence)
    await client.hold()
    missing = failed(await preflight(client, sequence))
    if missing:
        raise PreflightError(
            f"{len(missing)} prerequisites are missing, nothing was run:\n{render(missing)}",
            missing=tuple(check.name for check in missing),
            remedy="Mend all of them and run again.",
        )
    return await _Work(client, await client.session(sequence)).run(executor)


class _Work:
    """Keeps a run's state up to date while its steps run.

    The state's figures are sums over all lives of the run: what earlier ones came to, plus what
    this one measures. A life that was killed counts up to the last time they were saved. Whatever
    else the state says is saved when a step has ended, and only then.
    """

    def __init__(self, client: Client, session: Session) -> None:
        self._client = client
        self._session = session
        self._earlier = copy.copy(session.run)
        self._saved = session.run
        self._saving = asyncio.Lock()
        self._now_s = asyncio.get_running_loop().time
        self._started_s = self._now_s()

    async def run(self, executor: Executor) -> Report:
        """Run what is left, and report."""
        await self._save()
        figures = asyncio.ensure_future(self._save_figures_regularly())
        try:
            outcome = await Runner(self._session, executor, self._save).run()
        except StepError:
            outcome = "failed"
        finally:
            figures.cancel()
            await asyncio.wait({figures})
        self._measure(self._session.run)
        if outcome == "restart":
            await self._save()
        else:
            await in_thread(forget, self._client.state)
        link_bytes_per_s = self._client.deployment.transfer.link_bytes_per_s
        return make_report(self._session.run, outcome, await self._spared_bytes(), link_bytes_per_s)

    async def _save(self) -> None:
        """Put the state on disk as it is between two steps."""
        run = self._session.run
        run.variables = dict(self._session.variables)
        self._measure(run)
        self._saved = copy.deepcopy(run)
        await self._write()

    async def _save_figures_regularly(self) -> None:
        while True:
            await asyncio.sleep(SAVE_EVERY_S)
            self._measure(self._saved)
            with contextlib.suppress(StorageError):  # the step's end will tell
                await self._write()

    async def _write(self) -> None:
        async with self._saving:
            await in_thread(save, self._client.state, self._saved)

    def _measure(self, run: RunState) -> None:
        """Bring a state's figures up to date."""
        earlier, meter, now_s = self._earlier, self._session.meter, self._now_s()
        run.elapsed_s = earlier.elapsed_s + now_s - self._started_s
        run.busy_s = earlier.busy_s + meter.busy_s(now_s)
        run.fetched_bytes = dict(Counter(earlier.fetched_bytes) + meter.received_bytes)
        run.wasted_bytes = earlier.wasted_bytes + self._session.wasted_bytes
        run.endpoints = added(earlier.endpoints, self._session.endpoints())
        run.renewals = earlier.renewals + self._client.renewals
        if not run.restarts:
            run.reused_bytes = self._session.reused_bytes

    async def _spared_bytes(self) -> int:
        """Content that was not fetched, and that download-first would have fetched too."""
        catalog = (await self._client.library()).catalog.packages
        spared = 0
        for package in packages_in_order(self._session.sequence):
            content_bytes = catalog[package].content_bytes
            missing = self._session.missing_bytes(package, content_bytes)
            fetched = self._session.run.fetched_bytes.get(package, 0)  # by earlier lives, too
            spared += max(0, min(missing, content_bytes - fetched))
        return spared
