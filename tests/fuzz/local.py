"""Targets for what dlcore itself keeps on disk, and for what a command of others writes."""

from __future__ import annotations

import atexit
import functools
import hashlib
import shutil
import tempfile
import zlib
from pathlib import Path

from dlcore.deployment.sizes import parse_size
from dlcore.engine.delivery.deliveries import Delivered, Deliveries
from dlcore.engine.listeners.lines import decode_lines, encode_line
from dlcore.engine.state_file import decode_state, encode_state
from dlcore.errors import DocumentError, RunStateError, TrustError
from dlcore.steps.commands.answers import MAX_NAME_CHARACTERS, read_answers
from dlcore.store.files import Files
from dlcore.timeline import headline, reasons, timeline_of
from dlcore.timeline.page import page_of
from dlcore.transfer.endpoints.credential_helper import read_answer
from dlcore.trust.evidence import decode_evidence, encode_evidence
from tests.fuzz.checksums import with_right_checksum
from tests.fuzz.target import RefusedError, target

SOURCE = "fuzz"
DELIVERED = Path("delivered")  # relative: it reads the same on every system


@target(RunStateError)
def run_state(data: bytes) -> None:
    """As it is, and with the checksum made right, so that changes reach what is behind it."""
    run = decode_state(with_right_checksum(data), source=SOURCE)
    assert not run.flaw
    assert encode_state(decode_state(encode_state(run), source=SOURCE)) == encode_state(run)


@target(TrustError)
def trust_evidence(data: bytes) -> None:
    """The payload; its digest is made right, so that changes reach what is behind it."""
    evidence = decode_evidence(_with_digest(data), source=SOURCE)
    assert decode_evidence(encode_evidence(evidence), source=SOURCE) == evidence
    assert evidence.verified_at.tzinfo is not None


def _with_digest(payload: bytes) -> bytes:
    return hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload


@target(RefusedError)
def delivery_record(data: bytes) -> None:
    """The record before it is compressed, of a delivery to ``delivered``."""
    deliveries, record = _deliveries()
    record.write_bytes(data)
    deliveries.all(DELIVERED)
    record.write_bytes(zlib.compress(data, 1))
    if not deliveries.all(DELIVERED):
        raise RefusedError


@functools.cache
def _deliveries() -> tuple[Deliveries, Path]:
    """The records, and the file of the only one."""
    folder = _folder() / "deliveries"
    deliveries = Deliveries(folder, Files())
    deliveries.begin(DELIVERED, None, Delivered(1, "ABC00012", 1, frozenset(), frozenset()))
    (record,) = folder.iterdir()
    return deliveries, record


@target(ValueError)
def step_answers(data: bytes) -> None:
    file = _folder() / "answers"
    file.write_bytes(data)
    for name in read_answers(file):
        assert 0 < len(name) <= MAX_NAME_CHARACTERS
        assert not name.startswith("_")
        assert not {"=", "%", "\n", "\0"} & set(name)


@target(ValueError)
def size_setting(data: bytes) -> None:
    assert 0 <= parse_size(data.decode("latin-1")) < 10**15 * 1024**4


@target(RefusedError)
def credential_answer(data: bytes) -> None:
    answer = read_answer(data, "user", 1_000_000.0)
    if answer is None:
        raise RefusedError
    assert answer.life_s >= 0
    assert not set(answer.user + answer.password + answer.token) & {"\n"}
    assert bool(answer.token) != bool(answer.password)
    assert answer.token or answer.user


@functools.cache
def _folder() -> Path:
    """One for the process: a folder for each input would take most of the time."""
    folder = tempfile.mkdtemp(prefix="dlcore-fuzz-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


@target(DocumentError)
def event_lines(data: bytes) -> None:
    """A record of a run; whatever it tells, there is a page of it."""
    lines = decode_lines(data.splitlines(keepends=True), source=SOURCE)
    again = b"".join(map(encode_line, lines.events)).splitlines(keepends=True)
    assert decode_lines(again, source=SOURCE).events == lines.events
    timeline = timeline_of(lines)
    assert headline(timeline)
    assert all(reason.text for reason in reasons(timeline))
    assert page_of(timeline).endswith("</html>\n")
