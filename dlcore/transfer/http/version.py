"""Which version of an object a server has, as far as its responses tell.

Guarantees: parts of two versions are not taken for one without a word: the first response of
another version is an error. It is told once. After that the digest of the whole decides, because
servers behind one name may call the same content by different tags.

Source: RFC 9110, section 8.8, "Validator Fields", and section 13.1.5, "If-Range".
"""

from __future__ import annotations

from dlcore.errors import Fault
from dlcore.transfer.http.response import Response


class Version:
    """The version of one object at one server."""

    def __init__(self) -> None:
        self._validator = ""
        self._is_checked = True

    def headers(self) -> dict[str, str]:
        """Asks for a part of this version only; empty while none is known."""
        is_known = self._validator and self._is_checked
        return {"If-Range": self._validator} if is_known else {}

    def check(self, response: Response) -> None:
        """Note the version of the first response, and compare those of others.

        Raises:
            TransferError: ``CHANGED``: it is another version.
        """
        found = _validator(response)
        if not (found and self._is_checked):
            return
        if self._validator and found != self._validator:
            self._is_checked = False
            raise response.error(Fault.CHANGED, "the object is another version than before")
        self._validator = found


def _validator(response: Response) -> str:
    """A tag that changes with every byte, or else the time of the last change."""
    tag = response.headers.get("ETag", "").strip()
    if tag.startswith("W/"):
        return ""
    return tag or response.headers.get("Last-Modified", "").strip()
