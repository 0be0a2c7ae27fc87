"""What a manifest says of itself, before it is read as one.

Needs next to nothing to be imported. Not for anything that is to be relied upon: the document is
not checked.
"""

from __future__ import annotations

import json


def said_bytes(data: bytes) -> int:
    """How long a manifest says its objects are, all together. Nothing else of it is looked at.

    Raises:
        ValueError: It is no manifest.
    """
    try:
        return sum(int(item["length_bytes"]) for item in json.loads(data)["objects"])
    except (KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError("this is no manifest") from error
