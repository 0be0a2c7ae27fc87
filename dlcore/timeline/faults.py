"""What went wrong at an endpoint, in words for people who do not know faults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dlcore.errors import Fault

_WORDS: Final[Mapping[str, str]] = {
    Fault.CONNECT: "no connection",
    Fault.TRUNCATED: "answer ended early",
    Fault.STALL: "no answer for too long",
    Fault.BUSY: "server asked for fewer requests",
    Fault.SERVER: "error of the server",
    Fault.REFUSED: "unexpected answer",
    Fault.NO_RANGES: "whole file in place of a part",
    Fault.RANGE: "another part than asked for",
    Fault.CHANGED: "content changed on the server",
    Fault.NOT_FOUND: "not there",
    Fault.AUTH: "access denied",
    Fault.PROXY: "proxy denied access",
    Fault.TLS: "certificate not accepted",
    Fault.CORRUPT: "wrong content",
}


def in_words(fault: str) -> str:
    """A fault for people; a later dlcore may know more of them."""
    return _WORDS.get(fault, fault)


def faults_in_words(faults: Mapping[str, int]) -> str:
    """How often which fault occurred: ``no connection 2, wrong content 5``."""
    return ", ".join(f"{in_words(fault)} {count}" for fault, count in faults.items())
