"""The start and the end of a process that is nothing but dlcore.

Quicker than Python's own ways, which have to suit every program. No command depends on either: a
program that calls `main` with arguments of its own has neither.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import sys
from collections.abc import Iterable, Iterator
from typing import NoReturn

CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")  # where OpenSSL looks for the system's


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run a command line and exit with its status.

    Args:
        arguments: Of a command line inside another program; by default the process's own, with
            which it ends.
    """
    if arguments is None:
        load(["dlcore.cli.app"])
    from dlcore.cli.app import status_of  # it takes long: not before `load` has done it

    if arguments is None:
        leave(status_of(sys.argv[1:], is_process=True))
    sys.exit(status_of(arguments))


def load(modules: Iterable[str]) -> None:
    """Import what will be needed, while nothing else is under way."""
    gc.disable()  # imports make a hundred thousand objects and no garbage
    try:
        with _certificates_unread():
            for module in modules:
                importlib.import_module(module)
    finally:
        gc.freeze()  # they stay: never look through them
        gc.enable()


def leave(status: int) -> NoReturn:
    """End the process without taking its modules apart, object by object.

    All that must last is on disk by now, and no thread outlives the command that started it.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, AttributeError):
            stream.flush()
    os._exit(status)


@contextlib.contextmanager
def _certificates_unread() -> Iterator[None]:
    """Let OpenSSL find no certificates.

    aiohttp reads the system's twice when it is imported, for contexts that nobody here uses
    (`dlcore.transfer.tls` makes its own): half of the time that the import takes.
    """
    before = {name: os.environ.get(name) for name in CERTIFICATES}
    os.environ.update(dict.fromkeys(CERTIFICATES, os.devnull))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
