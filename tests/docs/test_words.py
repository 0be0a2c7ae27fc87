"""The words of the package and of its pages are plain English, and the project's own."""

from __future__ import annotations

import pytest

from tests.docs.words import ROOT, written_files, wrong_words

ALLOWED = {
    ("dlcore/deployment/rates.py", "bps"),  # names of earlier versions, which a message knows
}


def test_the_words_are_plain() -> None:
    found = {
        (path.relative_to(ROOT).as_posix(), each)
        for path in written_files()
        for each in wrong_words(path.read_text("utf-8"))
    }
    wrong = [
        f"{path}:{at}: {text}: {instead}"
        for path, (at, text, instead) in sorted(found)
        if (path, text) not in ALLOWED
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "text",
    [
        "A record is no evidence of content.",
        "the folder, which is\n    # no file",
        "ConfigError: The hash is none.",
        "Bytes that are\nno UTF-8.",
        "It waits so long as the agent is away.",
        "It has no name, let alone an id.",
        "The agent cannot be had.",
        "MOST_REQUESTS = 5",
        "LEAST_BYTES = 5",
        "cap_bps = 5",
    ],
)
def test_wrong_words_are_found(text: str) -> None:
    assert [*wrong_words(text)]


@pytest.mark.parametrize(
    "text",
    [
        "There is no file.",
        "Where there is\n    # no server, nothing is asked.",
        "It is no longer there, and is no more than a hint.",
        "There still is none.",
        "``endpoint`` is None if several served them.",
        "It is so long that it is split.",
        "as many as there are",
        "The test had to be hard.",
        "ALMOST = 1",
    ],
)
def test_good_words_are_not_found(text: str) -> None:
    assert not [*wrong_words(text)]
