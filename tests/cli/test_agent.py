"""``dlcore agent`` as a real process, and commands that use it; most of them in this process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlcore.agent.client import AgentClient
from dlcore.agent.interface import Priority, SequencePoint, Want
from dlcore.agent.run_client import RunAgentClient
from dlcore.publish import publish
from dlcore.store.lock import RUN_LOCK, StateLock
from tests.cli.helpers import TERMINATED, Ended, Here, dlcore, refused, start, wait
from tests.engine.scene import publish_packages, sequence, step

PACKAGE = "ABC00001"
TIMES_IN_A_MOMENT = 1000
"""More fetches than fit into the time in which the agent does not look again."""


def write_site(root: Path) -> Path:
    """A published package, and a deployment file."""
    publish_packages(root, {PACKAGE: {"a": 300_000, "sub/b": 20}})
    published = (root / "published").as_posix()
    (root / "deployment.toml").write_text(
        f"[deployment]\nallow_on_internet = true\n[client]\nallow_cloud_dp = true\n"
        f"[catalog]\npath = '{published}/catalog.json'\n"
        f"[[endpoint]]\nname = 'disk'\nkind = 'file'\npath = '{published}'\n"
    )
    return root


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site of the test's own."""
    return write_site(tmp_path)


@pytest.fixture(scope="module")
def with_agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A site and an agent for all tests that leave both as they are."""
    root = write_site(tmp_path_factory.mktemp("with-agent"))
    with agent_at(root):
        yield root


@contextlib.contextmanager
def agent_at(site: Path) -> Iterator[subprocess.Popen[str]]:
    """Run the agent; it is ended by the test or here."""
    state = site / "state"
    process = start(
        "agent", "run", "--config", site / "deployment.toml", "--state", state, "--json"
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, wait(process).err
        assert json.loads(line)["pid"] == process.pid
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            ended = wait(process)
            assert (ended.status, ended.err) == (TERMINATED, ""), ended


def test_it_is_asked_and_stopped(site: Path) -> None:
    state = site / "state"
    with agent_at(site) as process:
        found = dlcore("agent", "status", "--state", state, "--json").document
        assert found["process_id"] == process.pid
        assert found["config"] == str(site / "deployment.toml")
        shown = dlcore("agent", "status", "--state", state)
        assert f"process {process.pid}" in shown.out
        stopped = dlcore("agent", "stop", "--state", state, "--json")
        assert stopped.document == {"stopped": process.pid}
        ended = wait(process)
        assert (ended.status, ended.err) == (0, ""), ended


def test_what_it_wants_is_listed_and_forgotten(site: Path, here: Here) -> None:
    state = site / "state"
    wants = (
        Want("tonight", (PACKAGE,), priority=Priority.BACKGROUND, by_s=86_400.0),
        Want("run", sequence=SequencePoint(sequence(step("tools", package=PACKAGE)).decode())),
    )

    async def ask() -> None:
        async with AgentClient(state) as agent:
            for want in wants:
                await agent.want(want)

    def run(*words: object) -> Ended:
        return here("agent", *words, "--state", state)

    with agent_at(site):
        assert run("wants").out == "no wants\n"
        asyncio.run(ask())
        assert run("wants", "--json").document["wants"][0] == {
            "name": "tonight",
            "priority": "background",
            "by": "1970-01-02T00:00:00Z",
            "packages": [PACKAGE],
            "position": None,
        }
        shown = run("wants").out
        assert "1970-01-02 00:00" in shown
        assert "a task sequence from step 0 on" in shown
        told = refused(run("forget", "tonigt", "run", "--json"), 4, "not-found")
        assert "tonight" in str(told["message"])
        assert len(run("wants", "--json").document["wants"]) == 2
        assert run("forget", "run").out == "forgotten: run\n"
        assert run("forget", "--all", "--json").document == {"forgotten": ["tonight"]}
        assert run("wants", "--json").document == {"wants": []}
        refused(run("forget", "--json"), 2, "config")
        lock = StateLock(state, 0.0, RUN_LOCK)
        asyncio.run(begin_run(state))
        ended = run("forget", "--all")
        assert (ended.status, ended.out) == (0, "")
        assert "dlcore-run is that of a run which goes on" in ended.err
        refused(run("forget", "dlcore-run", "--json"), 10, "locked")
        lock.release()
        assert run("forget", "--all").out == "forgotten: dlcore-run\n"


async def begin_run(state: Path) -> None:
    """Tell the agent what a run tells it."""
    async with RunAgentClient(state) as agent:
        await agent.want_of_run(Want("dlcore-run", (PACKAGE,)))


def test_packages_are_wanted_by_a_command(site: Path, here: Here) -> None:
    def run(*words: object) -> Ended:
        return here("agent", *words, "--state", site / "state", "--json")

    with agent_at(site):
        ended = run("want", PACKAGE.lower())
        assert (ended.status, ended.err) == (0, "")
        assert ended.document["unknown"] == []
        assert run("wants").document["wants"] == [
            {
                "name": PACKAGE,
                "priority": "foreground",
                "by": None,
                "packages": [PACKAGE],
                "position": None,
            }
        ]
        later = run("want", PACKAGE, "ABC99999", "--name", "tonight", "--by", "2126-01-02T00:00Z")
        assert later.document["want"]["by"] == "2126-01-02T00:00:00Z"
        assert later.document["want"]["priority"] == "background"
        assert later.document["unknown"] == ["ABC99999"]
        assert "package ABC99999 is not in the site's catalog" in later.err
        assert run("want", PACKAGE, "--background").document["want"]["priority"] == "background"
        names = [each["name"] for each in run("wants").document["wants"]]
        assert names == ["tonight", PACKAGE]
        state = run("status").document["packages"]
        assert {each["package_id"] for each in state} == {PACKAGE, "ABC99999"}


def test_a_want_says_when_it_comes_and_how_to_look_at_it(site: Path, here: Here) -> None:
    state = site / "state"

    def want(*words: object) -> Ended:
        return here("agent", "want", PACKAGE, *words, "--state", state)

    with agent_at(site):
        told = want()
        first, second = told.out.splitlines()
        assert first == f"wanted: {PACKAGE}, as soon as possible"
        assert second.startswith(f"{PACKAGE} version 1: ")
        assert f"'dlcore agent status --state {state}' shows how far it is" in told.err
        assert f"'dlcore agent forget {PACKAGE} --state {state}' takes it back" in told.err
        assert "to be there by 2126-01-0" in want("--by", "2126-01-02T00:00Z").out
        assert "however long that takes" in want("--background").out


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("nothing",), 2),
        ((PACKAGE, "--by", "+8h", "--background"), 2),
        ((PACKAGE, "--name", "a b"), 2),
        ((PACKAGE, "--name", "dlcore-run"), 2),
        ((PACKAGE, "--by", "2001-01-01"), 2),
        (tuple(f"ABC{number:05}" for number in range(20)), 2),
        ((), 2),
    ],
)
def test_a_want_that_cannot_be_told_is_refused(
    tmp_path: Path, here: Here, words: tuple[str, ...], status: int
) -> None:
    assert here("agent", "want", *words, "--state", tmp_path, "--json").status == status


@pytest.mark.parametrize("command", ["status", "stop", "wants", "forget --all", f"want {PACKAGE}"])
def test_no_agent_is_status_20(tmp_path: Path, here: Here, command: str) -> None:
    ended = here("agent", *command.split(), "--state", tmp_path, "--json")
    assert (ended.status, ended.error["code"]) == (20, "agent")
    assert f"no agent of {tmp_path} can be reached" in ended.error["message"]
    assert f"dlcore agent run --config FILE --state {tmp_path}" in ended.error["remedy"]
    assert "--no-agent" not in ended.error["remedy"]


def test_a_package_that_nobody_fetches_says_that_no_agent_runs(tmp_path: Path, here: Here) -> None:
    state = tmp_path / "state"
    fetch = ("fetch", PACKAGE, "--state", state, "-o", tmp_path / "out", "--json")
    told = here(*fetch).error
    assert told["message"] == f"no endpoint is named, and no agent runs at {state}"
    told = here(*fetch, "--no-agent").error
    assert "with these options the agent is not asked" in told["message"]


def test_a_fetch_into_the_state_directory_that_it_names_is_refused(
    tmp_path: Path, here: Here
) -> None:
    """Fault: a fetch is to go into the state directory of its own call, which is not there yet.
    dlcore refuses it by name.
    """
    state = tmp_path / "state"
    told = here("fetch", PACKAGE, "--state", state, "-o", state / "to", "--from", "x", "--json")
    assert (told.status, told.error["code"]) == (2, "config")
    assert f"is in the state directory {state}" in told.error["message"]


def test_a_second_agent_is_refused(with_agent: Path, here: Here) -> None:
    config = with_agent / "deployment.toml"
    state = with_agent / "state"
    for words in (("agent", "run", "--config", config), ("cache", "pin", PACKAGE)):
        ended = here(*words, "--state", state, "--json")
        assert ended.error["code"] == "locked"
        assert f"'dlcore agent stop --state {state}' ends the agent" in ended.error["remedy"]
        assert "Wait" not in ended.error["remedy"]


def test_a_package_is_fetched_by_the_agent(with_agent: Path, tmp_path: Path, here: Here) -> None:
    state, out = with_agent / "state", tmp_path / "out"
    ended = here("fetch", PACKAGE, "--state", state, "-o", out, "--json")
    assert ended.status == 0, ended
    assert "by the agent" in ended.err
    assert ended.document["endpoints"] == {"agent": 300_020}
    right = with_agent / "source" / PACKAGE
    assert (out / "a").read_bytes() == (right / "a").read_bytes()
    assert (out / "sub" / "b").read_bytes() == (right / "sub" / "b").read_bytes()
    (out / "a").write_bytes(b"damaged")
    again = here("fetch", PACKAGE, "--state", state, "-o", out, "--json")
    assert again.document["repaired"] == ["a"]
    assert (out / "a").read_bytes() == (right / "a").read_bytes()
    unknown = here("fetch", "ABC99999", "--state", state, "-o", tmp_path / "no", "--json")
    assert (unknown.status, unknown.error["code"]) == (4, "not-found")
    mistyped = f"{PACKAGE[:-1]}9"
    told = here("fetch", mistyped, "--state", state, "-o", tmp_path / "no", "--json").error
    assert f"(did you mean {PACKAGE}?)" in told["message"]


def test_the_version_that_is_published_now_is_fetched_and_told(site: Path, here: Here) -> None:
    fetch = ("fetch", PACKAGE, "--state", site / "state", "-o", site / "out")
    with agent_at(site):
        assert f"{PACKAGE} version 1: " in here(*fetch).out
        (site / "source" / PACKAGE / "a").write_bytes(b"new")
        publish(
            site / "source" / PACKAGE,
            package_id=PACKAGE,
            version=2,
            destination=str(site / "published"),
        )
        for _ in range(TIMES_IN_A_MOMENT):
            ended = here(*fetch, "--json")
            if ended.document["version"] != 1:
                break
        assert (ended.document["version"], ended.document["kept_catalog"]) == (2, "")
        assert (site / "out" / "a").read_bytes() == b"new"


def test_an_old_catalog_is_told(site: Path, here: Here) -> None:
    """Fault: the site is gone. The agent hands out what it has; `fetch` warns, also with -q."""
    fetch = ("fetch", PACKAGE, "--state", site / "state", "-o", site / "out", "-q")
    with agent_at(site):
        assert here(*fetch).err == ""
        (site / "published").rename(site / "away")
        for _ in range(TIMES_IN_A_MOMENT):
            ended = here(*fetch, "--json")
            if ended.document["kept_catalog"]:
                break
        assert (ended.status, ended.document["version"]) == (0, 1)
        assert ended.document["kept_catalog"]
        assert ended.err.startswith("warning: the site's current catalog could not be read (")


def test_without_the_agent_the_place_must_be_named(
    with_agent: Path, tmp_path: Path, here: Here
) -> None:
    state, out = with_agent / "state", tmp_path / "out"
    alone = here("fetch", PACKAGE, "--no-agent", "--state", state, "-o", out)
    assert alone.status == 2
    named = here(
        "fetch",
        PACKAGE,
        "--from",
        with_agent / "published",
        "-o",
        out,
        "--catalog",
        with_agent / "published" / "catalog.json",
    )
    assert "by the agent" not in named.err


def test_a_run_says_that_an_agent_holds_the_state_directory(
    with_agent: Path, tmp_path: Path, here: Here
) -> None:
    (tmp_path / "sequence.xml").write_bytes(sequence(step("tools", package=PACKAGE)))
    config, state = with_agent / "deployment.toml", with_agent / "state"
    ended = here(
        *("run", tmp_path / "sequence.xml", "--config", config),
        *("--state", state, "--json", "--no-agent"),
    )
    assert (ended.status, ended.error["code"]) == (10, "locked"), ended
    assert "dlcore agent stop" in ended.error["remedy"]
