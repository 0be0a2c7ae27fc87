"""The hash by which Windows' own engine judges what the hook delivered, as the engine tells it.

It is ConfigMgr's package content hash (`dlcore.manifest.content_hash`). Microsoft documents neither
that nor the variable that tells the hash; both are observed. So a value in another form is not
compared, and an engineer can switch the comparison off.
"""

from __future__ import annotations

import re

_SHA256 = re.compile(r"(?<![0-9A-F])[0-9A-F]{64}(?![0-9A-F])", re.IGNORECASE)


def hash_in(value: str) -> str:
    """The SHA-256 in a variable's value, in upper case; empty if it has none, or several."""
    found = _SHA256.findall(value)
    return found[0].upper() if len(found) == 1 else ""
