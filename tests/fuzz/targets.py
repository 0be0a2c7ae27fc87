"""One target for each parser of foreign bytes: only the documented errors may come out.

To add one, write a function here and put at least one valid input into ``corpus/<its name>``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from dlcore import digests
from dlcore.deployment import parse_deployment
from dlcore.errors import ConfigError, DocumentError, ManifestError, TaskSequenceError
from dlcore.locations import deployment_file, endpoints_of, read_site_document
from dlcore.manifest import (
    check_path,
    decode,
    decode_catalog,
    decode_content_file,
    decode_latest_version,
    decode_metalink,
    decode_phf,
    decode_stated_hash,
    encode,
    encode_catalog,
    parse_checksum_list,
    read_any,
)
from dlcore.model import Manifest
from dlcore.patches import PatchError, apply, decode_patch_list, encode_patch_list
from dlcore.redaction import redact
from dlcore.store import journal
from dlcore.tasksequence import (
    Variables,
    evaluate,
    needs,
    packages_in_order,
    read,
    undecided,
    unresolved_needs,
    variables_read,
    variables_written,
)
from dlcore.tasksequence.archive import MAX_TOTAL_BYTES, read_documents
from dlcore.transfer.endpoints.propfind import parse_listing, parse_page
from dlcore.transfer.http.auth_challenges import MAX_TOKEN_BYTES, offered_schemes, token_of
from dlcore.transfer.http.connect_exchange import read_head
from dlcore.transfer.http.headers import (
    MAX_RETRY_AFTER_S,
    parse_content_range,
    parse_digest,
    parse_repr_digest,
    parse_retry_after_s,
)
from dlcore.transfer.http.links import links_of
from dlcore.transfer.http.redirects import Route
from dlcore.transfer.http.suggested_name import suggested_name
from dlcore.transfer.http.urls import exact_url
from tests.fuzz.target import RefusedError, target

SOURCE = "fuzz"
PACKAGE_ID = "ABC00012"
ROOT = f"/SMS_DP_SMSPKG$/{PACKAGE_ID}"
MANIFEST_DIGEST = bytes(range(32))
BLOCK_COUNT = 20
PATCHED = bytes(range(256)) * 40
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def _check_manifest(manifest: Manifest) -> None:
    assert decode(encode(manifest), source=SOURCE) == manifest


@target(ManifestError)
def native_manifest(data: bytes) -> None:
    _check_manifest(decode(data, source=SOURCE))


@target(ManifestError)
def catalog(data: bytes) -> None:
    parsed = decode_catalog(data, source=SOURCE)
    assert decode_catalog(encode_catalog(parsed), source=SOURCE) == parsed


@target(ManifestError)
def patch_list(data: bytes) -> None:
    listed = decode_patch_list(data, source=SOURCE)
    assert decode_patch_list(encode_patch_list(listed), source=SOURCE) == listed


@target(PatchError)
def patch(data: bytes) -> None:
    assert len(apply(PATCHED, data, len(PATCHED))) == len(PATCHED)


@target(ManifestError)
def metalink(data: bytes) -> None:
    manifest, urls = decode_metalink(data, source=SOURCE, package_id=PACKAGE_ID)
    _check_manifest(manifest)
    assert len(urls) == len(manifest.objects)


@target(ManifestError)
def piece_hash_file(data: bytes) -> None:
    _check_manifest(decode_phf(data, source=SOURCE, package_id=PACKAGE_ID, path="content"))


@target(ManifestError)
def checksum_list(data: bytes) -> None:
    listed = parse_checksum_list(data.decode("utf-8", "replace"), "SHA256SUMS")
    for path, digest in listed.items():
        check_path(path)
        assert digests.parse_digest(str(digest)) == digest


@target(ManifestError)
def any_description(data: bytes) -> None:
    _check_manifest(read_any(data, source=SOURCE, package_id=PACKAGE_ID).manifest)


@target(ManifestError)
def library_package_ini(data: bytes) -> None:
    assert decode_latest_version(data, source=SOURCE, package_id=PACKAGE_ID) >= 1


@target(ManifestError)
def library_file_ini(data: bytes) -> None:
    file = decode_content_file(data, source=SOURCE)
    assert file.length_bytes >= 0
    assert len(file.sha256) == 32


@target(ManifestError)
def library_content_ini(data: bytes) -> None:
    assert len(decode_stated_hash(data, source=SOURCE)) in (0, 64)


@target(TaskSequenceError)
def task_sequence(data: bytes) -> None:
    sequence = read(data, source=SOURCE)
    packages_in_order(sequence)
    variables = Variables(sequence.variables)
    for step in sequence.steps:
        assert len(set(needs(step, variables))) == len(needs(step, variables))
        unresolved_needs(step, variables)
        variables_written(step)
        variables_read(step.condition)
        evaluate(step.condition, variables, undecided)


@target(TaskSequenceError)
def export_archive(data: bytes) -> None:
    documents = read_documents(data, SOURCE)
    assert documents
    assert sum(len(document.data) for document in documents) <= MAX_TOTAL_BYTES


@target(RefusedError)
def journal_file(data: bytes) -> None:
    claims = journal.decode(data, MANIFEST_DIGEST, BLOCK_COUNT)
    if claims is None:
        raise RefusedError
    encoded = journal.encode(MANIFEST_DIGEST, claims)
    assert journal.decode(encoded, MANIFEST_DIGEST, BLOCK_COUNT) == claims


@target(ValueError)
def distribution_point_listing(data: bytes) -> None:
    for entry in parse_listing(data, ROOT):
        assert not {"..", "."} & set(entry.path.split("/"))
        assert not entry.path.startswith("/")
        assert entry.length_bytes >= 0
        assert entry.link.isascii()


@target(ValueError)
def distribution_point_page(data: bytes) -> None:
    for entry in parse_page(data, ROOT):
        assert not {"..", "."} & set(entry.path.split("/"))
        assert not entry.path.startswith("/")
        assert entry.length_bytes >= 0
        assert entry.link.isascii()


@target(RefusedError)
def content_range(data: bytes) -> None:
    parsed = parse_content_range(data.decode("latin-1"))
    if parsed is None:
        raise RefusedError
    assert 0 <= parsed.start < parsed.end
    assert parsed.total is None or parsed.end <= parsed.total


@target(RefusedError)
def repr_digest(data: bytes) -> None:
    if parse_repr_digest(data.decode("latin-1")) is None:
        raise RefusedError


@target(RefusedError)
def digest_header(data: bytes) -> None:
    if parse_digest(data.decode("latin-1")) is None:
        raise RefusedError


@target(RefusedError)
def link_header(data: bytes) -> None:
    links = links_of("https://localhost/a/file", data.decode("latin-1").split("\n"))
    for url in (*links.metalinks, *links.duplicates):
        assert exact_url(url).scheme == "https"
    if not any(links):
        raise RefusedError


@target(RefusedError)
def content_disposition(data: bytes) -> None:
    name = suggested_name(data.decode("latin-1"))
    assert not {"/", "\\"} & set(name)
    if not name:
        raise RefusedError


@target(RefusedError)
def auth_challenge(data: bytes) -> None:
    fields = data.decode("latin-1").split("\n")
    schemes = offered_schemes(fields)
    for scheme, text in schemes.items():
        assert scheme == scheme.lower()
        assert len(token_of(text) or b"") <= MAX_TOKEN_BYTES
    if not schemes:
        raise RefusedError


@target(ValueError)
def connect_answer(data: bytes) -> None:
    head = read_head(data)
    assert 100 <= head.status <= 999
    assert all(isinstance(text, str) for text in head.headers.values())


@target(ValueError)
def redirect_location(data: bytes) -> None:
    route = Route(("https://localhost/first",)).redirected(data.decode("latin-1"))
    assert route.url.isascii()
    assert route.url.lower().startswith("https://")


@target(RefusedError)
def retry_after(data: bytes) -> None:
    delay_s = parse_retry_after_s(data.decode("latin-1"), NOW)
    if delay_s is None:
        raise RefusedError
    assert 0.0 <= delay_s <= MAX_RETRY_AFTER_S


@target()
def redacted_url(data: bytes) -> None:
    shown = redact(data.decode("latin-1"))
    assert shown.isascii()
    assert shown.isprintable()
    secret = "s3cr3t"
    assert secret not in redact(f"{data.decode('latin-1')}?sig={secret}")
    assert secret not in redact(f"https://{secret}@{data.decode('latin-1')}")


@target(ConfigError)
def deployment(data: bytes) -> None:
    parsed = parse_deployment(data, Path("/etc/dlcore/deployment.toml").absolute())
    assert all(Path(e.token_file).is_absolute() for e in parsed.endpoints if e.token_file)


@target(DocumentError)
def site_locations(data: bytes) -> None:
    """Whatever a site tells: what is written of it can be read, and holds no secret."""
    told = read_site_document(data, SOURCE)
    text = deployment_file([told], catalog="catalog.json")
    assert "s3cr3t" not in text
    parsed = parse_deployment(text.encode(), Path("/etc/dlcore/deployment.toml").absolute())
    found = [(endpoint.name, endpoint.url) for endpoint in endpoints_of(told.locations)]
    assert [(endpoint.name, endpoint.url) for endpoint in parsed.endpoints] == found
