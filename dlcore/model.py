"""The vocabulary: packages, files, objects, blocks and extents as frozen structs.

Guarantees: instances never change; offsets are half-open ``[start, end)``; every count of
bytes says so in its name. Assumes values were validated where they entered (``manifest``
refuses hostile ones). Holds no I/O and no policy, only the geometry that every room shares:
files lie in objects, objects are cut into blocks, blocks are numbered through the package.

A package's blocks are numbered ``0, 1, 2, ...`` through its objects in manifest order; that
number is what the scheduler, the journal and the store exchange.
"""

from __future__ import annotations

import bisect
import enum
import functools
import re
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Annotated, NamedTuple, NewType

import msgspec

from dlcore.digests import Digest, parse_digest, sha256_digest

DIGEST_BYTES = 32  # SHA-256
DEFAULT_BLOCK_BYTES = 1 << 20
CATALOG_KEY = "catalog.json"
TIMESTAMP_KEY = "metadata/timestamp.json"  # where it is, the catalog is signed

_CONTENT_KEY = re.compile(r"(?:manifests|patches)/[0-9a-f]{64}\.json|objects/[0-9a-f]{64}")

ObjectIndex = NewType("ObjectIndex", int)
"""Place of an object in its package's manifest."""

BlockInObject = NewType("BlockInObject", int)
"""Number of a block, counted from the beginning of its object."""

BlockInPackage = NewType("BlockInPackage", int)
"""Number of a block, counted through all objects of its package."""


def manifest_key(digest: str) -> str:
    """Where a published manifest lies below an endpoint's root; ``digest`` is SHA-256 in hex."""
    return f"manifests/{digest}.json"


def patch_list_key(digest: str) -> str:
    """Where the patch list of a published version lies; ``digest`` is that of its manifest."""
    return f"patches/{digest}.json"


def object_key(name: str) -> str:
    """Where a published object lies below an endpoint's root."""
    return f"objects/{name}"


def is_content_key(key: str) -> bool:
    """Whether a manifest, a patch list or an object can lie there, below a site's root."""
    return _CONTENT_KEY.fullmatch(key) is not None


BUCKET_SCHEMES = frozenset({"az", "s3", "gs"})
"""Schemes of the URLs of object stores: Azure Blob Storage, Amazon S3, Google Cloud Storage."""


class EndpointKind(enum.StrEnum):
    """A kind of source of objects."""

    CMG = "cmg"
    CLOUD_DP = "cloud-dp"
    DP = "dp"
    BLOB = "blob"
    HTTP = "http"
    FILE = "file"
    BUCKET = "bucket"
    CONTENT_LIBRARY = "content-library"


def is_folder_place(kind: EndpointKind, place: str) -> bool:
    """Whether the place of an endpoint is a folder, local or UNC, and not a URL.

    Args:
        kind: Its kind. A content library is in a folder, or on a web server.
        place: The folder or the URL.
    """
    if kind is EndpointKind.CONTENT_LIBRARY:
        return not place.lower().startswith(("http://", "https://"))
    return kind is EndpointKind.FILE


class Object(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A thing with a length at an endpoint, cut into blocks.

    Attributes:
        name: Key of the object at its endpoints. Objects of equal content share it, so within a
            package an object is known by its index.
        length_bytes: At least 1; an empty file has no object.
        digests: SHA-256 of each block in order, concatenated; empty if only ``sha256`` is known.
        sha256: SHA-256 of the whole object; empty if ``digests`` or ``given`` is not.
        given: ``ALGORITHM=HEX``: another digest of the whole object, as the publisher of a file
            gives it (`dlcore.digests`). Never in a package's manifest.
    """

    name: str
    length_bytes: int
    digests: bytes = b""
    sha256: bytes = b""
    given: str = ""

    @property
    def whole(self) -> Digest:
        """The digest of the whole object; only for one that has no digests of its blocks."""
        return parse_digest(self.given) if self.given else sha256_digest(self.sha256)


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A file of a package: a stretch of one object.

    Attributes:
        path: Relative to the package, parts separated by ``/``.
        length_bytes: 0 or more.
        object: Index into the manifest's objects. -1 if the file is empty (`is_empty`): the
            documents leave it out then.
        offset_bytes: Where the file begins in its object.
        sha256: SHA-256 of the file if it is packed (`Manifest.is_packed`) and the schema has such
            digests; else empty.
    """

    path: str
    length_bytes: int
    object: int = -1
    offset_bytes: int = 0
    sha256: bytes = b""

    @property
    def is_empty(self) -> bool:
        """Whether the file has no bytes, and so no object."""
        return not self.length_bytes


class FileExtent(NamedTuple):
    """A stretch of one file: ``length_bytes`` from ``offset_bytes`` of ``files[file]``."""

    file: int
    offset_bytes: int
    length_bytes: int


class BlockExtent(NamedTuple):
    """Consecutive blocks ``[first, end)`` of one object."""

    object: ObjectIndex
    first: BlockInObject
    end: BlockInObject

    @classmethod
    def of(cls, object_index: int, first: int, end: int) -> BlockExtent:
        """The extent of these numbers, which the caller knows to be an object's and its blocks'."""
        return cls(ObjectIndex(object_index), BlockInObject(first), BlockInObject(end))


class Program(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A way to install a package.

    Attributes:
        name: As an *Install Package* step names it; case counts.
        command: The command line, for the package's folder.
    """

    name: str
    command: str


class Manifest(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    dict=True,
    rename={"stated_programs": "programs"},
):
    """What a package consists of; trusted because its own digest is.

    Attributes:
        schema: Version of the format: 2; 3 if it has programs; or 1, which has no digests of
            packed files.
        package_id: ``ABC00012``.
        version: Source version of the package, 1 or more.
        block_bytes: Length of every block but an object's last.
        objects: In manifest order; blocks are numbered through them.
        files: In path order; together they cover every byte of every object exactly once.
        folders: Empty folders only; the others follow from the files.
        stated_programs: Sorted by name; unset, and not in the document, if there are none.
    """

    schema: int
    package_id: str
    version: int
    block_bytes: int
    objects: tuple[Object, ...]
    files: tuple[File, ...]
    folders: tuple[str, ...] = ()
    stated_programs: tuple[Program, ...] | msgspec.UnsetType = msgspec.UNSET

    @functools.cached_property
    def programs(self) -> Mapping[str, str]:
        """Command lines by the names of the package's programs."""
        return {program.name: program.command for program in self.stated_programs or ()}

    @functools.cached_property
    def first_blocks(self) -> tuple[int, ...]:
        """Package-wide number of each object's first block, then the package's block count."""
        return tuple(accumulate((self.block_count(o) for o in range(len(self.objects))), initial=0))

    @functools.cached_property
    def content_bytes(self) -> int:
        """Length of all files together."""
        return sum(o.length_bytes for o in self.objects)

    @functools.cached_property
    def _files_by_object(self) -> tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]:
        """Per object the start offsets and the indices of its files, in offset order."""
        placed: list[list[tuple[int, int]]] = [[] for _ in self.objects]
        for index, file in enumerate(self.files):
            if not file.is_empty:
                placed[file.object].append((file.offset_bytes, index))
        return tuple(
            (tuple(start for start, _ in sorted(row)), tuple(index for _, index in sorted(row)))
            for row in placed
        )

    def is_packed(self, file: File) -> bool:
        """Whether the file shares a digest with another one, which then cannot tell them apart."""
        if file.is_empty:
            return False
        item = self.objects[file.object]
        end = file.offset_bytes + file.length_bytes
        if item.sha256 or item.given:  # else it has digests of blocks, or gets them yet
            return file.length_bytes != item.length_bytes
        begins_inside = file.offset_bytes % self.block_bytes
        ends_inside = end % self.block_bytes and end != item.length_bytes
        return bool(begins_inside or ends_inside)

    def block_count(self, object_index: int) -> int:
        """Number of blocks of one object."""
        return -(-self.objects[object_index].length_bytes // self.block_bytes)

    def block_number(self, object_index: ObjectIndex, block: BlockInObject) -> BlockInPackage:
        """Package-wide number of an object's block."""
        return BlockInPackage(self.first_blocks[object_index] + block)

    def locate_block(self, number: BlockInPackage) -> tuple[ObjectIndex, BlockInObject]:
        """Object index and block in that object of a package-wide block number."""
        object_index = bisect.bisect_right(self.first_blocks, number) - 1
        block = number - self.first_blocks[object_index]
        return ObjectIndex(object_index), BlockInObject(block)

    def block_digests(self, blocks: BlockExtent) -> bytes:
        """SHA-256 of each block, concatenated; empty if the object has only one digest."""
        digests = self.objects[blocks.object].digests
        return digests[blocks.first * DIGEST_BYTES : blocks.end * DIGEST_BYTES]

    def block_span(self, object_index: ObjectIndex, block: BlockInObject) -> tuple[int, int]:
        """Bytes ``[start, end)`` of a block in its object."""
        start = block * self.block_bytes
        return start, min(start + self.block_bytes, self.objects[object_index].length_bytes)

    def extent_span(self, blocks: BlockExtent) -> tuple[int, int]:
        """Bytes ``[start, end)`` of an extent in its object."""
        start, _ = self.block_span(blocks.object, blocks.first)
        _, end = self.block_span(blocks.object, BlockInObject(blocks.end - 1))
        return start, end

    def file_extents(self, object_index: int, start: int, end: int) -> Iterator[FileExtent]:
        """The stretches of files that bytes ``[start, end)`` of an object are, in order."""
        starts, indices = self._files_by_object[object_index]
        at = bisect.bisect_right(starts, start) - 1
        while start < end:
            file = self.files[indices[at]]
            offset = start - file.offset_bytes
            length = min(file.length_bytes - offset, end - start)
            yield FileExtent(indices[at], offset, length)
            start += length
            at += 1


class CatalogEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The current version of one package.

    Attributes:
        version: Source version.
        manifest: SHA-256 of the manifest document, hex.
        manifest_bytes: Length of the manifest document: no more than that is ever read.
        content_bytes: Length of all files together, for planning before the manifest is read.
        content_hash: ConfigMgr's package content hash, upper-case hex, if the manifest was made by
            this client of what a content library states, and has that hash; else empty.
    """

    version: int
    manifest: str
    manifest_bytes: int
    content_bytes: int
    content_hash: str = ""


class Catalog(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The trusted statement of each package's version and manifest digest, by package id."""

    schema: int
    packages: dict[str, CatalogEntry]


class Authentication(enum.StrEnum):
    """How a client logs in at a web server."""

    BASIC = "basic"  # each request carries user and password
    NEGOTIATE = "negotiate"  # each connection is logged in: Kerberos where that works, else NTLM
    NTLM = "ntlm"  # the same by NTLM only


class WebAccess(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a web server is shown, and the proxy on the way. Secrets are named by where they lie.

    Attributes:
        authentication: How this client logs in at the server.
        logs_in_without_tls: Whether a login by Negotiate or NTLM may travel without TLS.
        client_cert: PEM file of the certificate that this client shows to a server that asks for
            one, with those that vouch for it; it may hold the key as well.
        client_key: PEM file of its private key; empty if the certificate's file has it.
        client_key_passphrase_file: File with the passphrase of an encrypted key.
        client_key_passphrase_env: Environment variable with that passphrase, in place of a file.
        user: Who logs in; empty: as `netrc_file` or the command says.
        password_file: File with the user's password; read again when it is rejected.
        password_env: Environment variable with that password, in place of a file.
        netrc_file: File of the form ``.netrc`` that has logins by host; empty for none.
        headers: Further header fields, as ``Name: value``, or ``@`` and a file that has them.
        credential_command: A credential helper, as Git has them, and its arguments; it tells the
            login. Empty for none.
        proxy: URL of the proxy, which may name a user, or ``pac+`` and that of a script that names
            proxies; empty for that of the environment.
        proxy_authentication: How this client logs in at the proxy.
        proxy_password_file: File with that user's password.
        proxy_password_env: Environment variable with that password, in place of a file.
    """

    authentication: Authentication = Authentication.BASIC
    logs_in_without_tls: bool = False
    client_cert: str = ""
    client_key: str = ""
    client_key_passphrase_file: str = ""
    client_key_passphrase_env: str = ""
    user: str = ""
    password_file: str = ""
    password_env: str = ""
    netrc_file: str = ""
    headers: tuple[str, ...] = ()
    credential_command: tuple[str, ...] = ()
    proxy: str = ""
    proxy_authentication: Authentication = Authentication.BASIC
    proxy_password_file: str = ""
    proxy_password_env: str = ""


class EndpointSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How to reach one source of objects. Secrets are named by where they lie, never held here.

    Attributes:
        name: Unique among the endpoints in use; appears in logs, errors and reports.
        kind: What sort of source it is.
        url: Base URL, for the kind ``bucket`` one of `BUCKET_SCHEMES`; or a folder, local or UNC
            (`is_folder`).
        token_file: File with the registration token of a ``cmg`` or ``cloud-dp``, or with the token
            that a distribution point (``dp``, ``content-library``) takes in place of a login.
        token_env: Environment variable with that token, in place of a file.
        sas_file: File with the shared access signature of a ``blob``; re-read when it is rejected.
        sas_env: Environment variable with that signature, in place of a file.
        ca_file: PEM file of the authorities to trust in place of the system's.
        content_hosts: Hosts to which the locations of a ``cmg`` or ``cloud-dp`` may lead, as
            ``storage.example.com`` or ``*.example.com``; they may be private. Empty: the service's
            own origin, and hosts with public addresses.
        connections: Most connections to open to it at once, 1 to 256.
        cost: Of using it; an endpoint that costs more than another is spared where that will do.
        cap_bytes_per_s: Most bytes per second to read from it; 0 for no cap.
        serves_content: Whether the service was set up to serve content; only ``cmg`` may not be.
        web: What its server is shown, and the proxy on the way; not of a folder.
    """

    name: str
    kind: EndpointKind
    url: str
    token_file: str = ""
    token_env: str = ""
    sas_file: str = ""
    sas_env: str = ""
    ca_file: str = ""
    content_hosts: tuple[str, ...] = ()
    connections: Annotated[int, msgspec.Meta(ge=1, le=256)] = 256
    cost: Annotated[int, msgspec.Meta(ge=0)] = 0
    cap_bytes_per_s: Annotated[int, msgspec.Meta(ge=0)] = 0
    serves_content: bool = True
    web: WebAccess = WebAccess()

    @property
    def is_folder(self) -> bool:
        """Whether its place is a folder, local or UNC, and not a URL."""
        return is_folder_place(self.kind, self.url)
