"""The content of a sequence's steps: what is downloaded in which order, and where it is then."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from dlcore.deployment import Download
from dlcore.engine.content import Content
from dlcore.engine.download.packages import Retry
from dlcore.engine.judge import Judge
from dlcore.engine.lookahead import look_ahead
from dlcore.engine.state import RunState
from dlcore.errors import ConfigError
from dlcore.tasksequence import TaskSequence, Variables, Verdict, needs

_log = logging.getLogger(__name__)


class StepContent:
    """Orders the downloads of one run, and waits for packages.

    Args:
        sequence: What runs.
        run: Where it stands.
        judge: Foresees conditions.
        variables: Task sequence variables; told where packages are.
        content: Hands out packages.
    """

    def __init__(
        self,
        sequence: TaskSequence,
        run: RunState,
        judge: Judge,
        variables: Variables,
        content: Content,
    ) -> None:
        self._sequence = sequence
        self._run = run
        self._judge = judge
        self._variables = variables
        self._content = content
        self._on_demand = run.download == Download.WHEN_NEEDED
        variables["_SMSTSDownloadOnDemand"] = str(self._on_demand).lower()

    async def begin(self) -> None:
        """Download all content of the sequence first, if the deployment asks for it.

        Raises:
            DlcoreError: As `packages`; nothing may run then.
        """
        if self._on_demand:
            return
        enabled = (step for step in self._sequence.steps if step.enabled)
        packages = tuple(dict.fromkeys(p for s in enabled for p in needs(s, self._variables)))
        self._content.downloads.set_retry(retry_rule(self._variables))
        self._content.order(packages)
        for package in packages:
            await self._arrive(package)

    def order(self, position: int) -> None:
        """Order the downloads for the steps from ``position`` on, as far as it can be told now.

        Raises:
            ConfigError: A variable that says how to retry cannot be used.
        """
        if not self._on_demand:
            return
        self._content.downloads.set_retry(retry_rule(self._variables))
        wanted = look_ahead(
            self._sequence,
            position,
            self._variables,
            self._judge,
            {index: Verdict.of(met) for index, met in self._run.entered.items()},
            frozenset(self._run.abandoned),
        )
        _log.debug("needed: %s; maybe needed: %s", wanted.needed, wanted.maybe_needed)
        self._content.order(wanted.needed, wanted.maybe_needed)

    async def package(self, package_id: str) -> Path:
        """Wait for one package: `packages`."""
        return (await self.packages((package_id,)))[package_id]

    async def packages(self, package_ids: Sequence[str]) -> dict[str, Path]:
        """Wait for packages, prove them, and set their variables.

        Returns:
            Package id -> its folder, complete and verified.

        Raises:
            NotFoundError: The catalog or the endpoints do not know a package.
            ExhaustedError: No endpoint is left to serve some of its blocks.
            IntegrityError: Every endpoint served some block wrong.
            UnexpectedContentError: There is something in its folder that is not the package's.
            StorageError: The local disk failed, or is full; what was verified is kept.
        """
        for package_id in package_ids:
            await self._arrive(package_id)
        folders = await self._content.paths(package_ids)
        for package_id, path in folders.items():
            self._variables[f"_SMSTS{package_id}"] = str(path)
        return folders

    async def _arrive(self, package_id: str) -> None:
        try:
            await self._content.arrive(package_id)
        finally:
            location = self._content.location(package_id)
            if location:
                self._variables["_SMSTSLastContentDownloadLocation"] = location


def retry_rule(variables: Variables) -> Retry:
    """The retries that the task sequence asks for.

    Raises:
        ConfigError: A variable is not a number.
    """
    defaults = Retry()
    return Retry(
        count=_number(variables, "SMSTSDownloadRetryCount", defaults.count),
        delay_s=float(_number(variables, "SMSTSDownloadRetryDelay", int(defaults.delay_s))),
    )


def _number(variables: Variables, name: str, default: int) -> int:
    text = variables.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 7):
        raise ConfigError(
            f"the variable {name} is {text!r}, which is not a number from 0 to 999999",
            remedy=f"Correct the step or the [variables] entry that sets {name}.",
        )
    return int(text)
