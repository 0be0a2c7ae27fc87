"""How a command can end badly, and what that looks like: one message, one JSON form, one status."""

from __future__ import annotations

import os
import traceback
from pathlib import Path
from typing import NamedTuple

import click

from dlcore.cli.ending.termination import INTERRUPTED_STATUS, TERMINATED_STATUS, Terminated
from dlcore.cli.ending.usage_words import usage_in_words
from dlcore.cli.output import show_json, tell
from dlcore.errors import (
    ConfigError,
    DlcoreError,
    ExhaustedError,
    IntegrityError,
    InternalError,
    NotFoundError,
    PreflightError,
    RunStateError,
    TransferError,
    TrustError,
)
from dlcore.redaction import without_tokens
from dlcore.shortages import shortage_in

PACKAGE = Path(__file__).parents[2]
DEBUG_ENV = "DLCORE_DEBUG"
RESTART = 16  # the exit status when a step asked for a restart: run again to go on


class Ending(NamedTuple):
    """What programs and people are told.

    Attributes:
        code: A stable word.
        exit_status: As ``docs/exit-codes.md`` lists them.
        message: What happened.
        remedy: What to do about it; may be empty.
        details: More for programs, by the kind of error.
    """

    code: str
    exit_status: int
    message: str
    remedy: str
    details: dict[str, object]

    def for_programs(self) -> dict[str, object]:
        """The members of the JSON object that stands for it."""
        return {
            "code": self.code,
            "exit_status": self.exit_status,
            "message": self.message,
            "remedy": self.remedy,
            **self.details,
        }


def ending_of(error: BaseException) -> Ending:
    """What an exception means for the command that ends with it.

    What looks like a token is left out: the user may have given it in the wrong place, and the
    message may repeat it.
    """
    ending = _ending_of(error)
    return ending._replace(
        message=without_tokens(ending.message),
        remedy=without_tokens(ending.remedy),
        details={name: _without_tokens(each) for name, each in ending.details.items()},
    )


def _without_tokens(value: object) -> object:
    match value:
        case str():
            return without_tokens(value)
        case list():
            return [_without_tokens(each) for each in value]
        case dict():
            return {name: _without_tokens(each) for name, each in value.items()}
        case _:
            return value


def _ending_of(error: BaseException) -> Ending:
    match error:
        case DlcoreError():
            details = _details(error)
            return Ending(error.code, error.exit_status, error.message, error.remedy, details)
        case click.ClickException():
            message = usage_in_words(error)
            return Ending(ConfigError.code, ConfigError.exit_status, message, _help(error), {})
        case Terminated():
            return Ending("terminated", TERMINATED_STATUS, "terminated", RUN_AGAIN, {})
        case KeyboardInterrupt() | click.Abort():
            return Ending("interrupted", INTERRUPTED_STATUS, "interrupted", RUN_AGAIN, {})
        case FileNotFoundError() if _is_current_folder_gone():
            gone = "the current folder does not exist any more"
            remedy = "Change to a folder that exists, or give absolute paths."
            return Ending(NotFoundError.code, NotFoundError.exit_status, gone, remedy, {})
        case _:
            shortage = shortage_in(error)
            return _ending_of(shortage) if shortage else _internal(error)


def _is_current_folder_gone() -> bool:
    """Whether the current folder was removed, so that no relative path can be used."""
    try:
        os.getcwd()  # noqa: PTH109  # no path is wanted
    except FileNotFoundError:
        return True
    return False


RUN_AGAIN = "Run the same command again: it goes on from what is there."


def show_ending(ending: Ending, error: BaseException, *, as_json: bool, about: str = "") -> None:
    """Tell people on standard error and, if asked for JSON, programs on standard output.

    Args:
        ending: What to tell.
        error: What it comes from.
        as_json: Whether programs are told.
        about: What failed, if the message might not tell.
    """
    if os.environ.get(DEBUG_ENV):
        tell(_traceback(error), keep="\n")
    keep = "\n" if _has_lines(error) else ""
    before = f"{about}: " if about else ""
    tell(f" ({ending.code}): {before}{ending.message}", label="error", keep=keep)
    if ending.remedy:
        tell(f"  {ending.remedy}")
    if as_json:
        show_json({"error": ending.for_programs()})


def _has_lines(error: BaseException) -> bool:
    """Whether the line breaks of a message are our own."""
    is_list = isinstance(error, ConfigError) and bool(error.problems)
    return is_list or isinstance(error, PreflightError | click.ClickException)


def _details(error: DlcoreError) -> dict[str, object]:
    match error:
        case ConfigError(problems=problems) if problems:
            told = [{"message": one.message, "remedy": one.remedy} for one in problems]
            return {"problems": told}
        case PreflightError():
            return {"missing": list(error.missing)}
        case IntegrityError(path=path) if path:
            return {"path": path, "offset_bytes": error.offset_bytes}
        case ExhaustedError():
            return {"causes": [_cause(cause) for cause in error.causes]}
        case TrustError() | RunStateError():
            return {"fault": error.fault.value}
        case TransferError():
            return {"endpoint": error.endpoint, "fault": error.fault.value}
        case _:
            return {}


def _cause(cause: TransferError) -> dict[str, object]:
    return {"endpoint": cause.endpoint, "fault": cause.fault.value, "message": cause.message}


def _help(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    if context is None:  # click does not say of which command it is
        return "Add --help to the command to list its options."
    is_group = isinstance(context.command, click.Group)
    what = "commands" if is_group and not isinstance(error, click.NoSuchOption) else "options"
    return f"'{context.command_path} --help' lists the {what}."


def _internal(error: BaseException) -> Ending:
    """A fault of dlcore itself. The exception's own text is left out: it may hold a secret."""
    frames = traceback.extract_tb(error.__traceback__)
    places = (_place(f) for f in reversed(frames) if Path(f.filename).is_relative_to(PACKAGE))
    message = f"this is a fault of dlcore: {type(error).__name__} at {next(places, 'its start')}"
    remedy = f"Please report it, with the traceback that {DEBUG_ENV}=1 shows."
    return Ending(InternalError.code, InternalError.exit_status, message, remedy, {})


def _traceback(error: BaseException) -> str:
    """The traceback, with the text of our own errors only: another's may hold a secret."""
    link: BaseException | None = error
    told: list[str] = []
    while link is not None:
        text = f": {without_tokens(link.message)}" if isinstance(link, DlcoreError) else ""
        frames = "".join(traceback.format_tb(link.__traceback__))
        told.insert(0, f"Traceback (most recent call last):\n{frames}{type(link).__name__}{text}")
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return "\n\nThen followed:\n\n".join(told)


def _place(frame: traceback.FrameSummary) -> str:
    return f"{Path(frame.filename).relative_to(PACKAGE.parent)}:{frame.lineno}"
