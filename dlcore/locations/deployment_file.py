"""Writes a deployment file with the endpoints that a site names.

Guarantees: the text is a deployment file that dlcore reads. It holds no secret: what a server asks
for is named by the key that says where it lies. What is not stated is a comment.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from dlcore.locations.endpoints import FoundEndpoint, endpoints_of
from dlcore.locations.environment_dump import TOKEN_OF_DISTRIBUTION_POINTS
from dlcore.locations.site_document import MAX_SHOWN_CHARACTERS, Access, Package, SiteDocument
from dlcore.model import EndpointKind
from dlcore.package_ids import package_id
from dlcore.printable import printable

_CATALOG: Final = "catalog.json"
_WITHOUT_TLS: Final = (
    "# It asks for a token, which would travel without TLS: use an https URL, and",
    '# token_env = "DLCORE_DP_TOKEN"',
)
_GATEWAY: Final = (
    'token_env = "DLCORE_CMG_TOKEN"  # has the registration token; or name a file with token_file',
    "# Whether it is a CMG or a cloud-dp was not stated. How a real gateway lists content is not",
    "# public: dlcore speaks the protocol of its own emulator.",
)


def deployment_file(site_documents: Sequence[SiteDocument], *, catalog: str = "") -> str:
    """The text of the file.

    Args:
        site_documents: What the documents of one site say.
        catalog: Path of the catalog, which no site tells; it can be encoded as UTF-8. Empty: the
            packages are those whose content hash is stated; if none is, a catalog must be added.
    """
    endpoints = endpoints_of(each for one in site_documents for each in one.locations)
    packages = _packages(site_documents)
    stated = {} if catalog else dict(_stated_packages(packages))
    has_token = any(TOKEN_OF_DISTRIBUTION_POINTS in one.secrets for one in site_documents)
    sources = _comment(", ".join(one.source for one in site_documents))
    lines = [
        f"# Written by `dlcore locations` from {sources}.",
        "# What the site did not state, or dlcore does not know, is in comments: read them.",
        "",
        *_client(endpoints),
        "",
        *(_tables_of_packages(stated) if stated else _catalog(catalog or _CATALOG)),
        "",
        *_comments_on_packages(packages),
    ]
    for endpoint in endpoints:
        lines += ["", *_endpoint(endpoint, len(packages), has_token=has_token)]
    return "\n".join(lines) + "\n"


def _client(endpoints: Iterable[FoundEndpoint]) -> Iterator[str]:
    kinds = {endpoint.kind for endpoint in endpoints}
    yield "[client]"
    if EndpointKind.DP in kinds:
        yield "on_internet = false  # the site named a distribution point"
    if EndpointKind.CMG in kinds:
        yield "allow_cloud_dp = true  # the site named a CMG"


def _catalog(path: str) -> Iterator[str]:
    yield "[catalog]"
    yield "# No site tells it, and nothing can be fetched without it: `dlcore publish` writes it."
    yield f"path = {_string(path)}"


def _stated_packages(packages: Mapping[str, Sequence[Package]]) -> Iterator[tuple[str, Package]]:
    """What can be stated: packages of which all documents tell the same content hash."""
    for content, variants in packages.items():
        hashes = {each.content_hash for each in variants if each.content_hash}
        versions = {each.version for each in variants if each.version}
        if package_id(content) == content and len(hashes) == 1 and len(versions) <= 1:
            yield content, Package(content, next(iter(versions), None), hashes.pop())


def _tables_of_packages(stated: Mapping[str, Package]) -> Iterator[str]:
    yield "# No catalog is needed where the content library of a distribution point can be read: it"
    yield "# must have content with these hashes. With a catalog: `dlcore locations --catalog`."
    for content, package in stated.items():
        yield ""
        yield f"[packages.{content}]"
        yield f"content_hash = {_string(f'sha256:{package.content_hash}')}"
        if package.version:
            yield f"version = {package.version}"


def _packages(site_documents: Iterable[SiteDocument]) -> dict[str, list[Package]]:
    """The statements about each content, by its id."""
    found: dict[str, list[Package]] = {}
    for package in (package for one in site_documents for package in one.packages):
        found.setdefault(package.content, []).append(package)
    return {content: found[content] for content in sorted(found)}


def _comments_on_packages(packages: Mapping[str, list[Package]]) -> Iterator[str]:
    yield "# The contents that the site named. `dlcore verify FOLDER --content-hash HASH` compares."
    for content, variants in packages.items():
        versions = _stated(str(each.version) for each in variants if each.version is not None)
        hashes = _stated(each.content_hash for each in variants if each.content_hash)
        yield f"# {_comment(content)}: version {versions}, content hash {hashes}"


def _stated(values: Iterable[str]) -> str:
    """What the documents state, also if they contradict each other."""
    return " or ".join(dict.fromkeys(values)) or "not stated"


def _endpoint(endpoint: FoundEndpoint, packages: int, *, has_token: bool) -> Iterator[str]:
    yield "[[endpoint]]"
    yield f"name = {_string(endpoint.name)}"
    yield f"kind = {_string(endpoint.kind.value)}"
    yield f"url = {_string(endpoint.url)}"
    yield from _access(endpoint, has_token=has_token)
    if endpoint.cost:
        yield f"cost = {endpoint.cost}"
    if endpoint.localities:
        yield f"# locality: {_comment(', '.join(endpoint.localities))}"
    if len(endpoint.contents) < packages:
        yield f"# named for {_comment(', '.join(endpoint.contents))} only"
    if endpoint.also:
        yield f"# also named: {_comment(endpoint.also)}"
    for remark in endpoint.remarks:
        yield f"# not understood: {_comment(remark)}"


def _access(endpoint: FoundEndpoint, *, has_token: bool) -> Iterator[str]:
    has_tls = endpoint.url.startswith("https:")
    match endpoint.access:
        case Access.REGISTRATION:
            yield from _GATEWAY
        case Access.TOKEN if has_tls:
            yield 'token_env = "DLCORE_DP_TOKEN"  # has the token; or name a file with token_file'
        case Access.TOKEN:
            yield from _WITHOUT_TLS
        case Access.NO_CERTIFICATE:
            yield "# It asks for nothing, or for the network access account: user, password_file."
        case Access.WINDOWS:
            yield '# authentication = "negotiate"  # unless it lets anonymous clients in'
            if not has_tls:
                yield "# logs_in_without_tls = true"
            if has_token and has_tls:
                yield '# token_env = "DLCORE_DP_TOKEN"  # the variables had a token'


def _string(text: str) -> str:
    """A basic string of TOML: JSON's escapes are among those of TOML, which has one more.

    Source: TOML 1.0.0, "String": U+007F is to be escaped.
    """
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


def _comment(text: str) -> str:
    """A foreign text as a part of a comment: it cannot begin a line of its own."""
    return printable(text, max_characters=10 * MAX_SHOWN_CHARACTERS)
