"""What counts as no network, and how long it is waited for."""

from __future__ import annotations

import asyncio

import pytest

from dlcore.engine.events import Event, WaitingForNetwork
from dlcore.engine.network_wait import NetworkWait, is_network_down
from dlcore.engine.policy import EnginePolicy
from dlcore.errors import DlcoreError, ExhaustedError, Fault, NotFoundError, TransferError
from tests.engine.virtual_time import VirtualTimeLoop, virtually

POLICY = EnginePolicy()


def failed(*faults: Fault) -> ExhaustedError:
    """Endpoints failed in these ways."""
    causes = (TransferError("no", fault=fault, endpoint="e") for fault in faults)
    return ExhaustedError("nobody has it", causes=tuple(causes))


@pytest.mark.parametrize(
    ("error", "is_down"),
    [
        (failed(Fault.CONNECT), True),
        (failed(Fault.CONNECT, Fault.CONNECT, Fault.STALL), True),
        (failed(Fault.STALL), False),  # connected, so something is there
        (failed(Fault.CONNECT, Fault.SERVER), False),
        (failed(Fault.CONNECT, Fault.NOT_FOUND), False),
        (failed(Fault.TLS), False),
        (failed(), False),
        (NotFoundError("the catalog does not know it"), False),
    ],
)
def test_no_network_is_when_no_endpoint_answers(error: DlcoreError, is_down: bool) -> None:
    assert is_network_down(error) is is_down


def waited(attempts: int, error: DlcoreError) -> tuple[str, list[float], float]:
    """Ask for something that fails a number of times; what came of it, the waits, the time."""
    heard: list[Event] = []
    left = attempts

    async def ask() -> str:
        nonlocal left
        left -= 1
        if left >= 0:
            raise error
        return "content"

    async def main() -> tuple[str, float]:
        began_s = asyncio.get_running_loop().time()
        try:
            told = await NetworkWait(heard.append, POLICY).until_there(["ABC00001"], ask)
        except ExhaustedError:
            told = "exhausted"
        return told, asyncio.get_running_loop().time() - began_s

    told, took_s = virtually(main())
    return told, [e.delay_s for e in heard if isinstance(e, WaitingForNetwork)], took_s


def test_waits_double_up_to_a_bound() -> None:
    """Fault N10: the network is down for minutes. dlcore asks again, ever less often."""
    told, delays_s, took_s = waited(8, failed(Fault.CONNECT))
    assert told == "content"
    assert delays_s == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]
    assert took_s == pytest.approx(sum(delays_s))


def test_a_network_that_stays_away_ends_the_wait() -> None:
    """Fault N10: the network stays away. dlcore gives up after an hour, and says why."""
    told, delays_s, took_s = waited(10_000, failed(Fault.CONNECT))
    assert told == "exhausted"
    assert POLICY.max_network_wait_s <= took_s < POLICY.max_network_wait_s + delays_s[-1]


def test_a_suspended_machine_waits_for_its_network_when_it_is_resumed() -> None:
    """Fault C3: a machine is suspended for hours while it waits for the network. dlcore asks on
    when it is resumed.
    """

    async def main() -> str:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        loop.call_later(10.0, loop.suspend, 8 * 3600.0)
        left = 9

        async def ask() -> str:
            nonlocal left
            left -= 1
            if left:
                raise failed(Fault.CONNECT)
            return "content"

        return await NetworkWait(lambda _: None, POLICY).until_there(["ABC00001"], ask)

    assert virtually(main()) == "content"


def test_a_download_before_the_network_failed_is_no_wait_for_it() -> None:
    async def main() -> str:
        left = 2

        async def ask() -> str:
            nonlocal left
            left -= 1
            if left:
                await asyncio.sleep(2 * POLICY.max_network_wait_s)
                raise failed(Fault.CONNECT)
            return "content"

        return await NetworkWait(lambda _: None, POLICY).until_there(["ABC00001"], ask)

    assert virtually(main()) == "content"


def test_an_endpoint_that_answers_is_not_waited_for() -> None:
    assert waited(1, failed(Fault.CONNECT, Fault.SERVER)) == ("exhausted", [], 0.0)
