"""The page about events says what the types say."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from dlcore.engine.listeners.lines import EVENTS
from tests.events.document import attributes, document

PAGE = Path(__file__).parents[2] / "docs" / "events.md"
COMMAND = "python -m tests.events > docs/events.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == document(), COMMAND


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: str(kind.__name__))
def test_every_member_is_explained(kind: type[msgspec.Struct]) -> None:
    assert list(attributes(kind)) == [field.name for field in msgspec.structs.fields(kind)]
