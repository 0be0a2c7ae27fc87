"""What a terminal shows of a run while it goes on."""

from __future__ import annotations

import io

import pytest

from dlcore.cli.live.rows import MAX_PACKAGES, LiveRows
from dlcore.cli.live.views import Row, drawn
from dlcore.engine import events
from dlcore.engine.events import EndpointProgress, PackageProgress, Progress

MIB = 1 << 20
STEPS = (
    events.RunStep(0, "Drivers", ("ABC00002",)),
    events.RunStep(1, "Upgrade", ("ABC00001", "ABC00003")),
)


def progress(**verified_mib: int) -> Progress:
    return Progress(
        *(0, 0, 0.0),
        endpoints={"dp": EndpointProgress(4, 2.0 * MIB), "blob": EndpointProgress(1, 0.0)},
        packages={name: PackageProgress(n * MIB, 0) for name, n in verified_mib.items()},
    )


class Scene:
    """A run that is looked at."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.live = LiveRows(lambda: self.now_s)
        self.hear(events.RunBegan("Upgrade", 0, 0, STEPS))

    def hear(self, *happened: events.Event) -> None:
        for event in happened:
            self.live.hear(event)

    @property
    def rows(self) -> list[tuple[str, str]]:
        return [(row.name, row.note) for row in self.live.rows()]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_step_that_waits_is_shown_with_what_it_waits_for(scene: Scene) -> None:
    for package in ("ABC00001", "ABC00003"):
        scene.hear(events.PackageStarted(package, 10 * MIB, 0))
    scene.hear(events.StepWaiting(1, "Upgrade", ("ABC00003", "ABC00001")))
    scene.now_s += 65
    assert scene.rows[0] == ("step 1 Upgrade", "waits for ABC00003, ABC00001, 1:05")
    scene.hear(events.PackageReady("ABC00003", "/there"))
    assert scene.rows[0] == ("step 1 Upgrade", "waits for ABC00001, 1:05")
    scene.hear(events.StepStarted(1, "Upgrade", 65.0))
    scene.now_s += 5
    assert scene.rows[0] == ("step 1 Upgrade", "runs, 0:05")
    scene.hear(events.StepEnded(1, "Upgrade", "succeeded", 0, 5.0))
    assert scene.rows == [("ABC00001 for step 1", "0 bytes of 10.0 MiB")]


def test_a_package_has_a_bar_its_rate_and_the_time_that_is_left(scene: Scene) -> None:
    scene.hear(events.PackageStarted("ABC00002", 20 * MIB, MIB))
    for n in range(1, 6):
        scene.now_s += 1
        scene.hear(progress(ABC00002=2 * n))
    assert scene.live.rows()[0] == Row(
        "ABC00002 for step 0", "10.0 of 20.0 MiB, 2.0 MiB/s, 0:05 left", 10 * MIB, 20 * MIB
    )


def test_endpoints_have_their_connections_and_rates(scene: Scene) -> None:
    scene.hear(progress())
    assert scene.rows == [
        ("from dp", "2.0 MiB/s, 4 connections"),
        ("from blob", "0 bytes/s, 1 connection"),
    ]
    scene.hear(events.EndpointNote("blob", "quarantined", "3 bad blocks"))
    assert scene.rows[1] == ("from blob", "quarantined")


def test_what_a_step_waits_for_comes_first_and_few_packages_are_shown(scene: Scene) -> None:
    for n in range(10):
        scene.hear(events.PackageStarted(f"ABC0001{n}", MIB, 0))
    scene.hear(events.StepWaiting(0, "Drivers", ("ABC00019",)))
    names = [name for name, _ in scene.rows]
    assert names[1] == "ABC00019"
    assert names[-1] == "and 4 more packages"
    assert len(names) == 1 + MAX_PACKAGES + 1


def test_a_package_that_is_told_to_be_ready_twice_counts_once(scene: Scene) -> None:
    for package in ("ABC00001", "ABC00002"):
        scene.hear(events.PackageStarted(package, 10 * MIB, 0))
    for _ in range(2):  # an agent that started over tells it again
        scene.hear(events.PackageReady("ABC00001", "/there"))
    assert scene.live.all_called == "verified (1 ready)"
    scene.hear(events.PackageStarted("ABC00001", 10 * MIB, 0))
    assert scene.live.all_called == "verified (0 ready)"


def test_a_fetch_of_one_thing_shows_its_endpoints_only() -> None:
    live = LiveRows(lambda: 0.0)
    live.hear(events.PackageStarted("ABC00001", MIB, 0))
    live.hear(progress(ABC00001=0))
    assert [row.name for row in live.rows()] == ["from dp", "from blob"]


def test_a_fetch_of_several_things_shows_each() -> None:
    live = LiveRows(lambda: 0.0)
    for name in ("ABC00001", "tool.zip"):
        live.hear(events.PackageStarted(name, 10 * MIB, 0))
    live.hear(progress(ABC00001=1))
    assert [row.name for row in live.rows()] == ["ABC00001", "tool.zip", "from dp", "from blob"]


def test_rows_are_drawn_with_foreign_names_made_safe() -> None:
    """Fault: a step's name moves the cursor. The terminal gets it escaped."""
    from rich.console import Console

    screen = io.StringIO()
    rows = (Row("evil \x1b[2J[red]", "[b]note[/b]"), Row("ABC00001", "half", 1, 2))
    Console(file=screen, width=100, legacy_windows=False).print(drawn(rows, 100))
    shown = screen.getvalue()
    assert "evil \\x1b[2J[red]" in shown
    assert "[b]note[/b]" in shown
    assert "\x1b" not in shown
    assert shown.splitlines()[1].count("━") > 5


def test_in_a_narrow_terminal_a_name_is_cut_and_not_the_time_that_is_left() -> None:
    from rich.console import Console

    screen = io.StringIO()
    note = "104.0 of 240.0 MiB, 12.4 MiB/s, 0:12 left"
    rows = (Row("ABC00001 for a step with a very long name", note, 104, 240),)
    Console(file=screen, width=80, legacy_windows=False).print(drawn(rows, 80))
    (line,) = screen.getvalue().splitlines()
    assert line.rstrip().endswith(note)
    assert line.startswith("ABC00001 for a step with ")
    assert "…" in line
