"""The library without asyncio: `dlcore.sync`."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import threading
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import dlcore
from dlcore import sync
from dlcore.agent.running import running_agent
from dlcore.engine.events import PackageReady
from dlcore.errors import ConfigError, NotFoundError, StepError
from tests.engine.scene import deployment, publish_packages, sequence, step, upgrade
from tests.telemetry.memory import Memory, told


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with a published site and a sequence over it."""
    publish_packages(tmp_path, {"ABC00001": {"a": 300_000}, "ABC00002": {"b": 20}})
    (tmp_path / "upgrade.xml").write_bytes(
        sequence(upgrade("ABC00001"), step("Drivers", package="ABC00002"))
    )
    return tmp_path


@pytest.fixture(autouse=True)
def _no_thread_stays() -> object:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def test_a_package_is_fetched(site: Path) -> None:
    with sync.Client(deployment(site), site / "state") as client:
        folder = client.fetch("ABC00001")
    assert (folder / "a").read_bytes() == (site / "source" / "ABC00001" / "a").read_bytes()


def test_errors_are_those_of_the_engine(site: Path) -> None:
    with (
        sync.Client(deployment(site), site / "state") as client,
        pytest.raises(NotFoundError, match="ABC00099"),
    ):
        client.fetch("ABC00099")


def test_a_program_runs_the_steps_itself(site: Path) -> None:
    ran: list[tuple[str, list[str]]] = []
    with sync.Client(deployment(site), site / "state") as client:
        session = client.session(site / "upgrade.xml")
        session.variables["OSDComputerName"] = "PC1"
        for due in session.run_steps():
            assert session.outcome is None
            ran.append((due.name, sorted(session.content(due))))
            session.completed(due, 0)
        assert session.variables["_SMSTSABC00001"].endswith("content")
        report = session.report()
    assert ran == [("Upgrade", ["ABC00001"]), ("Drivers", ["ABC00002"])]
    assert session.outcome is dlcore.RunOutcome.SUCCEEDED
    assert report.steps_run == 2


def test_a_step_that_fails_ends_the_loop(site: Path) -> None:
    with sync.Client(deployment(site), site / "state") as client:
        session = client.session(site / "upgrade.xml")
        steps = session.run_steps()
        session.completed(next(steps), 7)
        with pytest.raises(StepError, match="exit code 7"):
            next(steps)


def test_a_loop_that_is_left_leaves_nothing_behind(site: Path) -> None:
    with sync.Client(deployment(site), site / "state") as client:
        for _ in client.session(site / "upgrade.xml").run_steps():
            break


def test_a_sequence_is_checked_and_run(site: Path) -> None:
    with sync.Client(deployment(site), site / "state") as client:
        checks = sync.preflight(client, sync.load_sequence(site / "upgrade.xml"))
        report = sync.run_sequence(client, site / "upgrade.xml", dlcore.SimulatingExecutor())
    assert dlcore.CheckOutcome.FAILED not in {check.outcome for check in checks}
    assert (report.outcome, report.steps_run) == ("succeeded", 2)


class Blocking:
    """An executor without asyncio."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.threads: set[int] = set()

    def obstacle(self, step: dlcore.Step, variables: Mapping[str, str]) -> str:
        return ""

    def run(self, job: dlcore.Job) -> dlcore.Outcome:
        self.ran.append(job.step.name)
        self.threads.add(threading.get_ident())
        assert all(folder.is_dir() for folder in job.content.values())
        return dlcore.Outcome()


def test_an_executor_may_block(site: Path) -> None:
    executor = Blocking()
    with sync.Client(deployment(site), site / "state") as client:
        report = sync.run_sequence(client, site / "upgrade.xml", executor)
    assert report.outcome is dlcore.RunOutcome.SUCCEEDED
    assert executor.ran == ["Upgrade", "Drivers"]
    assert threading.get_ident() not in executor.threads


def test_a_package_is_fetched_without_a_client(site: Path) -> None:
    heard: list[dlcore.Event] = []
    fetched = sync.fetch(
        "ABC00001", to=site / "to", endpoints=[str(site / "published")], on_event=heard.append
    )
    assert (site / "to" / "a").read_bytes() == (site / "source/ABC00001/a").read_bytes()
    assert fetched.bytes_fetched == 300_000
    assert any(isinstance(event, PackageReady) for event in heard)


FUNCTIONS = [name for name in dlcore.__all__ if inspect.isfunction(getattr(dlcore, name))]
ALONE = (sync.fetch, sync.fetch_many)  # coroutines that run on a loop of their own
NOT_IN_SYNC = {"encode_event", "parse_rate"}  # pure: nothing about them waits


def parameters(function: Callable[..., object]) -> list[tuple[str, object, object]]:
    found = inspect.signature(function).parameters.values()
    return [(p.name, p.kind, p.default) for p in found]


@pytest.mark.parametrize("name", sorted({*FUNCTIONS} - NOT_IN_SYNC))
def test_every_function_is_there_with_the_same_arguments(name: str) -> None:
    mine = getattr(sync, name)
    assert parameters(mine) == parameters(getattr(dlcore, name))
    assert not inspect.iscoroutinefunction(inspect.unwrap(mine)) or mine in ALONE
    assert name in sync.__all__


INTERNAL = {
    "aclose",
    "hold",
    "hold_run",
    "is_under_way",
    "package_index",
    "content",
    "judge",
    "observe_exchanges",
    "reserve",
    *("opened_content", "stop_downloads", "set_urgency_back"),
}  # of a client; `content` of a session


@pytest.mark.parametrize(
    ("theirs", "mine", "internal"),
    [
        (dlcore.Client, sync.Client, INTERNAL),
        (dlcore.Session, sync.Session, {"aclose", "keep_outcome", "upcoming"}),
        (dlcore.AgentClient, sync.AgentClient, {"ended", "is_there", "obtained"}),
    ],
)
def test_every_method_is_there_with_the_same_arguments(
    theirs: type, mine: type, internal: set[str]
) -> None:
    public = {name for name in vars(theirs) if not name.startswith("_")} - internal
    assert public >= {"events"}
    for name in public:
        one, other = inspect.getattr_static(theirs, name), inspect.getattr_static(mine, name)
        assert type(one) is type(other), name
        if not isinstance(one, property):
            assert parameters(getattr(theirs, name)) == parameters(getattr(mine, name)), name


def test_a_client_is_traced(site: Path) -> None:
    memory = Memory()
    client = sync.Client(deployment(site), site / "state")
    with sync.traced(client, provider=memory.provider), client:
        client.fetch("ABC00001")
    assert told(memory.one("download package"))["dlcore.package.id"] == "ABC00001"


def test_another_thread_hears_every_event_to_the_last(site: Path) -> None:
    heard: list[str] = []
    with sync.Client(deployment(site), site / "state") as client:
        stream = client.events()
        listener = threading.Thread(
            target=lambda: heard.extend(e.package for e in stream if isinstance(e, PackageReady))
        )
        listener.start()
        client.fetch("ABC00001")
        client.fetch("ABC00002")
    listener.join(10)
    assert heard == ["ABC00001", "ABC00002"]


def test_events_are_there_from_the_call_on(site: Path) -> None:
    with sync.Client(deployment(site), site / "state") as client:
        stream = client.events()
        client.fetch("ABC00001")
    assert [e.package for e in stream if isinstance(e, PackageReady)] == ["ABC00001"]


@pytest.mark.parametrize("request_", [SystemExit(3), KeyboardInterrupt()])
def test_a_callback_may_end_the_program(site: Path, request_: BaseException) -> None:
    """Fault P7: a function of the program that hears events ends it (`sys.exit`), in the thread of
    dlcore's event loop. The call raises that, and does not wait for a loop that has ended.
    """

    def end(event: dlcore.Event) -> None:
        raise request_

    endpoints = [str(site / "published")]
    with pytest.raises(type(request_)):
        sync.fetch("ABC00001", to=site / "to", endpoints=endpoints, on_event=end)
    assert sync.fetch("ABC00001", to=site / "to", endpoints=endpoints).path


class Calling(Blocking):
    """An executor that calls the client from the thread of its loop."""

    def __init__(self, call: Callable[[], object]) -> None:
        super().__init__()
        self.call = call

    def obstacle(self, step: dlcore.Step, variables: Mapping[str, str]) -> str:
        self.call()
        return ""


def test_what_the_client_calls_may_not_wait_for_it(site: Path) -> None:
    tree = sync.load_sequence(site / "upgrade.xml")
    with sync.Client(deployment(site), site / "state") as client:
        sync.run_sequence(client, tree, Calling(client.resume))
        with pytest.raises(ConfigError, match="may not wait for dlcore"):
            sync.preflight(client, tree, Calling(lambda: client.fetch("ABC00001")))


def test_a_client_that_is_not_open_is_refused(site: Path) -> None:
    client = sync.Client(deployment(site), site / "state")
    with pytest.raises(ConfigError, match="not open"):
        client.fetch("ABC00001")
    with client:
        client.fetch("ABC00001")
    with pytest.raises(ConfigError, match="not open"):
        client.fetch("ABC00001")
    with pytest.raises(ConfigError, match="opened before"), client:
        pass


@pytest.mark.posix_only(reason="processes are not forked")
def test_a_client_is_refused_in_a_forked_process(site: Path) -> None:
    """Fault P6: a program forks while its client is open. The child is told to open its own."""
    with sync.Client(deployment(site), site / "state") as client:
        client.fetch("ABC00001")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of Python 3.12: threads are there
            child = os.fork()
        if not child:
            signal.alarm(30)
            try:
                client.fetch("ABC00002")
            except ConfigError:
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitpid(child, 0) == (child, 0)
        assert client.fetch("ABC00002").is_dir()


@pytest.mark.posix_only(reason="no signal can be sent to a thread")
def test_an_interrupt_cancels_the_call_and_leaves_nothing_behind(site: Path) -> None:
    with sync.Client(deployment(site), site / "state") as holder:
        holder.fetch("ABC00001")
        with sync.Client(deployment(site), site / "state", wait_s=3600) as client:
            main = threading.main_thread().ident
            assert main is not None
            interrupt = threading.Timer(0.1, signal.pthread_kill, (main, signal.SIGINT))
            interrupt.start()
            with pytest.raises(KeyboardInterrupt):
                client.fetch("ABC00001")
            interrupt.join()
    with sync.Client(deployment(site), site / "state") as client:
        assert client.fetch("ABC00002").is_dir()


def test_a_running_agent_is_asked(site: Path) -> None:
    """Fault: a program forgets what it has read of a stream, and closes its client. No error
    follows.

    The agent is in a thread of its own here; else it is a process.
    """
    is_ready, ends = threading.Event(), list[Callable[[], object]]()

    async def run() -> None:
        over, loop = asyncio.Event(), asyncio.get_running_loop()
        ends.append(lambda: loop.call_soon_threadsafe(over.set))
        async with running_agent(deployment(site), site / "state", version="1"):
            is_ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert is_ready.wait(30)
    try:
        with sync.AgentClient(site / "state") as agent:
            agent.want(dlcore.Want("mine", ("ABC00002",)))
            assert (agent.obtain("ABC00001") / "a").is_file()
            assert agent.package("ABC00001").state is dlcore.PackageState.READY
            assert [want.name for want in agent.status().wants] == ["mine"]
            agent.forget("mine")
            events = agent.events(after=0)
            assert next(events).number < next(events).number
            with pytest.raises(NotFoundError):
                agent.obtain("ABC00099")
        del events
    finally:
        ends[0]()
        thread.join()
