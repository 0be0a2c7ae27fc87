"""How often a task sequence has downloads retried, and how events reach their listeners."""

from __future__ import annotations

import pytest

from dlcore.engine.download.retry import UNLIMITED, Retry
from dlcore.engine.events import PackageReady, encode
from dlcore.engine.listeners.bus import EventBus
from dlcore.engine.running.step_content import retry_rule
from dlcore.errors import ConfigError
from dlcore.tasksequence import Variables
from tests.engine.virtual_time import virtually


def test_retries_are_two_unless_stated() -> None:
    assert retry_rule(Variables()) == Retry(2)
    assert retry_rule(Variables(), 60.0) == Retry(UNLIMITED, None, 60.0)


def test_the_variables_state_the_retries() -> None:
    variables = Variables({"smstsdownloadretrycount": " 5 ", "SMSTSDownloadRetryDelay": "0"})
    assert retry_rule(variables) == Retry(5, 0.0)


@pytest.mark.parametrize("text", ["-1", "1.5", "many", "1234567", "٣"])
@pytest.mark.parametrize("name", ["SMSTSDownloadRetryCount", "SMSTSDownloadRetryDelay"])
def test_what_is_no_number_is_named(name: str, text: str) -> None:
    with pytest.raises(ConfigError, match=name):
        retry_rule(Variables({name: text}))


def test_every_listener_hears_what_happens_from_then_on() -> None:
    async def main() -> None:
        bus = EventBus()
        bus.emit(PackageReady("early", ""))
        first, second = bus.listen(), bus.listen()
        bus.emit(PackageReady("late", ""))
        bus.close()
        for listener in (first, second, bus.listen()):
            heard = [event async for event in listener]
            assert heard == ([] if listener not in (first, second) else [PackageReady("late", "")])

    virtually(main())


def test_an_event_is_one_line_of_json() -> None:
    line = encode(PackageReady("ABC00001", "a\nb"))
    assert line == b'{"event":"PackageReady","package":"ABC00001","path":"a\\nb"}'
