"""``run.json`` read back: exactly what was written, or a clear error; never another state."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.deployment import Download
from dlcore.engine.documents import pinned_documents
from dlcore.engine.documents.pinned_documents import CatalogPin
from dlcore.engine.download.figures import EndpointFigures
from dlcore.engine.outcomes import SkipReason, StepOutcome
from dlcore.engine.running.identity import SequenceIdentity, StepIdentity
from dlcore.engine.running.state import Restart, RunState, StepResult
from dlcore.engine.state_file import (
    STATE_FILE,
    VERSION,
    StateFile,
    decode_state,
    encode_state,
    load,
)
from dlcore.errors import OwnershipError, RunStateError, RunStateFault
from dlcore.long_path import plain_path
from dlcore.native import block_checksums
from dlcore.steps.interface import RestartNotice
from dlcore.store.files import Files
from tests.others import let_others_change

names = st.text(st.characters(codec="utf-8"), max_size=8)
amounts = st.integers(0, 2**53)
seconds = st.floats(0.0, 1e9)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@st.composite
def runs(draw: st.DrawFn) -> RunState:
    """Any run that does not contradict itself."""
    groups = draw(st.integers(1, 4))
    numbers = st.integers(0, groups - 1)
    steps = tuple(
        StepIdentity(name, "type", digest(name), tuple(draw(st.lists(numbers, max_size=2))))
        for name in draw(st.lists(names, max_size=5))
    )
    position = draw(st.integers(0, len(steps)))
    results = [
        StepResult(
            index,
            step.name,
            draw(st.sampled_from(StepOutcome)),
            draw(st.none() | st.sampled_from(SkipReason)),
            draw(names),
            draw(st.integers(-(2**31), 2**32)),
            draw(seconds),
            draw(seconds),
            waits_s=draw(st.dictionaries(names, seconds, max_size=2)),
            explanation=draw(names),
            output=draw(names),
        )
        for index, step in enumerate(steps[:position])
    ]
    begun = draw(st.sampled_from((None, position))) if position < len(steps) else None
    unfinished = None if begun is None else StepResult(begun, "again", StepOutcome.SUCCEEDED)
    notices = st.builds(RestartNotice, st.none() | st.integers(0, 2**31), names)
    return RunState(
        SequenceIdentity(digest("variables"), steps, tuple(map(digest, "abcd"[:groups]))),
        draw(st.sampled_from(Download)),
        CatalogPin(digest("catalog"), draw(st.sampled_from(("", digest("evidence"))))),
        draw(st.dictionaries(names, names, max_size=3)),
        position,
        begun,
        draw(st.dictionaries(numbers, st.booleans())),
        draw(st.lists(numbers, unique=True)),
        results,
        elapsed_s=draw(seconds),
        busy_s=draw(seconds),
        fetched_bytes=draw(st.dictionaries(names, amounts, max_size=2)),
        endpoints={"cmg": EndpointFigures(draw(amounts), draw(seconds), faults={"stall": 2})},
        resumptions=draw(amounts),
        unfinished=draw(st.sampled_from((None, unfinished))),
        restart=draw(st.none() | st.builds(Restart, names, notices, st.booleans())),
        restart_requests=draw(amounts),
        secrets=draw(st.lists(names, max_size=2)),
    )


@given(runs())
def test_what_is_written_is_read_back(run: RunState) -> None:
    assert decode_state(encode_state(run), source="test") == run


def small_run() -> RunState:
    steps = tuple(StepIdentity(name, "T", digest(name), (0,)) for name in "abc")
    return RunState(
        SequenceIdentity(digest("variables"), steps, (digest("root"),)),
        Download.WHEN_NEEDED,
        CatalogPin(digest("catalog")),
        {"Key": "value"},
        position=2,
        started=2,
        entered={0: True},
        results=[StepResult(at, "abc"[at], StepOutcome.SUCCEEDED) for at in range(2)],
    )


def test_any_bit_flipped_is_noticed() -> None:
    """Fault D6: a bit of run.json flips. dlcore refuses to go on, and skips and repeats no step."""
    document = encode_state(small_run())
    for at in range(8 * len(document)):
        damaged = bytearray(document)
        damaged[at // 8] ^= 1 << at % 8
        with pytest.raises(RunStateError) as raised:
            decode_state(bytes(damaged), source="run.json")
        assert "--restart" in raised.value.remedy, at


def test_any_truncation_is_noticed() -> None:
    """Fault: run.json is cut short or empty. dlcore refuses to go on."""
    document = encode_state(small_run())
    for length in range(len(document)):
        with pytest.raises(RunStateError) as raised:
            decode_state(document[:length], source="run.json")
        assert raised.value.fault is RunStateFault.DAMAGED


@pytest.mark.parametrize(
    ("document", "version"),
    [
        (b'{"schema":2,"sequence":"x","position":3}', 2),
        (b'{"version":5,"checksum":"","payload":{}}', 5),
    ],
)
def test_another_version_is_refused(document: bytes, version: int) -> None:
    """Fault: another version of dlcore wrote run.json. dlcore names both versions and stops."""
    with pytest.raises(RunStateError, match=f"version {version}, .* version {VERSION}") as raised:
        decode_state(document, source="run.json")
    assert raised.value.fault is RunStateFault.VERSION


def sealed(payload: bytes) -> bytes:
    """An envelope whose checksum is right."""
    checksum = block_checksums(payload, len(payload)).hex()
    return b'{"version":%d,"checksum":"%s","payload":%s}' % (VERSION, checksum.encode(), payload)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("position", -1),
        ("position", 1),
        ("position", 3),
        ("position", 99),
        ("begun", 1),
        ("begun", -1),
        ("entered", {"1": True}),
        ("entered", {"-1": True}),
        ("abandoned", [0, 0]),
        ("abandoned", [7]),
        ("results", []),
        ("elapsed_s", -1.0),
        ("elapsed_s", None),
        ("download", "sometimes"),
        ("restarts", -1),
        ("endpoints", {"a": {"bytes_fetched": -1}}),
        ("unfinished", {"index": 1, "name": "b", "outcome": "failed"}),
        ("restart", {"boot_id": "x", "notice": {"delay_s": -1}}),
        ("restart_requests", -1),
        ("more", 1),
    ],
)
def test_a_state_that_contradicts_itself_is_refused(member: str, value: object) -> None:
    """Fault: run.json has a right checksum and an impossible content. dlcore refuses to go on."""
    payload = msgspec.json.decode(msgspec.json.encode(small_run()))
    assert decode_state(sealed(msgspec.json.encode(payload)), source="test") == small_run()
    payload[member] = value
    with pytest.raises(RunStateError) as raised:
        decode_state(sealed(msgspec.json.encode(payload)), source="run.json")
    assert raised.value.fault is RunStateFault.DAMAGED


def test_results_of_other_steps_are_refused() -> None:
    run = small_run()
    run.results.reverse()
    with pytest.raises(RunStateError, match="results"):
        decode_state(encode_state(run), source="run.json")


def test_no_file_is_no_run(tmp_path: Path) -> None:
    assert load(tmp_path) is None
    (tmp_path / STATE_FILE).write_bytes(b"")
    with pytest.raises(RunStateError, match=r"run\.json is damaged"):
        load(tmp_path)


def test_the_state_of_a_run_that_others_could_write_is_refused(tmp_path: Path) -> None:
    """Fault: others may write to the folder of run.json. dlcore refuses it by name."""
    assert load(tmp_path) is None
    let_others_change(tmp_path)
    with pytest.raises(OwnershipError, match="writable by others"):
        load(tmp_path)


@pytest.mark.posix_only(reason="no folder is open on Windows")
def test_the_state_is_saved_where_the_run_began_whatever_its_path_leads_to(tmp_path: Path) -> None:
    """Fault: a link takes the place of a run's state directory. dlcore saves nothing behind it."""
    state, moved, elsewhere = (tmp_path / name for name in ("state", "moved", "elsewhere"))
    state.mkdir(mode=0o700)
    elsewhere.mkdir(mode=0o700)
    file, run = StateFile(state), small_run()
    file.save(run)
    state.rename(moved)
    state.symlink_to(elsewhere)
    run.variables["Key"] = "later"
    file.save(run)
    assert load(moved) == run
    assert not list(elsewhere.iterdir())


def test_what_a_run_begins_with_is_on_disk_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: the power fails right after a run began. dlcore has synced what it began with."""
    tmp_path.chmod(0o700)
    synced: list[tuple[Path, bool]] = []
    path = tmp_path / pinned_documents.FOLDER / hashlib.sha256(b"document").hexdigest()
    monkeypatch.setattr(
        Files,
        "sync_folder",
        lambda files, folder: synced.append((plain_path(folder), path.exists())),
    )
    assert pinned_documents.keep(tmp_path, b"document") == path.name
    assert synced[-2:] == [(path.parent, True), (tmp_path, True)]


def test_the_end_of_a_run_is_on_disk_on_return(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: the power fails right after a run. dlcore has synced its end, and repeats no step."""
    path = tmp_path / STATE_FILE
    path.write_bytes(b"state")
    synced: list[tuple[Path, bool]] = []
    monkeypatch.setattr(
        Files,
        "sync_folder",
        lambda files, folder: synced.append((plain_path(folder), path.exists())),
    )
    StateFile(tmp_path).forget()
    assert synced == [(tmp_path, False)]
