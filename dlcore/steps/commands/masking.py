"""Secrets taken out of a stream of bytes, as it comes.

Guarantees: no secret passes, in whatever pieces it comes; of two that begin at the same byte, the
longer one counts. Nothing else is changed, and nothing but the beginning of a secret is held back,
so that output is seen live.
"""

from __future__ import annotations

import contextlib
import locale
import re
import sys
from collections.abc import Iterable

from dlcore.tasksequence.variables import MASK


class MaskedStream:
    """Masks secrets in the bytes that are fed to it.

    Args:
        secrets: The texts to mask.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        patterns = {pattern for text in secrets if text for pattern in _encoded(text)}
        self._patterns = sorted(patterns, key=lambda pattern: (-len(pattern), pattern))
        self._secret = re.compile(b"|".join(map(re.escape, self._patterns)))
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes, and give those that can be shown now."""
        if not self._patterns:
            return data
        data, shown, at = self._held + data, b"", 0
        while True:
            undecided = self._undecided(data, at)
            found = self._secret.search(data, at)
            if found is None or found.start() >= undecided:
                self._held = data[undecided:]
                return shown + data[at:undecided]
            shown += data[at : found.start()] + MASK.encode()
            at = found.end()

    def end(self) -> bytes:
        """Give what was held back, since nothing more comes."""
        held, self._held = self._held, b""
        return self._secret.sub(MASK.encode(), held) if self._patterns else held

    def _undecided(self, data: bytes, at: int) -> int:
        """Where the first secret may begin that is not complete yet; the end if none may."""
        first = max(at, len(data) - len(self._patterns[0]) + 1)
        for start in range(first, len(data)):
            rest = data[start:]
            if any(p.startswith(rest) and len(p) > len(rest) for p in self._patterns):
                return start
        return len(data)


def _encoded(text: str) -> list[bytes]:
    """A text in UTF-8, in UTF-16 and in the encodings of the system."""
    encodings = ["utf-8", "utf-16-le", locale.getencoding()]
    if sys.platform == "win32":
        encodings.append("oem")
    encoded = []
    for encoding in encodings:
        with contextlib.suppress(UnicodeEncodeError):
            encoded.append(text.encode(encoding))
    return encoded
