"""The library without asyncio: `dlcore.sync`."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pytest

import dlcore
from dlcore import sync
from dlcore.engine.events import PackageReady
from dlcore.errors import NotFoundError
from tests.engine.scene import deployment, publish_packages, sequence, step, upgrade


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


def test_a_session_hands_out_content_step_by_step(site: Path) -> None:
    with sync.Client(deployment(site), site / "state") as client:
        session = client.session(site / "upgrade.xml")
        session.variables["OSDComputerName"] = "PC1"
        contents = [sorted(session.content(step)) for step in session.steps]
        assert session.variables["_SMSTSABC00001"].endswith("content")
    assert contents == [["ABC00001"], ["ABC00002"]]


def test_a_sequence_is_checked_and_run(site: Path) -> None:
    with sync.Client(deployment(site), site / "state") as client:
        checks = client.preflight(dlcore.load_sequence(site / "upgrade.xml"))
        report = client.run(site / "upgrade.xml", dlcore.SimulatingExecutor())
    assert all(check.passed for check in checks)
    assert (report.outcome, report.steps_run) == ("succeeded", 2)


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
