"""A restart of the machine without a network: runs are real processes, over real sockets."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import pytest

from dlcore.publish import publish
from tests.cli.gateways import served_here
from tests.cli.helpers import Ended, Served, start, tree, wait
from tests.engine.scene import make_tree, sequence, step, upgrade, when

SMALL, LARGE = "ABC00001", "ABC00002"
SCRIPT = """
import os, pathlib, signal, sys
here = pathlib.Path(sys.argv[1])
with (here / "journal").open("a") as journal:
    journal.write(sys.argv[2] + "\\n")
if (here / ("die in " + sys.argv[2])).exists():
    (here / ("die in " + sys.argv[2])).unlink()
    # Windows ends the process with the number as its exit code.
    os.kill(int((here / "pid").read_text()), getattr(signal, "SIGKILL", 77))
"""


KILLED = 77 if sys.platform == "win32" else -9
SLOW_BYTES_PER_S = 50_000
"""`LARGE` takes 40 s at this rate, much longer than a step that is killed."""


class Scene(NamedTuple):
    """Two packages, a sequence that needs both, and the port of a gateway that may be up."""

    root: Path
    port: int

    def gateway(self, bandwidth_bytes_per_s: int | None = None) -> AbstractContextManager[Served]:
        """A context in which the gateway is up."""
        return served_here(
            self.root / "published",
            self.root / "gateway",
            port=self.port,
            bandwidth_bytes_per_s=bandwidth_bytes_per_s,
        )

    def start(self, *options: object) -> subprocess.Popen[str]:
        """Start the run; its steps know its process."""
        pid = self.root / "pid"
        pid.unlink(missing_ok=True)
        process = start(
            *("run", self.root / "sequence.xml", "--config", self.root / "client.toml"),
            *("--state", self.root / "state", "--json", "-v", *options),
        )
        pid.write_text(str(process.pid), encoding="ascii")
        return process

    def run(self, *options: object) -> Ended:
        return wait(self.start(*options))

    def die_in(self, name: str) -> None:
        """The run is to be killed in a step."""
        (self.root / f"die in {name}").touch()

    @property
    def ran(self) -> list[str]:
        """Names of the steps that had effects."""
        return (self.root / "journal").read_text(encoding="ascii").split()

    def describe(self, gateway: Served) -> None:
        """Write the client's settings."""
        text = gateway.config.read_text(encoding="utf-8")
        more = "[variables]\nSMSTSDownloadRetryCount = '0'\n"
        (self.root / "client.toml").write_text(text + more, encoding="utf-8")


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    for package_id, size in ((SMALL, 5000), (LARGE, 2 << 20)):
        source = make_tree(tmp_path / "source" / package_id, {"content.bin": size})
        publish(source, package_id=package_id, version=1, destination=str(tmp_path / "published"))
    script = tmp_path / "step.py"
    script.write_text(SCRIPT, encoding="utf-8")

    def command(name: str, package: str = "") -> str:
        line = f'"{sys.executable}" "{script}" "{tmp_path}" {name}'
        return step(name, package=package, CommandLine=line)

    never = upgrade(SMALL, condition=when("Never", "1"))  # preflight wants one
    steps = (never, command("one", SMALL), command("two", LARGE), command("three"))
    (tmp_path / "sequence.xml").write_bytes(sequence(*steps))
    with socket.create_server(("127.0.0.1", 0)) as free:
        return Scene(tmp_path, free.getsockname()[1])


def test_a_run_whose_content_is_on_disk_needs_no_network(scene: Scene) -> None:
    """Fault N10: no network after a restart, all content on disk. dlcore runs on without a wait."""
    scene.die_in("two")
    with scene.gateway() as gateway:
        scene.describe(gateway)
        assert scene.run().status == KILLED
    ended = scene.run()
    assert ended.status == 0, ended.err
    assert scene.ran == ["one", "two", "two", "three"]
    assert "step 2 two: was interrupted and runs again" in ended.err
    assert "waiting for the network" not in ended.err
    assert ended.document["restarts"] == 1


def test_a_run_whose_content_is_missing_waits_for_the_network(scene: Scene) -> None:
    """Fault N10: no network after a restart, content missing. dlcore waits, and ends right."""
    scene.die_in("one")
    with scene.gateway(SLOW_BYTES_PER_S) as gateway:
        scene.describe(gateway)
        assert scene.run().status == KILLED
    process = scene.start()
    assert process.stderr is not None
    told = ""
    while "waiting for the network" not in told:
        line = process.stderr.readline()
        assert line, f"it has ended: {told}"
        told += line
    assert f"to fetch {LARGE}" in told
    assert "catalog.path" not in told
    with scene.gateway():
        ended = wait(process)
    assert ended.status == 0, told + ended.err
    assert scene.ran == ["one", "one", "two", "three"]
    (folder,) = (scene.root / "state" / "packages").glob(f"{LARGE}.*/content")
    assert tree(folder) == tree(scene.root / "source" / LARGE)


def test_a_package_published_again_is_told_and_the_run_keeps_its_version(scene: Scene) -> None:
    """Fault: a package is published again during a run. dlcore says so and keeps the old one."""
    scene.die_in("one")
    source = make_tree(scene.root / "newer", {"content.bin": 3 << 20}, seed=2)
    with scene.gateway(SLOW_BYTES_PER_S) as gateway:
        scene.describe(gateway)
        assert scene.run().status == KILLED
    publish(source, package_id=LARGE, version=2, destination=str(scene.root / "published"))
    with scene.gateway():
        ended = scene.run()
    assert ended.status == 0, ended.err
    assert f"{LARGE}: was published again as 2; the run goes on with version 1" in ended.err
    expected = [{"package": LARGE, "pinned_version": 1, "version": 2}]
    assert ended.document["republished"] == expected
    (folder,) = (scene.root / "state" / "packages").glob(f"{LARGE}.*/content")
    assert tree(folder) == tree(scene.root / "source" / LARGE)


def test_a_pinned_version_that_is_gone_asks_for_a_decision(scene: Scene) -> None:
    """Fault: the version that a run began with is gone. dlcore names both versions and stops."""
    scene.die_in("one")
    with scene.gateway(SLOW_BYTES_PER_S) as gateway:
        scene.describe(gateway)
        assert scene.run().status == KILLED
    published = scene.root / "published"
    for path in sorted(published.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    for package_id, version in ((SMALL, 1), (LARGE, 2)):
        source = make_tree(scene.root / "newer" / package_id, {"content.bin": 5000}, seed=version)
        publish(source, package_id=package_id, version=version, destination=str(published))
    with scene.gateway():
        ended = scene.run()
        assert (ended.status, ended.error["code"]) == (18, "run-state"), ended.err
        assert "the run began with version 1, and version 2 is current" in ended.error["message"]
        assert "--restart" in ended.error["remedy"]
        assert scene.ran == ["one", "one"]
        assert scene.run("--restart").status == 0
    assert scene.ran == ["one", "one", "one", "two", "three"]
