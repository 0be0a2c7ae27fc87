"""Executors of other packages: found by entry point, made when needed, told by name."""

from __future__ import annotations

import importlib
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dlcore.errors import StorageError
from dlcore.steps.installed import GROUP
from dlcore.steps.interface import CANNOT_RUN, Job, Outcome
from dlcore.steps.registry import standard_executors
from dlcore.tasksequence import FrozenVariables, Step, Variables
from dlcore.tasksequence.step_types import RUN_COMMAND_LINE

DOCUMENT = Path(__file__).parents[2] / "docs" / "executors.md"
KIND = "Vendor_UpdateBios"
PLAIN = """
from dlcore import Outcome

class Executor:
    def __init__(self, context):
        self.context = context
    def obstacle(self, step, variables):
        return "not today"
    async def run(self, job):
        return Outcome(4, message=" ".join(sorted(self.context.secret_variables)))
"""

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs a package as pip leaves it: a module, and its entry points beside it."""
    place = tmp_path / "site-packages"
    place.mkdir()
    monkeypatch.syspath_prepend(str(place))
    modules = set(sys.modules)

    def add(name: str, code: str, points: dict[str, str]) -> None:
        (place / f"{name}.py").write_text(code, encoding="utf-8")
        told = place / f"{name}-1.0.dist-info"
        told.mkdir()
        (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = [f"[{GROUP}]", *(f"{kind} = {value}" for kind, value in points.items())]
        (told / "entry_points.txt").write_text("\n".join(lines))
        importlib.invalidate_caches()

    yield add
    for name in set(sys.modules) - modules:
        if getattr(sys.modules[name], "__file__", None) and str(place) in str(
            sys.modules[name].__file__
        ):
            del sys.modules[name]


def of(kind: str = KIND, **parameters: str) -> Step:
    return Step(0, "step", kind, variables=FrozenVariables(parameters))


async def run(step: Step) -> Outcome:
    return await standard_executors({"TOKEN"}).run(Job(step, Variables()))


async def test_an_executor_is_found_by_its_step_type(install: Install) -> None:
    install("plain", PLAIN, {KIND: "plain:Executor"})
    assert standard_executors().obstacle(of(), {}) == "not today"
    assert "TOKEN" in (await run(of())).message.split()


async def test_an_executor_is_told_all_variables_with_credentials(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault K4: an installed executor starts a command. dlcore names it all that is secret."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    install("plain", PLAIN, {KIND: "plain:Executor"})
    assert {"TOKEN", "AWS_SECRET_ACCESS_KEY"} <= set((await run(of())).message.split())


async def test_a_type_without_an_executor_is_told_with_the_way_out(install: Install) -> None:
    install("plain", PLAIN, {"Other": "plain:Executor"})
    why = standard_executors().obstacle(of(), {})
    assert KIND in why
    assert GROUP in why
    assert await run(of()) == Outcome(CANNOT_RUN, message=why)


@pytest.mark.parametrize(
    ("code", "value", "why"),
    [
        ("1 / 0", "bad:make", "bad 1.0 (bad:make): factory failed: ZeroDivisionError"),
        ("", "bad:make", "factory failed: AttributeError"),
        ("", "missing_module:make", "factory failed: ModuleNotFoundError"),
        ("make = 3", "bad:make", "factory failed: TypeError"),
        ("make = lambda context: 3", "bad:make", "int is not an executor"),
        ("def make(context): raise ValueError('a\\x1b[2J')", "bad:make", "a\\x1b[2J"),
    ],
)
async def test_a_factory_that_fails_makes_only_its_own_type_unrunnable(
    install: Install, code: str, value: str, why: str
) -> None:
    """Fault: an installed executor is broken. dlcore names it, and runs every other type."""
    install("bad", code, {KIND: value})
    install("plain", PLAIN, {"Other": "plain:Executor"})
    told = standard_executors().obstacle(of(), {})
    assert why in told
    assert await run(of()) == Outcome(CANNOT_RUN, message=told)
    assert standard_executors().obstacle(of("Other"), {}) == "not today"
    assert standard_executors().obstacle(of(RUN_COMMAND_LINE, CommandLine="x"), {}) == ""


async def test_an_executor_is_not_imported_before_it_is_needed(install: Install) -> None:
    install("bad", "1 / 0", {KIND: "bad:make"})
    standard_executors().obstacle(of(RUN_COMMAND_LINE, CommandLine="x"), {})
    assert "bad" not in sys.modules


BROKEN = PLAIN.replace('return "not today"', "return 3").replace(
    "return Outcome(4, message=", "return (4, "
)


async def test_an_executor_that_answers_wrong_fails_its_step(install: Install) -> None:
    """Fault: an installed executor answers something else. dlcore fails its step by name."""
    install("wrong", BROKEN, {KIND: "wrong:Executor"})
    assert standard_executors().obstacle(of(), {}) == (
        "wrong 1.0 (wrong:Executor): obstacle did not return a text"
    )
    assert (await run(of())).message == "wrong 1.0 (wrong:Executor): run did not return an Outcome"


async def test_an_executor_that_raises_fails_its_step(install: Install) -> None:
    """Fault: an installed executor raises. dlcore fails its step and goes on."""
    code = (
        PLAIN.replace('return "not today"', "raise KeyError('x')")
        .replace("return Outcome(4", "raise RuntimeError(4")
        .replace("message=", "")
    )
    install("raises", code, {KIND: "raises:Executor"})
    assert "obstacle failed: KeyError: 'x'" in standard_executors().obstacle(of(), {})
    told = (await run(of())).message  # with what else of dlcore's the environment has
    assert re.search(r"run failed: RuntimeError: \(4, '([A-Z_]+ )*TOKEN'\)", told), told


async def test_an_error_of_dlcore_keeps_its_meaning(install: Install) -> None:
    code = PLAIN.replace(
        "return Outcome(4",
        "from dlcore import StorageError; raise StorageError('full', remedy=''); (4",
    ).replace("message=", "")
    install("full", code, {KIND: "full:Executor"})
    with pytest.raises(StorageError):
        await run(of())


async def test_two_executors_for_one_type_are_both_refused(install: Install) -> None:
    """Fault: two packages bring an executor for one type. dlcore runs neither, and names both."""
    install("one", PLAIN, {KIND: "one:Executor"})
    install("two", PLAIN, {KIND: "two:Executor"})
    why = standard_executors().obstacle(of(), {})
    assert "one 1.0 (one:Executor), two 1.0 (two:Executor)" in why
    assert (await run(of())).message == why


async def test_a_type_of_dlcore_may_be_replaced_and_that_is_logged(
    install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    install("plain", PLAIN, {RUN_COMMAND_LINE: "plain:Executor"})
    assert standard_executors().obstacle(of(RUN_COMMAND_LINE), {}) == "not today"
    assert caplog.messages[0] == (
        f"steps of the type {RUN_COMMAND_LINE} are run by plain 1.0 (plain:Executor)"
    )


def fenced(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return found[1]


@pytest.mark.skipif(sys.platform == "win32", reason="the tool is a script for a POSIX shell")
async def test_the_documented_package_works(install: Install, tmp_path: Path) -> None:
    project = tomllib.loads(fenced("toml"))["project"]
    install("vendor_bios", fenced("python"), project["entry-points"][GROUP])
    executors = standard_executors({"TOKEN"})
    assert "VendorTool" in executors.obstacle(of(), {})
    item = of(VendorTool="flash.sh")
    assert executors.obstacle(item, {}) == ""
    missing = await executors.run(Job(item, Variables(), {"ABC00001": tmp_path}))
    assert "flash.sh is not in the step's package" in missing.message
    (tmp_path / "flash.sh").write_text("#!/bin/sh\necho flashed hunter2\nexit 3\n")
    (tmp_path / "flash.sh").chmod(0o755)
    variables = Variables({"OSDJoinPassword": "hunter2"})
    outcome = await executors.run(Job(item, variables, {"ABC00001": tmp_path}))
    assert outcome == Outcome(3, output="flashed ***\n")
    assert variables["VendorBiosResult"] == "3"
