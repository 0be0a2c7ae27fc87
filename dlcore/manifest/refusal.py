"""How a document is refused: every fault becomes one `ManifestError` that names the place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dlcore.errors import ManifestError

REMEDY = "Get the document again from where it was published, or publish the package again."
SHOWN_CHARACTERS = 200


def shown(text: str) -> str:
    """Hostile text made fit for a message: no control characters, no great length."""
    plain = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text[:SHOWN_CHARACTERS])
    return plain if len(text) <= SHOWN_CHARACTERS else plain + "..."


@contextmanager
def refusing(source: str, what: str) -> Iterator[None]:
    """Turn whatever a decoder or a check raises inside into a `ManifestError`.

    Args:
        source: Where the document came from, without secrets.
        what: The kind of document, such as ``manifest``.

    Raises:
        ManifestError: Something inside failed; its author's fault.
    """
    try:
        yield
    except ManifestError as error:
        raise ManifestError(f"{source}: {error.message}", remedy=error.remedy or REMEDY) from error
    except (ValueError, RecursionError, OverflowError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else shown(str(error))
        raise ManifestError(f"{source}: not a {what}: {reason}", remedy=REMEDY) from error
