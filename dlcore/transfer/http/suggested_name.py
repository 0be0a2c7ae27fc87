"""The file name that a server suggests for what it sends. Pure.

Guarantees: no folder, no hidden file: only the last component counts, and one that begins with a
dot does not. Whether the rest can be a file's name on every system is not checked here.

Source: RFC 6266, section 4.3, "Disposition Parameter: 'Filename'".
"""

from __future__ import annotations

import re
import warnings

from aiohttp import content_disposition_filename, parse_content_disposition


def suggested_name(content_disposition: str) -> str:
    """The name in a ``Content-Disposition``; empty if it has none that may be used."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is foreign text: what cannot be read has no name
        _, parameters = parse_content_disposition(content_disposition)
        name = content_disposition_filename(parameters) or ""
    last = re.split(r"[/\\]", name)[-1]
    return "" if last.startswith(".") else last
