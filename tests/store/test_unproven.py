"""What has arrived of content that nothing vouches for yet: what is kept of it, and what it is."""

from __future__ import annotations

import hashlib
from pathlib import Path

from dlcore.store import Store
from dlcore.store.unproven import PIECE_BYTES, Piece, pieces_of

LENGTH = PIECE_BYTES + 10
DATA = bytes(range(256)) * (PIECE_BYTES // 256) + b"0123456789"


def write(state: Path, *numbers: int) -> None:
    with Store.open(state) as store:
        unproven = store.unproven()
        for number in numbers:
            piece = Piece("a/b.inf", LENGTH, number)
            unproven.write(piece, memoryview(DATA)[slice(*piece.span)])
        unproven.close()


def test_the_pieces_of_a_file_cover_it() -> None:
    assert pieces_of("x", 0) == []
    assert [piece.span for piece in pieces_of("x", LENGTH)] == [
        (0, PIECE_BYTES),
        (PIECE_BYTES, LENGTH),
    ]


def test_pieces_in_any_order_make_the_file(tmp_path: Path) -> None:
    write(tmp_path / "state", 1, 0)
    with Store.open(tmp_path / "state") as store:
        unproven = store.unproven()
        assert [unproven.has(piece) for piece in pieces_of("a/b.inf", LENGTH)] == [True, True]
        assert not unproven.has(Piece("a/b.inf", LENGTH + 1, 0)), "another file"
        assert unproven.digest("a/b.inf", LENGTH) == hashlib.sha256(DATA).digest()
        unproven.close()


def test_a_digest_is_of_what_is_on_disk(tmp_path: Path) -> None:
    """Fault: a file that has arrived is altered on disk. Its digest tells."""
    write(tmp_path / "state", 0, 1)
    with Store.open(tmp_path / "state") as store:
        unproven = store.unproven()
        path = unproven.path_of("a/b.inf", LENGTH)
        path.write_bytes(b"x" + DATA[1:])
        assert unproven.digest("a/b.inf", LENGTH) != hashlib.sha256(DATA).digest()
        unproven.close()


def test_a_file_that_was_taken_away_is_not_an_error_for_ever(tmp_path: Path) -> None:
    """Fault: a file that has arrived is deleted. Its digest tells, so that it is fetched again."""
    write(tmp_path / "state", 0, 1)
    with Store.open(tmp_path / "state") as store:
        unproven = store.unproven()
        unproven.path_of("a/b.inf", LENGTH).unlink()
        assert unproven.digest("a/b.inf", LENGTH) == hashlib.sha256().digest()
        unproven.close()


def test_hints_that_are_torn_or_nonsense_count_for_nothing(tmp_path: Path) -> None:
    """Fault: the power fails while a hint is written. dlcore fetches that piece again."""
    write(tmp_path / "state", 0, 1)
    hints = tmp_path / "state" / "unproven" / "arrived"
    hints.write_bytes(b"nonsense\n" + hints.read_bytes()[:-1])
    with Store.open(tmp_path / "state") as store:
        unproven = store.unproven()
        assert [unproven.has(piece) for piece in pieces_of("a/b.inf", LENGTH)] == [True, False]
        unproven.close()
    write(tmp_path / "state", 1)
    with Store.open(tmp_path / "state") as store:
        unproven = store.unproven()
        assert all(map(unproven.has, pieces_of("a/b.inf", LENGTH)))
        unproven.close()


def test_what_is_forgotten_is_gone(tmp_path: Path) -> None:
    write(tmp_path / "state", 0)
    with Store.open(tmp_path / "state") as store:
        unproven = store.unproven()
        assert not unproven.is_empty
        unproven.forget()
        assert unproven.is_empty
        assert not (tmp_path / "state" / "unproven").exists()
