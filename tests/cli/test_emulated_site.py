"""``dlcore serve --site``: each endpoint is tried by the command that the deployment file has."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from dlcore.cli.emulated_site import prepare
from dlcore.manifest import decode_catalog
from dlcore.model import CATALOG_KEY
from tests.cli.helpers import TERMINATED, Ended, Here, refused, start, tree, wait
from tests.cli.test_canary import places_of
from tests.engine.scene import make_tree, sequence, step
from tests.transfer.access import secret_file

PACKAGE = "ABC00001"
BLOCK = 1 << 20
LARGE = 2 * BLOCK + 5
FILES = {"large.bin": LARGE, "drivers/one.inf": 700, "drivers/two.inf": 9}
CANARY = "c4n4ry-5502471"

with_windows_login = pytest.mark.posix_only(
    reason="Windows' own NTLM treats a server on the same machine in another way"
)
OVER_HTTP = [
    "gateway",
    "dp-anonymous",
    pytest.param("dp-windows", marks=with_windows_login),
    "dp-certificate",
]


LIBRARIES = ["The content library", "library-web"]


class Site(NamedTuple):
    """A served site."""

    source: Path
    state: Path
    ready: dict[str, Any]

    @property
    def config(self) -> Path:
        return Path(self.ready["config"])

    @property
    def library_config(self) -> Path:
        return Path(self.ready["library_config"])

    def command(self, endpoint: str) -> list[str]:
        """The arguments that the deployment file has for an endpoint alone."""
        config = self.library_config if endpoint in LIBRARIES else self.config
        lines = config.read_text(encoding="utf-8").splitlines()
        (text,) = (line for line in lines if line.startswith(f"# {endpoint} alone: "))
        words = shlex.split(text.partition("alone: ")[2], posix=sys.platform != "win32")
        return [word.strip('"') for word in words[1:-2]]

    def secrets(self) -> list[str]:
        """What nobody may see."""
        names = ("registration-token", "password-client", "password-locked")
        texts = [(self.state / name).read_text(encoding="ascii").strip() for name in names]
        return [*texts, (self.state / "client.pem").read_text(encoding="ascii").split("\n")[-3]]

    def flip(self) -> None:
        """Change a byte in the last block of the large file, wherever it lies; twice: undo that."""
        content = (self.source / PACKAGE / "large.bin").read_bytes()
        name = hashlib.sha256(content).hexdigest().upper()
        published = self.state / "published" / "objects"
        (stored,) = (path for path in published.iterdir() if path.stat().st_size == LARGE)
        libraries = (Path(path) for path in self.ready["content_library"])
        held = (library / "FileLib" / name[:4] / name for library in libraries)
        for path in (stored, *(path for path in held if path.exists())):
            with path.open("r+b") as file:
                file.seek(LARGE - 1)
                last = file.read(1)[0]
                file.seek(LARGE - 1)
                file.write(bytes([last ^ 1]))

    @contextlib.contextmanager
    def damaged(self) -> Iterator[None]:
        self.flip()
        try:
            yield
        finally:
            self.flip()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One that serves packages that nobody published."""
    root = tmp_path_factory.mktemp("emulated")
    make_tree(root / "source" / PACKAGE, {**FILES, "empty": 0})
    state = root / "state"
    process = start("serve", "--site", root / "source", "--state", state, "--json")
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, wait(process).err
        yield Site(root / "source", state, json.loads(line))
    finally:
        process.terminate()
        ended = wait(process)
    assert (ended.status, ended.out, ended.err) == (TERMINATED, "", ""), ended


def fetched(here: Here, site: Site, folder: Path, *words: object) -> Ended:
    """Fetch with all that could leak; what is left there has no secret."""
    log = (
        "-vv",
        "--log-file",
        folder / "log",
        "--events",
        "ndjson",
        "--events-file",
        folder / "events",
    )
    ended = here(*words, "-o", folder / "to", *log, "--retries", "0", "--json")
    assert not places_of([*site.secrets(), CANARY], ended, folder)
    return ended


@pytest.mark.parametrize("endpoint", [*OVER_HTTP, *LIBRARIES])
def test_each_endpoint_serves_the_package(
    endpoint: str, here: Here, site: Site, tmp_path: Path
) -> None:
    ended = fetched(here, site, tmp_path, *site.command(endpoint))
    assert ended.status == 0, ended.err
    assert tree(tmp_path / "to") == tree(site.source / PACKAGE)


@pytest.mark.parametrize("endpoint", OVER_HTTP)
def test_a_flipped_byte_is_named_and_the_fetch_goes_on_inside_the_file(
    endpoint: str, here: Here, site: Site, tmp_path: Path
) -> None:
    """Fault: an endpoint has a file with a flipped byte. dlcore names the file and the endpoint,
    and keeps the blocks that are right.
    """
    with site.damaged():
        ended = fetched(here, site, tmp_path, *site.command(endpoint))
    message = str(refused(ended, 7, "integrity")["message"])
    assert "localhost: block 2 of large.bin does not match its digest" in message
    again = fetched(here, site, tmp_path, *site.command(endpoint))
    assert again.status == 0, again.err
    assert again.document["bytes_fetched"] == LARGE - 2 * BLOCK
    assert tree(tmp_path / "to") == tree(site.source / PACKAGE)


@pytest.mark.parametrize(
    ("library", "where"), [(LIBRARIES[0], "SCCMContentLib"), (LIBRARIES[1], "localhost")]
)
def test_a_flipped_byte_in_the_content_library_is_named(
    library: str, where: str, here: Here, site: Site, tmp_path: Path
) -> None:
    """Fault: a drive has a file with a flipped byte. dlcore names the file and the endpoint."""
    with site.damaged():
        ended = fetched(here, site, tmp_path, *site.command(library))
    message = str(refused(ended, 7, "integrity")["message"])
    assert where in message
    assert "large.bin does not match its digest" in message
    assert not (tmp_path / "to").exists()


def test_a_flipped_byte_is_found_by_the_content_hash_alone(
    here: Here, site: Site, tmp_path: Path
) -> None:
    """Fault: nothing but the content hash is known, and a file has a flipped byte. dlcore says that
    the file cannot be named, and delivers nothing.
    """
    words = site.command("dp-anonymous")
    at = words.index("--catalog")
    stated = Path(site.ready["content_library"][0], "DataLib", f"{PACKAGE}.1.INI")
    told = stated.read_text(encoding="ascii").partition("Hash=")[2].strip()
    words[at : at + 2] = ["--content-hash", told]
    with site.damaged():
        ended = fetched(here, site, tmp_path, *words)
    message = str(refused(ended, 7, "integrity")["message"])
    assert f"not {told}" in message
    assert "cannot tell which of its" in message
    assert not (tmp_path / "to").exists()
    again = fetched(here, site, tmp_path, *words)
    assert (again.status, again.document["truth"]) == (0, "content-hash"), again.err
    assert (again.document["package"], again.document["truth_known"]) == (PACKAGE, "at-the-end")
    assert tree(tmp_path / "to") == tree(site.source / PACKAGE)


LOGINS = {
    "no-login": ("dp-windows", {"--authentication": "", "--password-file": ""}, "answered 401"),
    "wrong-password": (
        "dp-windows",
        {"--password-file": "{wrong}"},
        r"does not accept the user EMULATOR\client",
    ),
    "locked-user": (
        "dp-windows",
        {"--password-file": "{state}/password-locked", "client@": "locked@"},
        r"does not accept the user EMULATOR\locked",
    ),
    "no-certificate": ("dp-certificate", {"--client-cert": ""}, "answered 403"),
    "expired-certificate": (
        "dp-certificate",
        {"--client-cert": "{state}/client-expired.pem"},
        "answered 403",
    ),
    "certificate-of-another": (
        "dp-certificate",
        {"--client-cert": "{state}/client-of-another.pem"},
        "answered 403",
    ),
    "wrong-token": ("gateway", {"--token-file": "{wrong}"}, "answered 401"),
}


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(name, marks=with_windows_login if "user" in name or "pass" in name else ())
        for name in LOGINS
    ],
)
def test_a_wrong_login_is_refused_and_named(
    case: str, here: Here, site: Site, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Fault: an endpoint does not accept the login. dlcore names the endpoint and the reason,
    ends with status 5, and shows the secret nowhere.
    """
    endpoint, changes, told = LOGINS[case]
    wrong = secret_file(tmp_path_factory.mktemp("wrong"), "secret", f"{CANARY}\n")
    words = site.command(endpoint)
    for option, value in changes.items():
        if not option.startswith("--"):
            words = [word.replace(option, value) for word in words]
            continue
        at = words.index(option)
        words[at : at + 2] = [option, value.format(state=site.state, wrong=wrong)] if value else []
    if case == "no-login":
        words = [word.replace("EMULATOR%5Cclient@", "") for word in words]
    ended = fetched(here, site, tmp_path, *words)
    error = refused(ended, 5, "auth")
    message = str(error["message"])
    assert "localhost" in message
    assert told in message
    assert not str(error["remedy"]).startswith("What was verified"), "it says what to do first"
    assert not (tmp_path / "to").exists()


def test_a_user_without_a_password_is_told_where_to_put_it(
    here: Here, site: Site, tmp_path: Path
) -> None:
    words = site.command("dp-windows")
    at = words.index("--password-file")
    del words[at : at + 2]
    ended = fetched(here, site, tmp_path, *words)
    assert "--password-file" in str(refused(ended, 2, "config")["remedy"])


POINTS = {"dp-anonymous", "dp-windows", "dp-certificate"}


@with_windows_login
@pytest.mark.parametrize(
    ("file", "others"),
    [
        ("deployment.toml", {"gateway"}),
        ("content-library.toml", {"drive-d", "drive-e", "library-web"}),
    ],
)
def test_a_sequence_runs_with_each_deployment_file(
    file: str, others: set[str], here: Here, site: Site, tmp_path: Path
) -> None:
    (tmp_path / "one.xml").write_bytes(sequence(step("Drivers", package=PACKAGE)))
    where = ("--config", site.state / file, "--state", tmp_path / "state", "--simulate", "0")
    ran = here("run", tmp_path / "one.xml", *where, "--json")
    assert ran.status == 0, ran.err
    endpoints = ran.document["endpoints"]
    assert set(endpoints) == POINTS | others
    assert not [name for name, own in endpoints.items() if own["faults"]]


def test_the_deployment_files_hold_no_secret(site: Site) -> None:
    for config in (site.config, site.library_config):
        text = config.read_text(encoding="utf-8")
        assert not [secret for secret in site.secrets() if secret in text]


def test_a_folder_without_packages_is_refused(here: Here, tmp_path: Path) -> None:
    (tmp_path / "folder" / "not a package").mkdir(parents=True)
    ended = here("serve", "--site", tmp_path / "folder", "--state", tmp_path / "state", "--json")
    assert "ABC00012/setup.exe" in str(refused(ended, 4, "not-found")["remedy"])


def test_a_state_folder_serves_what_is_in_the_folder_now(tmp_path: Path) -> None:
    """Fault: the state folder was used for another folder. dlcore serves none of its packages."""
    for name in (PACKAGE, "ABC00002"):
        make_tree(tmp_path / name / name, {"one.bin": 100})
    state = tmp_path / "state"
    for name in (PACKAGE, "ABC00002"):
        prepared = prepare(tmp_path / name, state)
        assert prepared.packages == [name]
        listed = [path.stem for path in (prepared.drives[0] / "PkgLib").iterdir()]
        catalog = decode_catalog((prepared.documents / CATALOG_KEY).read_bytes(), source="catalog")
        assert (listed, list(catalog.packages)) == ([name], [name])


def stating(site: Site, folder: Path, told: str) -> Path:
    """A deployment file without a catalog, over the drives of the content library."""
    drives = "".join(
        f"[[endpoint]]\nname = 'drive {n}'\nkind = 'content-library'\npath = '{path}'\n"
        for n, path in enumerate(site.ready["content_library"])
    )
    config = folder / f"{told[:8]}.toml"
    stated = (
        f'[packages.{PACKAGE}]\ncontent_hash = "sha256:{told}"\n[client]\non_internet = false\n'
    )
    retries = '[variables]\nSMSTSDownloadRetryCount = "0"\n'
    config.write_text(f"{stated}{retries}{drives}", encoding="utf-8")
    return config


def test_a_sequence_runs_by_a_stated_content_hash(here: Here, site: Site, tmp_path: Path) -> None:
    """Fault: the content hash of a package is stated, and a file of it has a flipped byte, or the
    hash is wrong. The run fails in the one case, and does not begin in the other.
    """
    stated = Path(site.ready["content_library"][0], "DataLib", f"{PACKAGE}.1.INI")
    told = stated.read_text(encoding="ascii").partition("Hash=")[2].strip()
    (tmp_path / "one.xml").write_bytes(sequence(step("Drivers", package=PACKAGE)))
    config = stating(site, tmp_path, told)
    where = ("--config", config, "--state", tmp_path / "state")
    wrong = ("--config", stating(site, tmp_path, "AB" * 32), "--state", tmp_path / "state")
    planned = here("plan", tmp_path / "one.xml", *wrong)
    assert (planned.status, told in planned.out) == (14, True), planned.out
    assert here("run", tmp_path / "one.xml", *wrong, "--simulate", "0").status == 14
    with site.damaged():
        failed = here("run", tmp_path / "one.xml", *where, "--simulate", "0")
    assert failed.status not in (0, 14), failed.err
    assert "large.bin does not match" in failed.err + failed.out
    checks = here("plan", tmp_path / "one.xml", *where, "--json").document["checks"]
    outcomes = {check["name"]: check["outcome"] for check in checks}
    assert outcomes["catalog"] == outcomes["content-distributed"] == "passed"
    ran = here("run", tmp_path / "one.xml", *where, "--simulate", "0", "--json")
    assert ran.status == 0, ran.err
    (own,) = ran.document["unpublished"]
    assert (own["package"], own["known"]) == (PACKAGE, "before-the-first-byte")
    report = here("report", "--state", tmp_path / "state").out
    assert "verified by the digests of its files in the content library, known before" in report
    assert told in report
