"""Turns every fault of a document into one `ManifestError` that names the document."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dlcore import printable as foreign
from dlcore.errors import ManifestError

REMEDY = "Get the document again from where it was published, or publish the package again."
MAX_SHOWN_CHARACTERS = 200


def printable(text: str) -> str:
    """Untrusted text made safe for a message, and cut to `MAX_SHOWN_CHARACTERS`."""
    return foreign.printable(text, max_characters=MAX_SHOWN_CHARACTERS)


@contextmanager
def refusing(source: str, what: str, remedy: str = REMEDY) -> Iterator[None]:
    """Turn the errors that decoders and checks raise inside into a `ManifestError`.

    Args:
        source: Where the document came from, without secrets.
        what: The kind of document, such as ``manifest``.
        remedy: What to do about it, if the error does not say.

    Raises:
        ManifestError: The document was refused inside; its author's fault.
    """
    try:
        yield
    except ManifestError as error:
        raise ManifestError(f"{source}: {error.message}", remedy=error.remedy or remedy) from error
    except (ValueError, RecursionError, OverflowError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else printable(str(error))
        raise ManifestError(f"{source}: not a {what}: {reason}", remedy=remedy) from error
