"""A published site, a task sequence that runs on this machine, and the program that it calls."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

from dlcore.agent.interface import ContentAgent, StatedContent
from dlcore.deployment import load_deployment
from dlcore.engine.client import Client
from dlcore.hook.environment import TaskSequenceEnvironment
from dlcore.hook.obtaining import OpenOwnFetch, PackageSource
from dlcore.hook.program import Program
from dlcore.hook.serving import Serving
from dlcore.hook.settings import HookPolicy
from dlcore.hook.stand_in import VariablesInMemory
from tests.engine import scene as published
from tests.hook.agents import AgentOnClient, reaching

FIRST, SECOND = "ABC00012", "ABC00013"
FILES = {"setup.exe": 3000, "inf/driver.inf": 120, "inf/empty": 0}
INI = "C:\\Windows\\TEMP\\SMSTSDownload-with-a-secret.INI"
TOKEN = "a-token-that-nobody-may-see"
QUICK = HookPolicy(progress_s=0.01)
SEQUENCE = published.sequence(
    published.step("Drivers", package=FIRST),
    published.group("Later", published.step("Office", package=SECOND)),
).decode()


class HookScene:
    """Everything that a call of the program meets.

    Attributes:
        root: A folder of its own.
        variables: The task sequence's variables.
        destination: Where the program is to put the package.
        agent: What the program's look for an agent comes to.
        calls: Served so far.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        published.publish_packages(root, {FIRST: FILES, SECOND: {"office.msi": 5000}})
        self.config = root / "deployment.toml"
        self.config.write_text(
            f"[catalog]\npath = '{root / 'published' / 'catalog.json'}'\n"
            f"[[endpoint]]\nname = 'disk'\nkind = 'file'\npath = '{root / 'published'}'\n",
            encoding="utf-8",
        )
        self.logs = root / "logs"
        self.state = root / "state"
        self.destination = root / "_SMSTaskSequence" / "Packages" / FIRST
        self.destination.mkdir(parents=True)  # as Windows does it
        self.policy = QUICK
        self.variables = VariablesInMemory(
            {
                "_SMSTSLogPath": str(self.logs),
                "_SMSTSTaskSequence": SEQUENCE,
                "_SMSTSCurrentActionName": "Drivers",
                "_SMSTSNextInstructionPointer": "0",
                "_SMSTSDPAuthToken": TOKEN,
                "_SMSTSAuthenticator": TOKEN,
                "DLCORE_HOOK_CONFIG": str(self.config),
                "DLCORE_STATE": str(self.state),
            }
        )
        self.agent: Callable[[Client], ContentAgent | Exception] = AgentOnClient
        self.last_agent: AgentOnClient | None = None

    def source(self, package_id: str = FIRST) -> Path:
        """What was published."""
        return self.root / "source" / package_id

    def program(self, **more: object) -> Program:
        """The program, with the agent of this scene."""
        return Program(
            "1.2.3",
            open_environment=lambda process: self.variables,
            policy=self.policy,
            make=self._serving,
            **more,  # type: ignore[arg-type]
        )

    def call(self, package_id: str = FIRST, destination: Path | str | None = None) -> int:
        """Call the program as Windows does; returns its exit code."""
        return self.program().run([INI, package_id, str(destination or self.destination)])

    def _serving(self, *arguments: object) -> Serving:
        return _InScene(self, *arguments)

    def log(self) -> str:
        """The program's log."""
        return (self.logs / "dlcore-smsts.log").read_text(encoding="utf-8")

    def lines(self, kind: int | None = None) -> list[str]:
        """The texts in the log, of one type of line if that is given."""
        wanted = r"\d" if kind is None else str(kind)
        return re.findall(rf'<!\[LOG\[(.*?)\]LOG\]!>.* type="{wanted}"', self.log())

    def told(self) -> str:
        """The one line that says why the package is not delivered."""
        (line,) = [each for each in self.lines() if "exit code" in each]
        assert len(self.lines(2)) + len(self.lines(3)) == 1
        return line


class _InScene(Serving):
    """Serves a call with the agent of a scene, on a client that lives as long as the call."""

    def __init__(self, scene: HookScene, *arguments: object) -> None:
        self._scene = scene
        self._arguments = arguments

    async def run(self) -> None:
        scene = self._scene
        async with Client(load_deployment(scene.config), scene.state) as client:

            def look() -> ContentAgent | Exception:
                found = scene.agent(client)
                if isinstance(found, AgentOnClient):
                    scene.last_agent = found
                return found

            serving = Serving(
                *self._arguments,  # type: ignore[arg-type]
                reach=reaching(look),
                open_own_fetch=_no_own_fetch(),
            )
            await serving.run()


def _no_own_fetch() -> OpenOwnFetch:
    """Says that a call would now fetch by itself, in place of doing it."""

    @contextlib.asynccontextmanager
    async def opened(
        config: Path, state: Path, stated: Mapping[str, StatedContent]
    ) -> AsyncIterator[PackageSource]:
        raise FetchesByItselfError
        yield

    return opened


class FetchesByItselfError(Exception):
    """The program gave up on agents."""


def tree(folder: Path) -> dict[str, bytes]:
    """All files of a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def environment_of(scene: HookScene) -> TaskSequenceEnvironment:
    return scene.variables
