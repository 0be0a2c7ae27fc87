"""Errors as they travel between the agent and its clients, and the HTTP status of each."""

from __future__ import annotations

from typing import Final

from dlcore import errors
from dlcore.agent.interface import Cause, Trouble
from dlcore.errors import (
    ConfigError,
    DlcoreError,
    ExhaustedError,
    Fault,
    InternalError,
    RunStateError,
    RunStateFault,
    TransferError,
    TrustError,
    TrustFault,
)

STATUSES: Final = {
    "config": 400,
    "document": 422,
    "manifest": 502,
    "task-sequence": 422,
    "not-found": 404,
    "disk-full": 507,
    "storage": 507,
    "ownership": 507,
    "locked": 423,
    "run-state": 409,
    "unexpected-content": 507,
    "transfer": 502,
    "exhausted": 502,
    "auth": 502,
    "tls": 502,
    "proxy-auth": 502,
    "integrity": 502,
    "trust": 502,
    "agent": 503,
    "shortage": 503,
}
"""Error code -> status. What the client asked wrong is 4xx, what servers did 502, the disk 507."""

_KINDS: Final = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, DlcoreError)
}
_BY_CODE: Final = {kind.code: kind for kind in reversed(_KINDS.values())}
"""The most general class of each code."""


def trouble_of(error: DlcoreError) -> Trouble:
    """What is sent of an error."""
    fault = getattr(error, "fault", "")
    causes = error.causes if isinstance(error, ExhaustedError) else ()
    kind = next(each.__name__ for each in type(error).__mro__ if each.__name__ in _KINDS)
    return Trouble(
        error.code,
        error.message,
        error.remedy,
        kind,
        str(fault) if fault else "",
        tuple(map(_cause, causes)),
    )


def status_of(trouble: Trouble) -> int:
    """The HTTP status that goes with it; 500 for what should not happen."""
    return STATUSES.get(trouble.code, 500)


def error_of(trouble: Trouble) -> DlcoreError:
    """The error that a `Trouble` was made of: of the same class, as far as this dlcore has it."""
    kind = _KINDS.get(trouble.kind) or _BY_CODE.get(trouble.code, InternalError)
    message, remedy = trouble.message, trouble.remedy
    if issubclass(kind, ExhaustedError):
        return kind(message, causes=tuple(map(_failure, trouble.causes)), remedy=remedy)
    if issubclass(kind, TransferError):
        endpoint, _, rest = message.partition(": ")
        return kind(rest, fault=_fault(trouble.fault), endpoint=endpoint, remedy=remedy)
    if issubclass(kind, TrustError):
        found = [fault for fault in TrustFault if fault == trouble.fault]
        return kind(message, fault=(*found, TrustFault.MALFORMED)[0], remedy=remedy)
    if issubclass(kind, RunStateError):
        causes = [fault for fault in RunStateFault if fault == trouble.fault]
        return kind(message, fault=(*causes, RunStateFault.DAMAGED)[0], remedy=remedy)
    if issubclass(kind, ConfigError):
        return kind(message, remedy=remedy)
    return kind(message, remedy=remedy)


def _cause(error: TransferError) -> Cause:
    message = error.message.removeprefix(f"{error.endpoint}: ")
    return Cause(error.code, message, error.endpoint, str(error.fault), error.remedy)


def _failure(cause: Cause) -> TransferError:
    kind = _BY_CODE.get(cause.code, TransferError)
    if not issubclass(kind, TransferError):
        kind = TransferError
    return kind(
        cause.message, fault=_fault(cause.fault), endpoint=cause.endpoint, remedy=cause.remedy
    )


def _fault(text: str) -> Fault:
    return next((fault for fault in Fault if fault == text), Fault.SERVER)
