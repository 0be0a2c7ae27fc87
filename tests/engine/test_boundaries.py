"""A client stays with the boundary groups of the place where its machine is."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from dlcore.deployment import BoundaryGroup, BoundarySettings, Fallback, Place
from dlcore.engine.boundaries import LOOK_EVERY_S, Boundaries, place_of
from dlcore.engine.download.allowed import IN_A_MOMENT, NO_MORE
from dlcore.engine.download.packages import Retry
from dlcore.engine.events import BoundaryChanged
from dlcore.engine.package_provider import PackageProvider
from dlcore.errors import ExhaustedError, Fault
from dlcore.machine import Adapter
from dlcore.model import Manifest
from tests.engine.fakes import (
    Asked,
    FakeEndpoint,
    FakePlacement,
    Recorder,
    Reply,
    opened,
    package,
)
from tests.engine.virtual_time import virtually
from tests.machine.told import ToldMachine
from tests.store.helpers import BLOCK_BYTES, read_back

LARGE = {"ABC00001": package("ABC00001", {"x": 400 * BLOCK_BYTES})}
SMALL = {"ABC00002": package("ABC00002", {"x": 20 * BLOCK_BYTES})}
RATE_BYTES_PER_S = 20_000.0  # so that the large package takes a minute


def connected(*addresses: str) -> tuple[Adapter, ...]:
    return (Adapter(ip_addresses=addresses, is_connected=True),)


BRANCH = connected("10.20.3.4", "fe80::1%7")
HOME = connected("192.168.1.2")
SETTINGS = BoundarySettings(
    (
        BoundaryGroup(
            "branch", ("dp",), subnets=("10.20.0.0/16",), fallback_min={"head office": 10}
        ),
        BoundaryGroup(
            "head office", ("dp2",), subnets=("10.1.0.0/16",), fallback_min={"branch": 10}
        ),
    ),
    cloud=("cmg",),
)
WAITING = BoundarySettings(SETTINGS.groups, cloud=("cmg",), fallback=Fallback.WAIT)


class Located(FakeEndpoint):
    """Takes note of being asked what it holds; may take its time for that.

    Attributes:
        locates: How often it was asked.
        locate_s: How long it takes to answer.
        has_ended: Whether a question to it was given up.
        documents: How often it was asked for a document.
        lacks_documents: Whether it has none.
    """

    documents = locates = 0
    lacks_documents = False
    locate_s = 0.0
    has_ended = False

    async def read_document(self, key: str, limit_bytes: int) -> bytes:
        self.documents += 1
        if self.lacks_documents:
            raise self.error(Fault.NOT_FOUND)
        return await super().read_document(key, limit_bytes)

    async def locate(self, manifest: Manifest) -> FakePlacement:
        self.locates += 1
        try:
            await asyncio.sleep(self.locate_s)
        except asyncio.CancelledError:
            self.has_ended = True
            raise
        return await super().locate(manifest)


class Scene:
    """A machine, its endpoints, and when each was asked for what."""

    def __init__(self, packages: dict[str, Any], settings: BoundarySettings = SETTINGS) -> None:
        self.packages = packages
        self.machine = ToldMachine(adapters=BRANCH)
        self.bus = Recorder()
        self.boundaries = Boundaries(settings, self.machine, self.bus.emit)
        self.asked_s: dict[str, list[float]] = {}
        self.faults: dict[str, Fault] = {}
        self.cmg, self.dp2, self.dp = self.endpoints = [
            Located(name, packages, self._script(name), rate_bytes_per_s=RATE_BYTES_PER_S)
            for name in ("cmg", "dp2", "dp")
        ]
        self.began_s = 0.0

    def _script(self, name: str) -> Callable[[Asked], Reply]:
        times_s = self.asked_s[name] = []

        def script(asked: Asked) -> Reply:
            times_s.append(self.now_s())
            return Reply(self.faults.get(name))

        return script

    def now_s(self) -> float:
        return asyncio.get_running_loop().time() - self.began_s

    def told(self) -> list[tuple[str, list[str]]]:
        found = [event for event in self.bus.events if isinstance(event, BoundaryChanged)]
        return [(event.cause, [*event.groups]) for event in found]

    def delivered(self) -> dict[str, int]:
        return {endpoint.name: endpoint.delivered_bytes for endpoint in self.endpoints}

    def play(
        self,
        state: Path,
        play: Callable[[PackageProvider], Coroutine[Any, Any, None]],
        retry: Retry | None = None,
    ) -> None:
        async def main() -> None:
            self.began_s = asyncio.get_running_loop().time()
            await self.boundaries.begin()
            async with opened(
                state,
                self.packages,
                self.endpoints,
                retry=retry,
                bus=self.bus,
                allowed=self.boundaries,
            ) as content:
                self.boundaries.attach(content.downloads)
                content.order(list(self.packages))
                try:
                    await play(content)
                finally:
                    await self.boundaries.aclose()

        virtually(main())

    async def fetch(self, content: PackageProvider) -> None:
        for name, item in self.packages.items():
            assert read_back(await content.path(name)) == item.contents


def test_a_laptop_that_moves_and_comes_back_goes_on_where_it_is(tmp_path: Path) -> None:
    """Fault: a laptop leaves the office in the middle of a package. dlcore fetches the rest at home
    from the cloud, and goes on with the distribution point when it is back.
    """
    scene = Scene(LARGE)

    async def play(content: PackageProvider) -> None:
        await asyncio.sleep(10)
        before = scene.delivered()
        assert before["dp"] > 10 * BLOCK_BYTES
        assert before["cmg"] == 0
        scene.machine.tell(adapters=HOME)
        await asyncio.sleep(LOOK_EVERY_S)
        at_office = scene.delivered()["dp"]
        await asyncio.sleep(10)
        assert scene.delivered()["dp"] == at_office  # what was in flight has ended
        assert scene.delivered()["cmg"] > 10 * BLOCK_BYTES
        scene.machine.tell(adapters=())  # on the way there is no network
        await asyncio.sleep(8)
        scene.machine.tell(adapters=BRANCH)
        await asyncio.sleep(LOOK_EVERY_S)
        at_home = scene.delivered()["cmg"]
        await scene.fetch(content)
        assert scene.delivered()["cmg"] == at_home
        assert scene.delivered()["dp"] > at_office

    scene.play(tmp_path, play)
    assert scene.told() == [
        ("began", ["branch"]),
        ("network", ["cloud"]),
        ("network", ["branch"]),
    ]
    assert not scene.dp2.locates
    assert sum(scene.delivered().values()) < 440 * BLOCK_BYTES  # verified blocks came once


def test_a_neighbor_serves_when_the_current_group_cannot(tmp_path: Path) -> None:
    """Fault: the distribution point of the branch refuses. dlcore asks the nearest neighbor, and
    not the cloud.
    """
    scene = Scene(SMALL)
    scene.faults["dp"] = Fault.AUTH
    scene.play(tmp_path, scene.fetch)
    assert scene.told() == [("began", ["branch"]), ("fallback", ["branch", "head office"])]
    assert scene.asked_s["dp2"]
    assert not scene.cmg.locates


def test_one_group_after_another_is_asked_until_one_serves(tmp_path: Path) -> None:
    """Fault: the servers of the branch and of its neighbor refuse. dlcore asks the cloud."""
    scene = Scene(SMALL)
    scene.faults |= {"dp": Fault.AUTH, "dp2": Fault.AUTH}
    scene.play(tmp_path, scene.fetch)
    assert scene.told()[1:] == [
        ("fallback", ["branch", "head office"]),
        ("fallback", ["branch", "head office", "cloud"]),
    ]


def test_packages_that_fail_together_open_one_group() -> None:
    scene = Scene(SMALL)

    async def main() -> None:
        await scene.boundaries.begin()
        assert scene.boundaries.nothing_left(0.0) == IN_A_MOMENT
        assert scene.boundaries.nothing_left(0.0) == IN_A_MOMENT
        await asyncio.sleep(1)
        assert scene.told() == [("began", ["branch"]), ("fallback", ["branch", "head office"])]
        assert scene.boundaries.nothing_left(0.0) == IN_A_MOMENT
        await asyncio.sleep(1)
        assert scene.boundaries.nothing_left(0.0) is NO_MORE

    virtually(main())


def test_a_fallback_time_is_waited_for_where_the_settings_say_so(tmp_path: Path) -> None:
    """Fault: the distribution point of the branch refuses, and times are to be waited for. dlcore
    asks the neighbor after its time, and does not give up before.
    """
    scene = Scene(SMALL, WAITING)
    scene.faults["dp"] = Fault.AUTH
    scene.play(tmp_path, scene.fetch, retry=Retry(count=0))
    assert scene.told() == [
        ("began", ["branch"]),
        ("waiting", ["branch"]),
        ("fallback", ["branch", "head office"]),
    ]
    assert 600.0 <= scene.asked_s["dp2"][0] < 660.0
    assert not scene.cmg.locates


def test_a_server_that_comes_back_in_time_keeps_the_neighbor_out(tmp_path: Path) -> None:
    scene = Scene(SMALL, WAITING)
    scene.faults["dp"] = Fault.AUTH

    async def play(content: PackageProvider) -> None:
        await asyncio.sleep(300)
        scene.faults.clear()
        await scene.fetch(content)
        assert scene.now_s() < 420

    scene.play(tmp_path, play)
    assert not scene.dp2.locates


def test_a_fallback_time_begins_anew_in_another_network(tmp_path: Path) -> None:
    scene = Scene(SMALL, WAITING)
    scene.faults |= {"dp": Fault.AUTH, "dp2": Fault.AUTH}

    async def play(content: PackageProvider) -> None:
        await asyncio.sleep(300)
        scene.machine.tell(adapters=connected("10.1.0.9"))
        await asyncio.sleep(8)
        del scene.faults["dp"]
        scene.asked_s["dp"].clear()
        await scene.fetch(content)

    scene.play(tmp_path, play)
    assert 900.0 <= scene.asked_s["dp"][0] < 970.0


def test_a_server_that_failed_in_one_network_is_asked_again_in_the_next(tmp_path: Path) -> None:
    """Fault: a server was given up in another network. dlcore asks it again after the machine has
    moved.
    """
    scene = Scene(SMALL)
    scene.faults |= dict.fromkeys(("dp", "dp2", "cmg"), Fault.CONNECT)

    async def play(content: PackageProvider) -> None:
        await asyncio.sleep(8)
        scene.machine.tell(adapters=HOME)
        await asyncio.sleep(8)
        scene.faults.clear()
        scene.machine.tell(adapters=BRANCH)
        await scene.fetch(content)
        assert scene.now_s() < 100

    scene.play(tmp_path, play, retry=Retry(delay_s=1000.0))
    assert scene.told()[-1] == ("network", ["branch"])


def test_a_search_ends_when_the_machine_leaves_its_network(tmp_path: Path) -> None:
    scene = Scene(SMALL)
    scene.dp.locate_s = 1000.0

    async def play(content: PackageProvider) -> None:
        await asyncio.sleep(5)
        scene.machine.tell(adapters=HOME)
        await scene.fetch(content)
        assert scene.now_s() < 100
        assert (scene.dp.has_ended, scene.dp.locates) == (True, 1)

    scene.play(tmp_path, play)


def test_a_machine_without_an_address_keeps_its_groups(tmp_path: Path) -> None:
    scene = Scene(LARGE)

    async def play(content: PackageProvider) -> None:
        scene.machine.tell(adapters=())
        await asyncio.sleep(12)
        scene.machine.tell(adapters=BRANCH)
        await scene.fetch(content)

    scene.play(tmp_path, play)
    assert scene.told() == [("began", ["branch"])]


def test_a_move_ends_the_wait_for_a_fallback_time(tmp_path: Path) -> None:
    scene = Scene(SMALL, WAITING)
    scene.faults["dp"] = Fault.AUTH

    async def play(content: PackageProvider) -> None:
        await asyncio.sleep(100)
        scene.machine.tell(adapters=connected("10.1.0.9"))
        await scene.fetch(content)
        assert scene.now_s() < 130

    scene.play(tmp_path, play)
    assert scene.asked_s["dp2"]
    assert scene.told()[-1] == ("network", ["head office"])


def test_where_no_endpoint_may_be_used_a_package_fails_and_says_so(tmp_path: Path) -> None:
    """Fault: no boundary group allows an endpoint where the machine is. dlcore asks none, and says
    why the package cannot be fetched.
    """
    scene = Scene(SMALL, BoundarySettings(SETTINGS.groups))
    scene.machine.tell(adapters=HOME)

    async def play(content: PackageProvider) -> None:
        with pytest.raises(ExhaustedError, match="no boundary group allows an endpoint"):
            await content.path("ABC00002")

    scene.play(tmp_path, play, retry=Retry(count=0))
    assert not any(endpoint.locates for endpoint in scene.endpoints)


def test_documents_are_asked_of_endpoints_that_may_not_be_used_last(tmp_path: Path) -> None:
    """Fault: no endpoint that may be used has a manifest. dlcore asks the others for it, and for no
    content.
    """
    scene = Scene(SMALL)
    scene.dp.lacks_documents = scene.dp2.lacks_documents = True
    scene.play(tmp_path, scene.fetch)
    assert scene.dp.documents == scene.cmg.documents == 1
    assert scene.delivered()["cmg"] == 0


def test_a_move_while_nothing_is_in_flight_is_no_fallback(tmp_path: Path) -> None:
    scene = Scene(LARGE)
    scene.endpoints.reverse()  # the one that may not be used any more comes first

    async def play(content: PackageProvider) -> None:
        await asyncio.sleep(2)
        content.downloads.pause()
        await asyncio.sleep(2)
        scene.machine.tell(adapters=connected("10.1.0.9"))
        await asyncio.sleep(6)
        content.downloads.resume()
        await scene.fetch(content)

    scene.play(tmp_path, play)
    assert scene.told() == [("began", ["branch"]), ("network", ["head office"])]


def test_another_address_of_the_same_groups_changes_nothing(tmp_path: Path) -> None:
    scene = Scene(LARGE)

    async def play(content: PackageProvider) -> None:
        await asyncio.sleep(5)
        scene.machine.tell(adapters=connected("10.20.9.9"))
        await scene.fetch(content)

    scene.play(tmp_path, play)
    assert scene.told() == [("began", ["branch"])]


def test_a_system_that_does_not_answer_holds_nothing_up(tmp_path: Path) -> None:
    """Fault: the system never says which networks there are. dlcore takes the network for unknown,
    and goes on.
    """
    scene, answers = Scene(SMALL), threading.Event()

    class Hanging(ToldMachine):
        def adapters(self) -> tuple[Adapter, ...]:
            answers.wait()
            return ()

    async def main() -> None:
        boundaries = Boundaries(SETTINGS, Hanging(), scene.bus.emit, answer_within_s=0.01)
        await boundaries.begin()
        assert boundaries.ranks_of(["cmg", "dp", "dp2"]) == {"cmg": 0}
        answers.set()

    asyncio.run(main())
    assert scene.told() == [("began", ["cloud"])]


def test_a_place_is_what_the_connected_adapters_tell() -> None:
    machine = ToldMachine(
        adapters=(
            Adapter(ip_addresses=("10.20.3.4", "fe80::1%7"), is_connected=True, names=("Wi-Fi",)),
            Adapter(ip_addresses=("10.1.0.9",), names=("Ethernet",)),
            Adapter(is_connected=True, names=("wg0",), is_tunnel=True),
        ),
        ad_site="Branch",
    )
    assert place_of(machine) == Place(
        frozenset({"10.20.3.4"}), frozenset({"Wi-Fi", "wg0"}), has_tunnel=True, site="Branch"
    )
    assert place_of(ToldMachine()) == Place()


@pytest.mark.parametrize("question", ["ad_site", "adapters"])
def test_a_question_that_fails_leaves_the_machine_where_it_was(question: str) -> None:
    """Fault: Windows fails once when it is asked for its site or its adapters. dlcore takes the
    answer that it had, and keeps to the groups of the place.
    """
    groups = (
        BoundaryGroup("by site", ("dp",), sites=("Branch",)),
        BoundaryGroup("by subnet", ("dp2",), subnets=("10.20.0.0/16",)),
    )
    scene = Scene(SMALL, BoundarySettings(groups, cloud=("cmg",)))
    scene.machine.tell(ad_site="Branch")

    async def main() -> None:
        await scene.boundaries.begin()
        scene.machine.tell(**{question: None})
        await scene.boundaries.begin()
        assert set(scene.boundaries.ranks_of(["cmg", "dp", "dp2"])) == {"dp", "dp2"}
        scene.machine.tell(adapters=BRANCH, ad_site="")  # it has no site any more
        await scene.boundaries.begin()
        assert set(scene.boundaries.ranks_of(["cmg", "dp", "dp2"])) == {"dp2"}

    virtually(main())
    assert scene.told() == [("began", ["by site, by subnet"]), ("network", ["by subnet"])]


def test_a_machine_that_moves_while_its_site_cannot_be_asked_has_moved() -> None:
    machine = ToldMachine(adapters=HOME)
    before = Place(frozenset({"10.20.3.4"}), site="Branch")
    assert place_of(machine, before) == Place(frozenset({"192.168.1.2"}), site="Branch")


def test_two_that_begin_at_once_wait_for_one_answer(caplog: pytest.LogCaptureFixture) -> None:
    """Fault: a program fetches two packages at once, and both look where the machine is. dlcore
    asks the system once, and both go on with its answer.
    """
    scene = Scene(SMALL)

    async def main() -> None:
        begun = [asyncio.ensure_future(scene.boundaries.begin()) for _ in range(3)]
        await asyncio.wait(begun, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.gather(*begun)

    asyncio.run(main())
    assert scene.told() == [("began", ["branch"])]
    assert not [each for each in caplog.records if each.levelname == "ERROR"]
