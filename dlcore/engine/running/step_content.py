"""The content of a sequence's steps: what is downloaded in which order, and where it is then."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

from dlcore.deployment import Download
from dlcore.engine.documents.republished import Republished
from dlcore.engine.download.retry import UNLIMITED, Retry
from dlcore.engine.network_wait import NetworkWait
from dlcore.engine.running.condition_judge import Judge
from dlcore.engine.running.download_step import PackagesOrErrors, Stored
from dlcore.engine.running.lookahead import all_content, look_ahead
from dlcore.engine.running.run_content import RunContent
from dlcore.engine.running.state import RunState
from dlcore.errors import (
    AgentError,
    ConfigError,
    DlcoreError,
    ExhaustedError,
    NotFoundError,
    RunStateError,
    StorageError,
)
from dlcore.printable import quoted
from dlcore.store import Package
from dlcore.tasksequence import Step, TaskSequence, Variables, Verdict, unresolved_needs

_log = logging.getLogger(__name__)

T = TypeVar("T")
Waited = Callable[[str, float], None]
STOPPING: Final = (AgentError, RunStateError, StorageError)
"""What stops a run where it is, so that it can go on later. All other errors fail the step."""
MAX_REFERENCE_CHARACTERS = 100  # of a reference in a message: more does not help to find it


class StepContent:
    """Orders the downloads of one run, and waits for packages.

    Args:
        sequence: What runs.
        run: Where it stands.
        judge: Foresees conditions.
        variables: Task sequence variables; told where packages are.
        content: Hands out packages.
        network: Waits for the network.
        republished: Knows which packages were published again.
    """

    def __init__(
        self,
        sequence: TaskSequence,
        run: RunState,
        judge: Judge,
        variables: Variables,
        content: RunContent,
        network: NetworkWait,
        republished: Republished,
    ) -> None:
        self._sequence = sequence
        self._run = run
        self._judge = judge
        self._variables = variables
        self._content = content
        self._network = network
        self._republished = republished
        self._on_demand = run.download == Download.WHEN_NEEDED
        variables["_SMSTSDownloadOnDemand"] = str(self._on_demand).lower()

    async def download_first_if_asked(self) -> None:
        """Download all content before the first step, if the deployment asks for it.

        Raises:
            DlcoreError: As `hand_out`; nothing can run then.
        """
        if self._on_demand:
            return
        wanted = all_content(self._sequence, self._variables, self._judge)
        self._content.set_retry(retry_rule(self._variables, self._content.retry_time_s))
        self._content.order(wanted.needed, wanted.maybe_needed)
        for package in wanted.needed:
            await self._once_network_is_there((package,), self._all_arrive)

    def order(self, position: int) -> None:
        """Order the downloads for the steps from ``position`` on, as far as it can be told now.

        Args:
            position: Index of the step whose content is asked for: it runs.

        Raises:
            ConfigError: A variable that says how to retry cannot be used.
        """
        if not self._on_demand:
            return
        self._content.set_retry(retry_rule(self._variables, self._content.retry_time_s))
        wanted = look_ahead(
            self._sequence,
            position,
            self._variables,
            self._judge,
            {index: Verdict.of(met) for index, met in self._run.entered.items()},
            frozenset(self._run.abandoned),
            turn=position,
        )
        _log.debug("needed: %s; maybe needed: %s", wanted.needed, wanted.maybe_needed)
        self._content.order(wanted.needed, wanted.maybe_needed)

    def is_there(self, package_ids: Sequence[str]) -> bool:
        """Whether packages are complete already."""
        return all(map(self._content.is_there, package_ids))

    def unresolved(self, step: Step) -> str | None:
        """Why the packages that a step needs are not known now, for people; None if they are."""
        reasons = [
            f"the package {quoted(need.reference[:MAX_REFERENCE_CHARACTERS])} is not known:"
            f" {need.reason}"
            for need in unresolved_needs(step, self._variables)
        ]
        return "; ".join(reasons) or None

    async def programs(self, package_ids: Sequence[str]) -> dict[str, Mapping[str, str]]:
        """The programs that were published with packages which have arrived.

        Returns:
            Package id -> name of a program -> its command line.

        Raises:
            DlcoreError: As `hand_out`.
        """
        manifests = [await self._content.package_index.manifest(each) for each in package_ids]
        return {manifest.package_id: manifest.programs for manifest, _ in manifests}

    async def hand_out_one(self, package_id: str, waited: Waited) -> Path:
        """Wait for one package: `hand_out`."""
        return (await self.hand_out((package_id,), waited))[package_id]

    async def hand_out(self, package_ids: Sequence[str], waited: Waited) -> dict[str, Path]:
        """Wait for packages, prove them, and set their variables.

        What is on disk needs no network. For what is missing, this waits for the network.

        Args:
            package_ids: What is wanted, in order.
            waited: Called with each package and the time for which it alone was waited for: since
                the packages before it were there.

        Returns:
            Package id -> its folder, complete and verified.

        Raises:
            NotFoundError: The catalog or the endpoints do not know a package.
            ExhaustedError: No endpoint is left to serve some of its blocks.
            RunStateError: Likewise, and the package was published again since the run began.
            IntegrityError: Every endpoint served some block wrong.
            UnexpectedContentError: There is something in its folder that is not the package's.
            StorageError: The local disk failed, or is full; what was verified is kept.
            AgentError: The agent that has the content cannot be reached.
        """
        folders = await self._once_network_is_there(
            package_ids, lambda ids: self._proven(ids, waited)
        )
        for package_id, path in folders.items():
            self._variables[f"_SMSTS{package_id}"] = str(path)
        return folders

    async def packages_or_errors(
        self, package_ids: Sequence[str], waited: Waited
    ) -> PackagesOrErrors:
        """Wait for the packages of a step that decides itself what a missing one means.

        Args:
            package_ids: What is wanted, in order.
            waited: As for `hand_out`.

        Raises:
            AgentError: As `hand_out`.
            RunStateError: As `hand_out`.
            StorageError: As `hand_out`.
        """
        arrived: dict[str, Stored | DlcoreError] = {}
        for package_id in package_ids:
            try:
                folder = await self.hand_out_one(package_id, waited)
                described = await self._content.package_index.manifest(package_id)
                arrived[package_id] = Stored(folder, Package(*described))
            except STOPPING:
                raise
            except DlcoreError as error:
                arrived[package_id] = error
        return arrived

    async def _once_network_is_there(
        self, package_ids: Sequence[str], ask: Callable[[Sequence[str]], Awaitable[T]]
    ) -> T:
        try:
            return await self._network.until_there(package_ids, lambda: ask(package_ids))
        except (NotFoundError, ExhaustedError) as error:
            raise await self._republished.explain(error, package_ids) from error

    async def _proven(self, package_ids: Sequence[str], waited: Waited) -> dict[str, Path]:
        for package_id in package_ids:
            await self._arrive(package_id, waited)
        return await self._content.paths(package_ids, to_write=True)

    async def _all_arrive(self, package_ids: Sequence[str]) -> None:
        for package_id in package_ids:
            await self._arrive(package_id, _wait_of_no_step)

    async def _arrive(self, package_id: str, waited: Waited) -> None:
        now_s = asyncio.get_running_loop().time
        began_s = now_s()
        try:
            await self._content.arrive(package_id)
        finally:
            waited(package_id, now_s() - began_s)
            location = self._content.location(package_id)
            if location:
                self._variables["_SMSTSLastContentDownloadLocation"] = location


def _wait_of_no_step(package_id: str, wait_s: float) -> None:
    """All content is downloaded before the first step: none waits."""


def retry_rule(variables: Variables, total_s: float | None = None) -> Retry:
    """The retries that the task sequence asks for.

    Args:
        variables: Those of the run.
        total_s: Seconds to go on for, as the deployment says; None if it does not.

    Raises:
        ConfigError: A variable is not a number.
    """
    count = _number(variables, "SMSTSDownloadRetryCount")
    delay_s = _number(variables, "SMSTSDownloadRetryDelay")
    if count is None:
        count = Retry().count if total_s is None else UNLIMITED
    return Retry(count, None if delay_s is None else float(delay_s), total_s)


def _number(variables: Variables, name: str) -> int | None:
    text = variables.get(name, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 7):
        raise ConfigError(
            f"the variable {name} is {quoted(text)}, which is not a number from 0 to 999999",
            remedy=f"Correct the step or the [variables] entry that sets {name}.",
        )
    return int(text)
