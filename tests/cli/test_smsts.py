"""``dlcore-smsts`` in the hands of people; `tests/hook` has what Windows sees of it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from dlcore import __version__
from dlcore.cli.pages import text_of
from dlcore.cli.smsts import status_of

CALL = ["variables.ini", "ABC00012", "C:\\_SMSTaskSequence\\Packages\\ABC00012"]


def test_a_call_of_windows_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    served: list[Sequence[str]] = []

    def serve(arguments: Sequence[str]) -> int:
        served.append(arguments)
        return 7

    assert status_of(CALL, serve) == 7
    assert served == [CALL]
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("arguments", [[], ["ABC00012"], [*CALL, "--help"]], ids=len)
def test_a_wrong_call_is_told_and_fails_as_always(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Fault: somebody calls the downloader hook by hand. It says what it is and where its manual
    is, and its exit code does not claim that a package was delivered.
    """
    assert status_of(arguments, lambda _: 1) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "dlcore-smsts INI PACKAGE-ID DESTINATION" in told.err
    assert "dlcore help hook" in told.err


def test_without_standard_error_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    assert status_of([], lambda _: 1) == 1


@pytest.mark.parametrize("option", ["-h", "--help", "--version"])
def test_help_and_version_need_no_call(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    def never(arguments: Sequence[str]) -> int:
        raise AssertionError(arguments)

    assert status_of([option], never) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert (__version__ if option == "--version" else "PACKAGE-ID") in told.out


@pytest.mark.parametrize("page", ["hook", "agent", "agent-install", "cache", "precache"])
def test_the_manual_has_a_page(page: str) -> None:
    assert text_of(page).startswith("# ")
