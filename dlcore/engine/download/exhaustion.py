"""The error when every endpoint failed: it tells the failure that somebody must act on.

Others may pass by themselves, so they say less about what is to be done. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from dlcore.errors import (
    ContentBehindProxyError,
    ContentNotFoundError,
    ContentRefusedError,
    ContentUnprovenServerError,
    ExhaustedError,
    Fault,
    TransferError,
)
from dlcore.transfer import OTHER_DRIVES

_KINDS: Final = {
    Fault.AUTH: ContentRefusedError,
    Fault.PROXY: ContentBehindProxyError,
    Fault.TLS: ContentUnprovenServerError,
}
"""Faults that have a class of errors of their own; the first that occurs here counts."""

HELD_NOWHERE: Final = (
    "Distribute the package to an endpoint again, or name a further endpoint that has the rest."
    f" {OTHER_DRIVES}"
)
"""What to do if no endpoint failed, but none holds some of the content."""


def decisive(causes: Iterable[TransferError]) -> list[TransferError]:
    """The failures with a class of errors of their own: all with the fault that counts most."""
    found = list(causes)
    for fault in _KINDS:
        if own := [cause for cause in found if cause.fault is fault]:
            return own
    return []


def exhausted(
    message: str, causes: Sequence[TransferError], remedy: str = "", *, is_away: bool = False
) -> ExhaustedError:
    """The error when every endpoint failed.

    Args:
        message: What cannot be fetched, and why.
        causes: The last failure of each endpoint.
        remedy: What to do besides what the failures say.
        is_away: As of `ExhaustedError`.
    """
    kind = ExhaustedError
    told = decisive(causes)
    if told:
        kind = _KINDS[told[0].fault]
    elif causes and all(cause.fault is Fault.NOT_FOUND for cause in causes):
        kind = ContentNotFoundError
    remedies = dict.fromkeys([*(cause.remedy for cause in told or causes), remedy])
    remedy = " ".join(filter(None, remedies))
    return kind(message, causes=tuple(causes), remedy=remedy, is_away=is_away)
