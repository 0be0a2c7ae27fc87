"""Errors as they travel between the agent and its clients."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dlcore import errors
from dlcore.agent.errors_over_http import STATUSES, error_of, status_of, trouble_of
from dlcore.agent.interface import Trouble
from dlcore.errors import DlcoreError, ExhaustedError, Fault, TransferError
from tests.test_public import subclasses

CAUSE = errors.AuthError("not you", fault=Fault.AUTH, endpoint="cmg", remedy="Ask.")
KINDS: list[type[DlcoreError]] = [
    kind for kind in (DlcoreError, *subclasses(DlcoreError)) if kind.__module__ == errors.__name__
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_arrives_as_the_class_that_it_left_as(kind: type[DlcoreError]) -> None:
    left = kind("what: happened", remedy="Do this.", **_more(kind))
    travelled = msgspec.json.decode(msgspec.json.encode(trouble_of(left)), type=Trouble)
    arrived = error_of(travelled)
    assert type(arrived) is kind
    assert (arrived.message, arrived.remedy) == (left.message, left.remedy)
    assert getattr(arrived, "fault", None) == getattr(left, "fault", None)
    assert 400 <= status_of(travelled) < 600


def _more(kind: type[DlcoreError]) -> dict[str, Any]:
    """The arguments that only some classes have."""
    if issubclass(kind, TransferError):
        return {"fault": Fault.CONNECT, "endpoint": "dp-1"}
    if issubclass(kind, ExhaustedError):
        return {"causes": (CAUSE,)}
    if issubclass(kind, errors.TrustError):
        return {"fault": errors.TrustFault.ROLLBACK}
    if issubclass(kind, errors.RunStateError):
        return {"fault": errors.RunStateFault.CATALOG}
    return {}


def test_the_causes_arrive_too() -> None:
    left = errors.ContentRefusedError("nobody", causes=(CAUSE,))
    arrived = error_of(trouble_of(left))
    assert isinstance(arrived, errors.ContentRefusedError)
    (cause,) = arrived.causes
    assert type(cause) is errors.AuthError
    assert (cause.message, cause.endpoint, cause.fault) == ("cmg: not you", "cmg", Fault.AUTH)


def test_what_a_room_adds_for_itself_arrives_as_its_public_base() -> None:
    class OwnError(errors.ConfigError):
        """Of a room."""

    assert type(error_of(trouble_of(OwnError("no")))) is errors.ConfigError


def test_an_error_of_a_later_version_is_an_error_all_the_same() -> None:
    assert error_of(Trouble("not-invented-yet", "strange")).message == "strange"
    assert type(error_of(Trouble("storage", "full", kind="LaterError"))) is errors.StorageError


def test_every_status_belongs_to_a_code() -> None:
    assert set(STATUSES) <= {kind.code for kind in KINDS}
