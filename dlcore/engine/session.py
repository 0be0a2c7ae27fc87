"""One task sequence on one client: each step's content is there when its turn comes.

An agent that runs the steps itself awaits `Session.content` before each; `dlcore run` does the
same through ``run``. Meanwhile the packages of later steps arrive in deadline order.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from dlcore.deployment import Download
from dlcore.engine.content import Content
from dlcore.engine.download.downloads import Retry
from dlcore.engine.download.figures import EndpointFigures
from dlcore.engine.download.meter import Meter
from dlcore.engine.events import Event, EventBus
from dlcore.engine.judge import Judge
from dlcore.engine.lookahead import look_ahead
from dlcore.engine.state import RunState
from dlcore.errors import ConfigError
from dlcore.tasksequence import Step, TaskSequence, Variables, Verdict, needs


class Session:
    """A task sequence under way.

    Args:
        sequence: What runs.
        run: Where it stands; kept up to date.
        content: Hands out packages.
        judge: Decides conditions.
        bus: Where events are heard.

    Attributes:
        variables: Task sequence variables, to be read and set.
    """

    def __init__(
        self, sequence: TaskSequence, run: RunState, content: Content, judge: Judge, bus: EventBus
    ) -> None:
        self.sequence = sequence
        self.run = run
        self.judge = judge
        self.bus = bus
        self.variables = Variables({**sequence.variables, **run.variables})
        self._content = content
        self._on_demand = run.download == Download.WHEN_NEEDED
        self.variables["_SMSTSDownloadOnDemand"] = str(self._on_demand).lower()

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps in order of execution, disabled ones too."""
        return self.sequence.steps

    @property
    def meter(self) -> Meter:
        """Counts the bytes."""
        return self._content.downloads.meter

    @property
    def reused_bytes(self) -> int:
        """Verified bytes that were on disk when their packages were begun."""
        return self._content.downloads.reused_bytes

    @property
    def wasted_bytes(self) -> int:
        """Bytes received and not used: of races lost and of ranges stopped."""
        return self._content.downloads.wasted_bytes

    def endpoints(self) -> dict[str, EndpointFigures]:
        """What each endpoint has done so far."""
        return self._content.downloads.figures()

    def events(self) -> AsyncIterator[Event]:
        """Everything that happens from now on, until the client is closed."""
        return self.bus.listen()

    def packages(self, step: Step) -> tuple[str, ...]:
        """Ids of the packages that a step needs, with the variables as they are now."""
        return needs(step, self.variables)

    def is_complete(self, package_id: str) -> bool:
        """Whether a package is on disk, complete and verified, as far as is known yet."""
        return self._content.downloads.is_finished(package_id)

    def missing_bytes(self, package_id: str, content_bytes: int) -> int:
        """How much of a package of that length is not known to be verified on disk."""
        return content_bytes - self._content.downloads.verified_bytes(package_id, content_bytes)

    def look_ahead(self, position: int) -> None:
        """Order the downloads for the steps from ``position`` on, as far as it can be told now."""
        if not self._on_demand:
            return
        self._content.downloads.retry = retry_rule(self.variables)
        entered = {i: Verdict.of(met) for i, met in self.run.entered.items()}
        outlook = look_ahead(
            self.sequence,
            position,
            self.variables,
            self.judge,
            entered,
            frozenset(self.run.abandoned),
        )
        self._content.order(outlook.urgent, outlook.idle)

    async def content(self, step: Step) -> dict[str, Path]:
        """Wait until all packages of a step are complete and verified.

        Meanwhile the whole link serves this step; afterwards, the steps behind it. Sets
        ``_SMSTS<PackageID>`` to each package's folder.

        Args:
            step: Whose turn it is.

        Returns:
            Package id -> folder.

        Raises:
            NotFoundError: The catalog or the endpoints do not know a package.
            ExhaustedError: Nobody is left to serve some blocks of a package.
            IntegrityError: Everybody served some block wrong.
            StorageError: The local disk failed, or is full; state is kept.
        """
        self.look_ahead(step.index)
        return {package: await self.package(package) for package in self.packages(step)}

    async def package(self, package_id: str) -> Path:
        """Wait for one package and set its variables; raises as `content`."""
        try:
            path = await self._content.path(package_id)
        finally:
            location = self._content.location(package_id)
            if location:
                self.variables["_SMSTSLastContentDownloadLocation"] = location
        self.variables[f"_SMSTS{package_id}"] = str(path)
        return path

    async def everything(self) -> None:
        """Download all content of the sequence, as the setting *before start* does.

        Raises:
            DlcoreError: As `content`; nothing may run then.
        """
        enabled = (step for step in self.sequence.steps if step.enabled)
        packages = tuple(dict.fromkeys(p for step in enabled for p in self.packages(step)))
        self._content.downloads.retry = retry_rule(self.variables)
        self._content.order(packages)
        for package in packages:
            await self.package(package)


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
