"""A client of content: endpoints, catalog, state directory and downloads behind one ``async with``.

Opening it costs nothing: the state directory is locked for the first package or session, and no
network is asked anything before that or the first check.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from dlcore.deployment import BandwidthSchedule, Deployment, load_deployment
from dlcore.engine.boundaries import Boundaries
from dlcore.engine.documents.catalogs import Catalogs
from dlcore.engine.download.downloads import Downloads
from dlcore.engine.download.package_index import PackageIndex
from dlcore.engine.events import Event
from dlcore.engine.listeners.bus import EventBus
from dlcore.engine.listeners.log import LoggedBus
from dlcore.engine.locking import hold
from dlcore.engine.open_endpoints import OpenEndpoints
from dlcore.engine.package_provider import PackageProvider
from dlcore.engine.policy import EnginePolicy
from dlcore.engine.running.condition_judge import Judge
from dlcore.engine.running.held_run import HeldRun
from dlcore.engine.running.resume import Resume
from dlcore.engine.running.run_content import OpenRunContent
from dlcore.engine.running.runs import Runs
from dlcore.engine.running.session import Session
from dlcore.engine.running.step_content import retry_rule
from dlcore.engine.time_limit import inquiry_policy, max_stalls
from dlcore.engine.traffic import Traffic, WallClock, local_time
from dlcore.engine.traffic_rules import Rules, Urgency
from dlcore.errors import ConfigError
from dlcore.machine import Machine, this_machine
from dlcore.schedule import Terms
from dlcore.steps.post_action import PostAction
from dlcore.store import CacheLimit, Reserve, Store
from dlcore.tasksequence import (
    TaskSequence,
    Variables,
    default_evaluator,
    from_facts,
)
from dlcore.tasksequence import load as load_sequence
from dlcore.transfer import Observe, TransferPolicy


class Client:
    """Fetches packages and runs task sequences on one state directory.

    Args:
        deployment: Settings: endpoints, catalog, conditions.
        state: The state directory; made when it is first needed. Only one process can hold it.
        wait_s: How long to wait while another process holds it.
        rng: Spreads the waits after failures.
        policy: The engine's constants.
        machine: Answers what the engine asks about the computer; None: this machine.
        wall_clock: The clock of the bandwidth schedule.
        run_content: Opens what hands out the content of runs; None: this client fetches it.

    Attributes:
        endpoints: Those that this client may use, in order of preference.
        boundaries: Which of them may be used where the machine is.
        machine: Answers what the engine asks about the computer.
        catalogs: Which catalog is used, and where it is kept.

    Example:
        ``async with Client(deployment, state) as client: path = await client.fetch("ABC00012")``
    """

    def __init__(
        self,
        deployment: Deployment,
        state: Path,
        *,
        wait_s: float = 0.0,
        rng: random.Random | None = None,
        policy: EnginePolicy | None = None,
        machine: Machine | None = None,
        wall_clock: WallClock = local_time,
        run_content: OpenRunContent | None = None,
    ) -> None:
        self.deployment = deployment
        self.state = state
        self.bus: EventBus = LoggedBus()
        self.policy = policy or EnginePolicy()
        self.machine = machine or this_machine()
        self._timeout_s = deployment.transfer.timeout_s or None
        self._inquiry_policy = inquiry_policy(self._timeout_s, None)
        # The bus is looked up at each event, as everywhere here.
        self._opened = OpenEndpoints(
            deployment,
            TransferPolicy.giving_up_after(self._timeout_s),
            lambda event: self.bus.emit(event),
        )
        self._wait_s = wait_s
        self._rng = rng or random.Random()  # noqa: S311  # spreads waits, guards nothing
        self._stack = AsyncExitStack()
        self._content: PackageProvider | None = None
        self._traffic = Traffic(
            BandwidthSchedule(deployment.bandwidth),
            deployment.background,
            self.machine,
            lambda event: self.bus.emit(event),
            float(deployment.transfer.cap_bytes_per_s),
            wall_clock,
        )
        self._holding = asyncio.Lock()
        self._held = False
        self._is_open = self._was_closed = False
        self._runs = Runs(self, run_content)
        self.store = Store.look(state)
        self.endpoints = self._opened.all
        self.boundaries = Boundaries(
            deployment.boundary,
            self.machine,
            tell=lambda event: self.bus.emit(event),
            costs={each.name: each.cost for each in deployment.endpoints},
        )
        self.catalogs = Catalogs(
            deployment,
            state,
            self.endpoints,
            tell=lambda event: self.bus.emit(event),
            policy=self._inquiry_policy,
            allowed=self.boundaries,
        )

    @classmethod
    def from_config(
        cls, config: Path, state: Path, *, trust_root: Path | None = None, wait_s: float = 0.0
    ) -> Self:
        """A client with the settings of a TOML file.

        Args:
            config: The deployment file.
            state: The state directory.
            trust_root: Root document to trust, in place of the one in the file.
            wait_s: How long to wait while another process holds the state directory.

        Raises:
            ConfigError: A setting cannot be used.
        """
        return cls(load_deployment(config, trust_root=trust_root), state, wait_s=wait_s)

    async def __aenter__(self) -> Self:
        """Open the endpoints that this client may use.

        Raises:
            ConfigError: An endpoint's settings cannot be used; or the client was closed before,
                which is the program's fault.
        """
        if self._is_open or self._was_closed:
            raise ConfigError(
                "the client was opened before", remedy="Make another one for each 'async with'."
            )
        async with AsyncExitStack() as stack:
            stack.callback(self.bus.close)
            self.bus.subscribe(self.boundaries.hear)
            self._opened.open(stack)
            self._stack = stack.pop_all()
        self._is_open = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close everything. The outcome of a run counts as told, unless this is interrupted."""
        if isinstance(error, asyncio.CancelledError | KeyboardInterrupt):
            self.keep_outcome()
        self._is_open, self._was_closed = False, True
        try:
            await self.stop_downloads()  # takes longest: until it has ended, nothing was told
        except BaseException:
            self.keep_outcome()  # whatever follows the ``async with`` is not reached
            raise
        finally:
            await self._stack.aclose()

    async def hold(self, *, is_beside_runs: bool = False) -> None:
        """Lock the state directory until the client is closed. Idempotent.

        `fetch` and `session` do it themselves.

        Args:
            is_beside_runs: Whether runs of other processes may go on there, as beside an agent.

        Raises:
            ConfigError: The client is not open; the program's fault.
            LockedError: Another process holds it, or a run or its step works there; the message
                says which.
            StorageError: It cannot be used.
        """
        async with self._holding:
            self._check_is_open()
            if not self._held:
                times = self._wait_s, self.policy.lock_retry_s
                store = await hold(self.state, *times, is_beside_runs=is_beside_runs)
                if not self._is_open:  # it was closed meanwhile
                    store.close()
                    raise _not_open()
                self.store = store
                self._stack.callback(self.store.close)
                cache = self.deployment.cache
                limit = CacheLimit(cache.max_bytes, cache.max_share)
                self.store.use_cache(limit, [*map(Path, cache.seeds)])
                self._held = True
                self._stack.push_async_callback(self.stop_downloads)
                await self.catalogs.keep_evidence()

    async def hold_run(self) -> HeldRun:
        """Lock the run in the state directory until the client is closed. Idempotent.

        The state directory is locked as well, unless the content of runs comes from elsewhere.
        `session` does it itself.

        Raises:
            ConfigError: The client is not open; the program's fault.
            LockedError: Another process holds it, or runs a sequence there, or a step of a run that
                was killed still works; the message says which.
            StorageError: It cannot be used.
        """
        if not self._runs.is_content_elsewhere:
            await self.hold()
        async with self._holding:
            self._check_is_open()
            held = self._runs.held
            if held is None:
                held = await self._runs.hold(self._wait_s, has_content=self._held)
                if not self._is_open:
                    await self._runs.aclose()
                    raise _not_open()
                self._stack.push_async_callback(self._runs.aclose)
            return held

    def events(self) -> AsyncIterator[Event]:
        """Everything that happens from now on, until the client is closed."""
        return self.bus.listen()

    def limit(self, cap_bytes_per_s: float) -> None:
        """Cap what is read from all endpoints together, from now on, also for what is in flight.

        Args:
            cap_bytes_per_s: Bytes per second, 1024 or more; 0.0 for no cap.
        """
        self._traffic.limit(cap_bytes_per_s)

    @property
    def renewals(self) -> int:
        """Tokens and locations renewed so far."""
        return self._opened.renewals

    @property
    def urgency(self) -> Urgency:
        """How urgent the content is that is fetched; `Urgency.AWAITED` at first."""
        return self._traffic.urgency

    @property
    def rules(self) -> Rules:
        """How much of the link may be used now: by the schedule, the machine, and what is asked."""
        return self._traffic.rules

    def set_urgency(self, urgency: Urgency) -> None:
        """Say how urgent the content is that is fetched, from now on, and what is in flight.

        What is not urgent (`Urgency.SPARE`) is fetched in the background: the bytes under way are
        limited, so that the queue before the narrowest link is too short for anybody to notice.
        What nobody waits for is not fetched at all where that costs money or the battery, if the
        deployment's settings say so.
        """
        self._traffic.set_urgency(urgency)

    def set_urgency_back(self, urgency: Urgency) -> None:
        """As `set_urgency`, when nothing is fetched any more: no listener hears of it."""
        self._traffic.set_urgency(urgency, is_told=False)

    def pause(self) -> None:
        """Fetch no content until `resume`. What is in flight is stopped; what came of it is kept.

        Whoever waits for a package goes on waiting. Documents are still read.
        """
        self._traffic.pause(is_paused=True)

    def resume(self) -> None:
        """Go on after `pause`. Idempotent."""
        self._traffic.pause(is_paused=False)

    def set_terms(self, endpoint: str, terms: Terms) -> None:
        """Change how an endpoint may be used, from now on, also for what is in flight.

        Args:
            endpoint: Name of one of the `endpoints`.
            terms: Its connections, its cost and its own cap.

        Raises:
            ConfigError: This client has no such endpoint.
        """
        self._opened.set_terms(endpoint, terms)
        if self._content:
            self._content.downloads.set_terms(endpoint, terms)

    def limit_hosts(self, max_connections: int) -> None:
        """Bound the ranges that are read at once from each host; 256 if never called.

        Args:
            max_connections: 1 or more, for all endpoints at a host together. A lower bound is
                reached as requests end.
        """
        self._opened.pool.limit(max_connections)

    def observe_exchanges(self, observe: Observe | None) -> None:
        """Tell of each HTTP exchange from now on; None: of none. For `dlcore.traced`."""
        self._opened.observe_exchanges(observe)

    async def package_index(self) -> PackageIndex:
        """What is known of the packages; the catalog is read at the first call.

        Raises:
            DlcoreError: The catalog cannot be read.
        """
        await self.boundaries.begin()
        return await self.catalogs.package_index(self.store)

    async def fetch(self, package_id: str) -> Path:
        """Fetch one package, or find it finished.

        Returns:
            The folder with its files, complete and verified. Read from it, write nothing: equal
            files of other packages may be the same file on disk. (Steps of a sequence get files
            that only their package has.)

        Raises:
            ConfigError: The client is not open; the program's fault.
            NotFoundError: The catalog or the endpoints do not know it.
            ExhaustedError: No endpoint is left to serve some blocks; what was verified is kept.
            IntegrityError: Every endpoint served some block wrong.
            StorageError: The local disk failed, or is full; state is kept.
        """
        content = await self.content()
        return await content.path(package_id)

    async def is_under_way(
        self, sequence: TaskSequence, resume: Resume, *, simulated: bool = False
    ) -> bool:
        """Whether `session` would go on with a run. Nothing is changed.

        Raises:
            RunStateError: As `session`.
            StorageError: The disk failed.
        """
        return await self._runs.under_way(sequence, resume, simulated=simulated) is not None

    async def session(
        self,
        sequence: TaskSequence | Path,
        *,
        resume: Resume = Resume.ASK,
        post_action: PostAction | None = None,
        simulated: bool = False,
    ) -> Session:
        """Begin a task sequence, or go on with one that was under way in the state directory.

        A run that goes on uses the catalog that it began with; nothing is asked of the network for
        that.

        Args:
            sequence: The task sequence, or the file it was exported to.
            resume: What to do with a run that is under way.
            post_action: Starts what the task sequence leaves behind when it has ended (the variable
                ``SMSTSPostAction``), once its outcome was taken. None: nothing is started.
            simulated: Whether the caller only simulates the steps. The report says so, and no real
                run goes on with what was simulated.

        Raises:
            RunStateError: The run that is under way is damaged, or the sequence was edited, and
                ``resume`` does not say what to do; or only one of both runs is simulated; or the
                catalog that it began with is lost.
            TaskSequenceError: The export is malformed.
            LockedError: Another process holds the state directory; the message says which.
            StorageError: It cannot be used.
            DlcoreError: The catalog cannot be read.
        """
        if isinstance(sequence, Path):
            sequence = load_sequence(sequence)
        held = await self.hold_run()
        return await self._runs.session(sequence, held, resume, post_action, simulated=simulated)

    def keep_outcome(self) -> None:
        """Do not count the outcome of a run as told when the client is closed.

        For a caller that cannot pass it on, because its output is closed say. The next session
        tells the outcome again, and runs no step; a restart that was asked for stays due.
        """
        self._runs.keep_outcome()

    async def content(self) -> PackageProvider:
        """Hands out packages; downloads begin with its first order.

        Raises:
            ConfigError: The client is not open; the program's fault.
            LockedError: Another process holds the state directory; the message says which.
            StorageError: It cannot be used.
            DlcoreError: The catalog cannot be read.
        """
        await self.hold()
        package_index = await self.package_index()
        self._check_is_open()  # it may have been closed meanwhile
        if self._content is None:
            downloads = Downloads(
                self._opened.terms,
                package_index.locate,
                self.bus,
                self._rng,
                reserve=self.reserve,
                max_stalls=max_stalls(self._timeout_s),
                windows=self._opened.pool.windows,
                find_patches=package_index.patch_list,
                allowed=self.boundaries,
            )
            self._traffic.attach(downloads)
            self.boundaries.attach(downloads)
            downloads.set_retry(retry_rule(Variables(), self._retry_time_s))
            self._content = PackageProvider(
                package_index, downloads, self.store, self._retry_time_s
            )
        return self._content

    @property
    def opened_content(self) -> PackageProvider | None:
        """What `content` has returned; None before its first call, and after `stop_downloads`."""
        return self._content

    async def stop_downloads(self) -> None:
        """Stop all downloads; what is verified stays. The next call of `content` starts over.

        That is also the way on after the local disk has failed. Nobody may wait for a package.
        """
        content, self._content = self._content, None
        await self._traffic.aclose()
        await self.boundaries.aclose()
        if content:
            await content.aclose()

    @property
    def _retry_time_s(self) -> float | None:
        return self.deployment.transfer.retry_time_s or None

    @property
    def reserve(self) -> Reserve:
        """Free space that is left on the disk of the state directory."""
        set_bytes = self.deployment.content.reserve_bytes
        return self.policy.reserve if set_bytes is None else Reserve.exactly(set_bytes)

    def _check_is_open(self) -> None:
        if not self._is_open:
            raise _not_open()

    def judge(self) -> Judge:
        """Decides conditions: by the deployment's facts, else as this machine can."""
        settings = self.deployment.conditions
        return Judge(from_facts(settings.facts, default_evaluator()), settings.undecided)


def _not_open() -> ConfigError:
    return ConfigError("the client is not open", remedy="Use it inside of its 'async with'.")
