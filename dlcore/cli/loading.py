"""Imports what will be needed, quicker than Python's own way, which has to suit every program."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import threading
from collections.abc import Iterable, Iterator

_LOADING = threading.Lock()
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")  # where OpenSSL looks for the system's


def load(modules: Iterable[str]) -> None:
    """Import modules. Only in a process of our own: its environment changes meanwhile.

    Thread-safe.
    """
    with _LOADING:
        gc.disable()  # imports make a hundred thousand objects and no garbage
        try:
            with _certificates_unread():
                for module in modules:
                    importlib.import_module(module)
        finally:
            gc.freeze()  # they stay: never look through them
            gc.enable()


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
