"""The log of a command: ``-v``, ``--log-file``, ``--log-format`` and ``--event-log`` on every one.

Standard error gets the log only if ``-v`` is given: *info* and above, with ``-vv`` *debug* too. A
log file always gets *info* and above, and *debug* if ``-v`` is given. What the progress display or
the final error message shows anyway is not repeated on standard error.
"""

from __future__ import annotations

import enum
import json
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Final

import click

from dlcore import cmtrace
from dlcore.cli.configured import ConfiguredCommand
from dlcore.cli.ending.endings import ending_of
from dlcore.cli.ending.event_log import Reporter, reporter
from dlcore.cli.options.paths import FILE
from dlcore.cli.output import OutputClosed, tell
from dlcore.cmtrace import Kind
from dlcore.disk.named_files import not_planted
from dlcore.errors import ConfigError, LockedError
from dlcore.long_path import plain_text
from dlcore.printable import printable

SHOWN_ELSEWHERE: Final = ("dlcore.events", "dlcore.ending")
VERBOSITY: Final = "dlcore.verbosity"  # key in a context's `meta`
_ending_log = logging.getLogger("dlcore.ending")


class LogFormat(enum.StrEnum):
    """How a line of the log is written."""

    TEXT = "text"
    JSON = "json"
    CMTRACE = "cmtrace"


class LoggedCommand(ConfiguredCommand):
    """A command with the options of the log, which it opens while the command runs."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += _options()

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command with its log open."""
        verbosity = ctx.params.pop("verbosity") + _verbosity(ctx.parent)
        log_file, log_format = ctx.params.pop("log_file"), ctx.params.pop("log_format")
        has_event_log = ctx.params.pop("event_log")
        ctx.meta[VERBOSITY] = verbosity
        with (
            opened(verbosity, log_file, LogFormat(log_format)),
            reporter(ctx.command_path, asked_for=has_event_log) as report,
        ):
            return self.invoke_reported(ctx, report)

    def invoke_reported(self, ctx: click.Context, report: Reporter) -> Any:
        """Run the command, and report that it began and how it ended."""
        report.began()
        try:
            result = self._invoke(ctx)
        except click.exceptions.Exit as error:
            report.ended(error.exit_code)
            raise
        except OutputClosed:
            report.ended(OutputClosed.exit_status)
            raise
        except BaseException as error:
            ending = ending_of(error)
            _ending_log.error("%s: %s", ending.code, ending.message)
            report.ended(ending.exit_status, ending)
            raise
        report.ended(result if isinstance(result, int) else 0)
        return result

    def _invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except LockedError as error:
            state = ctx.params.get("state")
            if state is None or error.path is None or error.path.absolute() != state.absolute():
                raise
            import asyncio  # these take long to load, and are seldom needed

            from dlcore.cli.by_agent import with_agent_named

            config = (
                ctx.params.get("config") if ctx.params.get("is_without_agent") is False else None
            )
            raise asyncio.run(with_agent_named(error, state, config)) from error


def is_verbose() -> bool:
    """Whether the command that runs was given ``-v``."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(VERBOSITY))


@contextmanager
def opened(verbosity: int, log_file: Path | None, log_format: LogFormat) -> Iterator[None]:
    """Write the log of ``dlcore.*`` to where the options say.

    Args:
        verbosity: How many times ``-v`` was given.
        log_file: Appended to; None for none.
        log_format: Of the file; of standard error if there is no file.

    Raises:
        ConfigError: The file cannot be written.
        OwnershipError: Another user has planted it.
    """
    handlers: list[logging.Handler] = []
    detail = logging.DEBUG if verbosity > 1 or (verbosity and log_file) else logging.INFO
    if log_file:
        handlers.append(_file_handler(log_file, log_format))
    if verbosity:
        handlers.append(_StandardError(LogFormat.TEXT if log_file else log_format, verbosity))
    logger = logging.getLogger("dlcore")
    level, propagate = logger.level, logger.propagate
    logger.setLevel(detail)
    logger.propagate = False
    for handler in handlers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.propagate = propagate
        for handler in handlers:
            logger.removeHandler(handler)
            handler.close()


def formatter(log_format: LogFormat) -> logging.Formatter:
    """What writes the lines of a format."""
    return {
        LogFormat.TEXT: TextFormatter,
        LogFormat.JSON: JsonFormatter,
        LogFormat.CMTRACE: CMTraceFormatter,
    }[log_format]()


def _message(record: logging.LogRecord) -> str:
    return plain_text(record.getMessage())


class TextFormatter(logging.Formatter):
    """``2026-11-28T18:05:00.123Z warning dlcore.events: text``, one line a record."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's line."""
        text = _one_line(_message(record))
        return f"{_utc(record)} {record.levelname.lower()} {record.name}: {text}"


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``time``, ``level``, ``logger``, ``message``."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's line."""
        fields = {
            "time": _utc(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        return json.dumps(fields)


class CMTraceFormatter(logging.Formatter):
    """A line of ConfigMgr's client logs."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's line."""
        level = record.levelno
        is_error, is_warning = level >= logging.ERROR, level > logging.INFO
        return cmtrace.line(
            record.getMessage(),
            Kind.ERROR if is_error else Kind.WARNING if is_warning else Kind.INFO,
            component=record.name,
            thread=record.thread or 0,
            file=f"{record.filename}:{record.lineno}",
            created_s=record.created,
        )


class _StandardError(logging.Handler):
    """Writes to standard error, above a live progress bar if there is one."""

    def __init__(self, log_format: LogFormat, verbosity: int) -> None:
        super().__init__(logging.DEBUG if verbosity > 1 else logging.INFO)
        self.setFormatter(formatter(log_format))

    def emit(self, record: logging.LogRecord) -> None:
        if record.name not in SHOWN_ELSEWHERE:
            tell(self.format(record))


class _LogFile(logging.FileHandler):
    """A file that may become unwritable: that is reported once, and the command goes on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._has_failed = False
        super().__init__(path, encoding="utf-8", errors="backslashreplace")

    def _open(self) -> TextIOWrapper:
        return open(self._path, "a", encoding=self.encoding, errors=self.errors, opener=not_planted)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # its name in logging
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            self._tell(error)
        else:
            super().handleError(record)

    def close(self) -> None:
        try:
            super().close()
        except OSError as error:  # what it could not write before
            self._tell(error)

    def _tell(self, error: OSError) -> None:
        if not self._has_failed:
            self._has_failed = True
            tell(f"warning: --log-file: {self._path} is incomplete: {error.strerror}")


def _file_handler(path: Path, log_format: LogFormat) -> logging.Handler:
    try:
        handler = _LogFile(path)
    except OSError as error:
        raise ConfigError(
            f"--log-file: {path} cannot be written: {error.strerror}",
            remedy="Name a file in a folder that exists and can be written to.",
        ) from None
    handler.setFormatter(formatter(log_format))
    return handler


def _options() -> list[click.Parameter]:
    return [
        click.Option(
            ["-v", "--verbose", "verbosity"],
            count=True,
            help="Also write the log to standard error, with what is decided about endpoints and "
            "why; -vv: in full detail.",
        ),
        click.Option(
            ["--log-file"],
            type=FILE,
            metavar="FILE",
            help="Append the log to this file.",
        ),
        click.Option(
            ["--log-format"],
            type=click.Choice([item.value for item in LogFormat]),
            default=LogFormat.TEXT.value,
            show_default=True,
            help="Format of the log file; without one, of the log on standard error. cmtrace is "
            "what ConfigMgr's log viewer reads.",
        ),
        click.Option(
            ["--event-log"],
            is_flag=True,
            help="Report to the Windows Event Log that the command began and how it ended.",
        ),
    ]


def _verbosity(parent: click.Context | None) -> int:
    return int(parent.find_root().params.get("verbosity", 0)) if parent else 0


def _utc(record: logging.LogRecord) -> str:
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{moment}.{int(record.msecs):03}Z"


def _one_line(text: str) -> str:
    """A message without line breaks, so that foreign text in it cannot look like another one."""
    return printable(text)
