"""Which version of an object a server has, as far as its responses tell.

Guarantees: nothing is read of an object that has another digest by the server's own word. Parts of
two versions are not taken for one without a word: the first response of another version is an
error. It is told once. After that the digest of the whole decides, because servers behind one name
may call the same content by different tags.

Source: RFC 9110, section 8.8, "Validator Fields", and section 13.1.5, "If-Range"; RFC 9530.
"""

from __future__ import annotations

from dlcore.errors import Fault
from dlcore.transfer.http.headers import parse_repr_digest
from dlcore.transfer.http.response import Response


class Version:
    """The version of one object at one server.

    Args:
        sha256: Digest that the object must have; empty if it is not known.
    """

    def __init__(self, sha256: bytes = b"") -> None:
        self._sha256 = sha256
        self._validator = ""
        self._is_checked = True

    def headers(self) -> dict[str, str]:
        """Asks for a part of this version only; empty while none is known.

        A tag with characters outside of ASCII would be sent as another one, and bring the whole.
        """
        is_known = self._validator.isascii() and self._is_checked
        return {"If-Range": self._validator} if self._validator and is_known else {}

    def check(self, response: Response) -> None:
        """Note the version of the first response, and compare those of others.

        Raises:
            TransferError: ``CORRUPT``: the server says that the object has another digest.
                ``CHANGED``: it is another version.
        """
        said = parse_repr_digest(response.headers.get("Repr-Digest", ""))
        if self._sha256 and said and said != self._sha256:
            raise response.error(
                Fault.CORRUPT,
                f"the object's SHA-256 is {said.hex()}, as the server says, "
                f"not {self._sha256.hex()}",
            )
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
