"""What can be imported from `dlcore`: everything that a user's program needs."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator

import pytest

import dlcore
from dlcore import errors
from dlcore.engine import events


def subclasses(root: type) -> Iterator[type]:
    children: list[type] = root.__subclasses__()
    for child in children:
        if child.__module__.startswith("dlcore."):
            yield child
            yield from subclasses(child)


@pytest.mark.parametrize("name", dlcore.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    found = getattr(dlcore, name)
    assert inspect.getdoc(found)
    assert name in dir(dlcore)


def test_every_error_is_public() -> None:
    """What a room adds for its own use is caught by its public base, with the same code."""
    for error in (errors.DlcoreError, *subclasses(errors.DlcoreError)):
        if error.__module__ == errors.__name__:
            assert getattr(dlcore, error.__name__) is error
        else:
            assert "code" not in vars(error)


def test_every_event_is_public() -> None:
    for event in (events.Event, *subclasses(events.Event)):
        assert getattr(dlcore, event.__name__) is event


def test_every_setting_of_a_deployment_is_public() -> None:
    for field in inspect.get_annotations(dlcore.Deployment, eval_str=True).values():
        for kind in (field, *getattr(field, "__args__", ())):
            if getattr(kind, "__module__", "").startswith("dlcore."):
                assert getattr(dlcore, kind.__name__) is kind


def test_the_types_that_public_functions_speak_of_are_public() -> None:
    for name in dlcore.__all__:
        found = getattr(dlcore, name)
        if not inspect.isfunction(found):
            continue
        module = importlib.import_module(found.__module__)
        for annotation in inspect.get_annotations(found).values():
            for word in "".join(c if c.isidentifier() else " " for c in str(annotation)).split():
                kind = getattr(module, word, None)
                if isinstance(kind, type) and kind.__module__.startswith("dlcore."):
                    assert kind in vars(dlcore).values(), f"{name} speaks of {word}"


def test_what_is_not_public_is_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = dlcore.nothing
