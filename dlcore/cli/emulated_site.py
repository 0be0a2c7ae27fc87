"""What ``dlcore serve --site`` prepares in its state folder, and its deployment files.

Guarantees: no secret stands in these files; they name the files that hold them.

There are two deployment files because there are two catalogs: a content library knows a file by
the SHA-256 of the whole, and the gateway serves objects whose blocks have digests. Distribution
points serve files, so both files have them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from dlcore.cli.options.paths import as_argument
from dlcore.disk.faults import storage_error
from dlcore.emulator import Emulator
from dlcore.emulator.content_library import write_library
from dlcore.emulator.private_files import make_private
from dlcore.emulator.published_folder import PublishedFolder
from dlcore.errors import NotFoundError
from dlcore.extras import require
from dlcore.model import CATALOG_KEY
from dlcore.package_ids import package_id

_HEAD: Final = """\
[deployment]
download = "when-needed"
[client]
on_internet = false
allow_cloud_dp = true
"""


class Prepared(NamedTuple):
    """What is on disk before anything is served.

    Attributes:
        published: The folder to serve, as ``dlcore publish`` writes it.
        drives: The content library, one folder a drive; the first has the documents.
        documents: Catalog and manifests of what the content library has.
        packages: Ids of the packages, in order.
    """

    published: Path
    drives: tuple[Path, Path]
    documents: Path
    packages: list[str]


class ServedEndpoint(NamedTuple):
    """One endpoint of the site.

    Attributes:
        name: Its name in the deployment files.
        fetch: Command that fetches a package from it alone.
        keys: Its table in the deployment file.
        refused: How to see that a wrong login is refused; a note for people.
    """

    name: str
    fetch: str
    keys: Mapping[str, str]
    refused: str = ""


def prepare(folder: Path, state: Path) -> Prepared:
    """Write the content library, and publish what is not published yet.

    Args:
        folder: What ``dlcore publish`` wrote, or a folder of packages by their ids.
        state: The emulator's folder for private files.

    Raises:
        NotFoundError: The folder has no package.
        ConfigError: An extra is not installed.
        DlcoreError: As `dlcore.publish` and `write_library` say.
    """
    from dlcore.publish import publish

    require("serve")
    require("windows-auth")  # before much is written
    try:
        make_private(state)
        published = _find_or_publish(folder, state)
        packages = sorted(PublishedFolder(published).packages())
        drives = write_library(PublishedFolder(published), (state / "D", state / "E"))
        documents = state / "documents"
        shutil.rmtree(documents, ignore_errors=True)  # it may be about another folder
    except OSError as error:
        raise storage_error(error, "prepare the site", state) from error
    if not packages:
        raise NotFoundError(
            f"{folder} holds no package", remedy="Publish one with `dlcore publish`."
        )
    for listed in packages:
        publish(
            drives[0],
            package_id=listed,
            destination=str(documents),
            content_library=True,
            documents_only=True,
        )
    return Prepared(published, drives, documents, packages)


def _find_or_publish(folder: Path, state: Path) -> Path:
    """The folder itself, or what its packages are published to as version 1."""
    from dlcore.publish import publish

    if (folder / CATALOG_KEY).is_file():
        return folder
    names = {path.name for path in folder.iterdir() if package_id(path.name) == path.name}
    if not names:
        raise NotFoundError(
            f"{folder} holds neither {CATALOG_KEY} nor a folder named by a package id",
            remedy="Name the folder that `dlcore publish` wrote to, or one with packages in it,"
            " as in FOLDER/ABC00012/setup.exe.",
        )
    published = state / "published"
    if published.exists() and PublishedFolder(published).packages().keys() - names:
        shutil.rmtree(published)  # it is about another folder
    for name in sorted(names):
        destination = str(published)
        publish(folder / name, package_id=name, version=1, destination=destination, replace=True)
    return published


def endpoints(emulator: Emulator, prepared: Prepared) -> list[ServedEndpoint]:
    """The endpoints that a running emulator serves over HTTP."""
    accounts, certificates = emulator.accounts, emulator.client_certificates
    assert accounts, "the settings ask for Windows authentication"
    assert certificates, "the settings ask for client certificates"
    ca_file = {"ca_file": str(emulator.ca_file)}
    user = accounts.user.replace("\\", "%5C")
    return [
        _endpoint(
            prepared,
            "gateway",
            {"kind": "cmg", "url": emulator.url}
            | {"token_file": str(emulator.registration_token_file), **ca_file},
        ),
        _endpoint(prepared, "dp-anonymous", {"kind": "dp", "url": emulator.dp_url}),
        _endpoint(
            prepared,
            "dp-windows",
            {"kind": "dp", "url": emulator.windows_dp_url, "authentication": "negotiate"}
            | {"user": accounts.user, "password_file": str(accounts.password_file), **ca_file},
            user=user,
            refused=f"the account {accounts.locked_user}, which is locked, with"
            f" {accounts.locked_password_file}",
        ),
        _endpoint(
            prepared,
            "dp-certificate",
            {"kind": "dp", "url": emulator.certificate_dp_url}
            | {"client_cert": str(certificates.client_file), **ca_file},
            refused=f"{certificates.expired_file} and {certificates.stranger_file}",
        ),
    ]


def web_library(emulator: Emulator, prepared: Prepared) -> ServedEndpoint:
    """The content library as a running emulator serves it over HTTPS."""
    return _endpoint(
        prepared,
        "library-web",
        {"kind": "content-library", "url": emulator.library_url, "ca_file": str(emulator.ca_file)},
    )


def deployment(prepared: Prepared, served: list[ServedEndpoint]) -> str:
    """The deployment file with the gateway and the distribution points."""
    catalog = {"path": str(prepared.published / CATALOG_KEY)}
    return _HEAD + _table("[catalog]", catalog) + "".join(map(_with_notes, served))


def library_deployment(prepared: Prepared, served: list[ServedEndpoint]) -> str:
    """The deployment file with the content library and the distribution points."""
    catalog = {"path": str(prepared.documents / CATALOG_KEY)}
    drives = [
        ServedEndpoint(
            f"drive-{path.parent.name.lower()}", "", {"kind": "content-library", "path": str(path)}
        )
        for path in prepared.drives
    ]
    points = [endpoint for endpoint in served if endpoint.keys["kind"] == "dp"]
    web = [endpoint for endpoint in served if endpoint.keys["kind"] == "content-library"]
    both = " ".join(f"--from {as_argument(f'content-library+{path}')}" for path in prepared.drives)
    first = prepared.packages[0]
    note = f"# The content library alone: dlcore fetch {first} {both} -o {first}\n"
    tables = "".join(map(_endpoint_table, drives)) + "".join(map(_with_notes, web))
    return (
        _HEAD + _table("[catalog]", catalog) + note + tables + "".join(map(_endpoint_table, points))
    )


def _endpoint(
    prepared: Prepared, name: str, keys: dict[str, str], *, user: str = "", refused: str = ""
) -> ServedEndpoint:
    options = {
        "token_file": "--token-file",
        "authentication": "--authentication",
        "password_file": "--password-file",
        "client_cert": "--client-cert",
        "ca_file": "--ca-file",
    }
    first = prepared.packages[0]
    scheme, _, rest = keys["url"].partition("://")
    url = f"{keys['kind']}+{scheme}://{f'{user}@' if user else ''}{rest}"
    words = ["dlcore", "fetch", first, "--from", as_argument(url)]
    if keys["kind"] == "dp":  # it has no catalog
        words += ["--catalog", as_argument(prepared.published / CATALOG_KEY)]
    for key, option in options.items():
        if key in keys:
            words += [option, as_argument(keys[key])]
    words += ["-o", first]
    return ServedEndpoint(name, " ".join(words), keys, refused)


def _with_notes(endpoint: ServedEndpoint) -> str:
    note = f"# {endpoint.name} alone: {endpoint.fetch}\n"
    if endpoint.refused:
        note += f"# The server refuses: {endpoint.refused}\n"
    return note + _endpoint_table(endpoint)


def _endpoint_table(endpoint: ServedEndpoint) -> str:
    return _table("[[endpoint]]", {"name": endpoint.name, **endpoint.keys})


def _table(head: str, keys: Mapping[str, str]) -> str:
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in keys.items()]
    return "\n".join([head, *lines]) + "\n"
