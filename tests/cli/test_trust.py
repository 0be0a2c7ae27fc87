"""Signed sites on the command line, from the keys to the client."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from dlcore.cli.trust import MAX_LIFETIME_DAYS
from dlcore.disk.lock import FileLock
from dlcore.disk.ownership import how_to_close
from dlcore.engine.client import Client
from dlcore.publish.first_signing import UNFINISHED
from dlcore.trust.layout import ROLES
from dlcore.trust.policy import MAX_LIFE_S, Lifetimes
from dlcore.trust.roots import first_root, lifetimes_of
from tests.cli.helpers import Here, refused
from tests.engine.scene import make_tree, sequence, step, upgrade
from tests.nginx import running
from tests.others import is_private, let_nobody_else, let_others_read

PACKAGE = "ABC00001"


class Signed(NamedTuple):
    """A site that ``dlcore trust init`` has signed, with one package."""

    folder: Path
    here: Here

    @property
    def site(self) -> Path:
        return self.folder / "site"

    @property
    def keys(self) -> Path:
        return self.folder / "keys"

    @property
    def root(self) -> Path:
        return self.keys / "root.json"

    def publish(self, version: int, *options: object) -> Any:
        source = make_tree(self.folder / f"source {version}", {"setup.exe": 5000}, seed=version)
        package = ("--package-id", PACKAGE, "--version", version, "--to", self.site)
        return self.here("publish", source, *package, *options, "--json")

    def roles(self) -> dict[str, Any]:
        shown = self.here("trust", "show", self.site, "--root", self.root, "--json")
        assert shown.status == 0, shown
        return {row["role"]: row for row in shown.document["roles"]}


@pytest.fixture
def signed(tmp_path: Path, here: Here, monkeypatch: pytest.MonkeyPatch) -> Signed:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DLCORE_TRUST_PASSPHRASE", raising=False)
    signed = Signed(tmp_path, here)
    assert signed.publish(1).status == 0
    assert here("trust", "init", signed.site, "--keys", signed.keys).status == 0
    return signed


@pytest.fixture
def url(signed: Signed) -> Iterator[str]:
    with running(signed.site) as url:
        yield url


def test_keys_are_for_their_owner_only(signed: Signed) -> None:
    for secret in (signed.keys, *signed.keys.glob("*.pem")):
        assert is_private(secret), secret


@pytest.mark.posix_only(reason="on Windows the list of its folder decides about the root")
def test_the_root_is_for_everyone(signed: Signed) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in signed.keys.iterdir()}
    private = dict.fromkeys(("root.pem", "targets.pem", "online.pem"), 0o600)
    assert modes == {**private, "root.json": 0o644}
    assert stat.S_IMODE(signed.keys.stat().st_mode) == 0o700


def test_what_was_published_before_is_signed_and_fetched_over_http(
    signed: Signed, url: str
) -> None:
    to = signed.folder / "to"
    fetch = ("fetch", PACKAGE, "--from", url, "-o", to, "--trust-root", signed.root, "--json")
    fetched = signed.here(*fetch)
    assert (fetched.status, fetched.document["package"]) == (0, PACKAGE)
    elsewhere = "http://192.0.2.1/site"  # not this machine
    unsigned = signed.here("fetch", PACKAGE, "--from", elsewhere, "-o", to, "--json")
    assert "--trust-root" in str(refused(unsigned, 2, "config")["remedy"])


def test_publishing_to_a_signed_site_needs_its_keys(signed: Signed) -> None:
    assert "--sign-with" in str(refused(signed.publish(2), 2, "config")["remedy"])
    assert signed.publish(2, "--sign-with", signed.keys).status == 0
    assert signed.roles()["targets"]["version"] == 2
    one = signed.publish(3, "--sign-with", signed.keys / "online.pem")
    assert "the targets: 0 of 1" in str(refused(one, 2, "config")["message"])
    both = [("--sign-with", signed.keys / f"{name}.pem") for name in ("online", "targets")]
    assert signed.publish(3, *(word for option in both for word in option)).status == 0


def test_init_replaces_no_key_and_signs_no_site_twice(signed: Signed) -> None:
    before = {path: path.read_bytes() for path in signed.keys.iterdir()}
    again = signed.here("trust", "init", signed.folder / "other", "--keys", signed.keys, "--json")
    assert "never replaced" in str(refused(again, 2, "config")["message"])
    other = signed.folder / "other keys"
    again = signed.here("trust", "init", signed.site, "--keys", other, "--json")
    assert "signed already" in str(refused(again, 2, "config")["message"])
    assert not other.exists()
    assert {path: path.read_bytes() for path in signed.keys.iterdir()} == before


LEFT = ["no name", "half a name", "half a key", "keys", "keys and a root", "a signed site"]


@pytest.mark.parametrize("left", LEFT)
def test_init_that_was_killed_is_finished_by_the_same_command(signed: Signed, left: str) -> None:
    """Fault P1: `trust init` is killed anywhere. The same command finishes it, nobody helps."""
    (signed.keys / UNFINISHED).write_text(str(signed.site.resolve()))
    if left != "a signed site":
        shutil.rmtree(signed.site / "metadata")
    if left in {"half a key", "keys"}:
        signed.root.unlink()
    if left in {"no name", "half a name"}:
        shutil.rmtree(signed.keys)
        signed.keys.mkdir(0o700)
        (signed.keys / UNFINISHED).write_text("" if left == "no name" else str(signed.site)[:3])
    if left == "half a key":
        (signed.keys / "targets.pem").write_text("-----BEGIN")
        (signed.keys / "online.pem").unlink()
    again = signed.here("trust", "init", signed.site, "--keys", signed.keys)
    assert again.status == 0, again
    assert sorted(path.name for path in signed.keys.iterdir()) == [
        *("online.pem", "root.json", "root.pem", "targets.pem")
    ]
    assert signed.publish(2, "--sign-with", signed.keys).status == 0
    assert signed.roles()["targets"]["version"] == 2


def test_init_for_another_site_takes_no_unfinished_keys(signed: Signed) -> None:
    (signed.keys / UNFINISHED).write_text("another site")
    again = signed.here("trust", "init", signed.folder / "other", "--keys", signed.keys, "--json")
    assert "never replaced" in str(refused(again, 2, "config")["message"])


def test_init_whose_site_others_signed_meanwhile_says_so(signed: Signed) -> None:
    """Fault: `trust init` is killed, and somebody else signs the site. dlcore says that it is."""
    other = signed.folder / "other keys"
    other.mkdir(0o700)
    (other / UNFINISHED).write_text(str(signed.site.resolve()))
    again = signed.here("trust", "init", signed.site, "--keys", other, "--json")
    assert "signed already" in str(refused(again, 2, "config")["message"])


def test_one_process_at_a_time_makes_keys_in_a_folder(signed: Signed) -> None:
    """Fault: `trust init` runs twice at once. dlcore removes no key that the other one has made."""
    site, keys = signed.folder / "other", signed.folder / "other keys"
    keys.mkdir(0o700)
    (keys / UNFINISHED).write_text(str(site.resolve()))
    (keys / "root.pem").write_text("of the other one")
    init = ("trust", "init", site, "--keys", keys)
    with FileLock(keys / UNFINISHED, 0.0):
        assert "holds the lock" in str(
            refused(signed.here(*init, "--json"), 10, "locked")["message"]
        )
        assert (keys / "root.pem").read_text() == "of the other one"
    assert signed.here(*init).status == 0
    assert not (keys / UNFINISHED).exists()


@pytest.mark.parametrize("passphrase", ["", "\n", "x" * 1024])
def test_a_passphrase_that_encrypts_nothing_is_refused(signed: Signed, passphrase: str) -> None:
    """Fault: the file of the passphrase is empty. dlcore says so before it makes a key."""
    file, keys = signed.folder / "passphrase", signed.folder / "other keys"
    file.write_text(passphrase)
    let_nobody_else(file)
    site = signed.folder / "other"
    given = ("--keys", keys, "--passphrase-file", file, "--json")
    ended = signed.here("trust", "init", site, *given)
    assert "1 to 1023 bytes" in str(refused(ended, 2, "config")["remedy"])
    assert not keys.exists()


@pytest.mark.posix_only(reason="the environment of Windows is text")
def test_a_passphrase_of_the_environment_may_be_any_bytes(
    signed: Signed, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, keys = signed.folder / "other", signed.folder / "other keys"
    file = signed.folder / "passphrase"
    file.write_bytes(b"p\xff\xfew\n")
    let_nobody_else(file)
    assert signed.here("trust", "init", site, "--keys", keys, "--passphrase-file", file).status == 0
    monkeypatch.setenv("DLCORE_TRUST_PASSPHRASE", os.fsdecode(b"p\xff\xfew"))
    assert signed.here("trust", "renew", site, "--sign-with", keys / "online.pem").status == 0


def test_a_pinned_root_that_is_none_is_the_users_mistake(signed: Signed) -> None:
    wrong = signed.folder / "wrong.json"
    wrong.write_text("{}")
    fetch = ("fetch", PACKAGE, "--from", signed.site, "-o", signed.folder / "to", "--json")
    told = refused(signed.here(*fetch, "--trust-root", wrong), 17, "trust")
    assert str(told["message"]).startswith(f"{wrong}: the pinned root is malformed")
    assert "root.json" in str(told["remedy"])


@pytest.mark.parametrize("name", ["timestamp", "1.snapshot", "1.targets"])
@pytest.mark.parametrize("is_missing", [False, True])
def test_a_site_is_checked_by_its_documents_and_not_by_memory(
    signed: Signed, name: str, is_missing: bool
) -> None:
    """Fault: signed metadata is damaged at a site that was seen whole. `verify` says so."""
    fetched = signed.here(
        *("fetch", PACKAGE, "--from", signed.site, "-o", signed.folder / "to"),
        *("--trust-root", signed.root),
    )
    assert fetched.status == 0
    verify = ("verify", signed.site, "--trust-root", signed.root, "--json")
    assert signed.here(*verify).status == 0
    path = signed.site / "metadata" / f"{name}.json"
    content = bytearray(path.read_bytes())
    content[80] ^= 1
    path.unlink()
    if not is_missing:
        path.write_bytes(content)
    refused(signed.here(*verify), 17, "trust")


def test_a_passphrase_encrypts_the_keys(
    signed: Signed, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, keys = signed.folder / "site 2", signed.folder / "keys 2"
    passphrase = signed.folder / "passphrase"
    passphrase.write_text("a secret of some length\n")
    let_nobody_else(passphrase)
    given = ("--passphrase-file", passphrase)
    assert here("trust", "init", site, "--keys", keys, *given).status == 0
    assert b"ENCRYPTED" in (keys / "root.pem").read_bytes()
    renew = ("trust", "renew", site, "--sign-with", keys / "online.pem")
    assert "no passphrase" in str(refused(here(*renew, "--json"), 2, "config")["message"])
    assert here(*renew, *given).status == 0
    passphrase.write_bytes("\ufeffa secret of some length\r\n".encode("utf-16-le"))  # PowerShell
    assert here(*renew, *given).status == 0
    monkeypatch.setenv("DLCORE_TRUST_PASSPHRASE", "a secret of some length")
    assert here(*renew).status == 0
    monkeypatch.setenv("DLCORE_TRUST_PASSPHRASE", "canary")
    wrong = here(*renew, "--json")
    assert "passphrase is wrong" in str(refused(wrong, 2, "config")["message"])
    assert "canary" not in wrong.out + wrong.err


@pytest.mark.parametrize("name", ["online.pem", "passphrase"])
def test_a_secret_that_others_may_read_is_refused(signed: Signed, name: str) -> None:
    """Fault: others may read a private key or its passphrase. dlcore refuses to use it."""
    (signed.keys / "passphrase").write_text("secret")
    let_nobody_else(signed.keys / "passphrase")
    let_others_read(signed.keys / name)
    renew = ("trust", "renew", signed.site, "--sign-with", signed.keys / "online.pem")
    ended = signed.here(*renew, "--passphrase-file", signed.keys / "passphrase", "--json")
    command = how_to_close(signed.keys / name)
    assert f"Run: {command};" in str(refused(ended, 2, "config")["remedy"])


def test_a_root_is_rotated_and_clients_follow(signed: Signed) -> None:
    keys = signed.folder / "spare"
    signed.here("trust", "init", signed.folder / "site 2", "--keys", keys)
    old = signed.roles()["targets"]["keys"][0]
    rotated = signed.here(
        *("trust", "rotate", signed.site, "--json"),
        *("--sign-with", signed.keys / "root.pem", "--sign-with", signed.keys),
        *("--sign-with", keys / "targets.pem"),
        *("--add", f"targets={keys / 'targets.pem'}", "--remove", f"targets={old[:8]}"),
    )
    assert rotated.document == {"site": str(signed.site), "root_version": 2}
    roles = signed.roles()
    assert (roles["root"]["version"], len(roles["targets"]["keys"])) == (2, 1)
    assert roles["targets"]["keys"] != [old]
    fetched = signed.here(
        *("fetch", PACKAGE, "--from", signed.site, "-o", signed.folder / "to"),
        *("--trust-root", signed.root),
    )
    assert fetched.status == 0, fetched


@pytest.mark.parametrize(
    "options",
    [("--add", "targets"), ("--add", "nobody=x"), ("--threshold", "root=many"), ("--remove", "=x")],
)
def test_a_change_that_makes_no_sense_is_refused(signed: Signed, options: tuple[str, str]) -> None:
    ended = signed.here(
        "trust", "rotate", signed.site, "--sign-with", signed.keys, *options, "--json"
    )
    refused(ended, 2, "config")


@pytest.mark.parametrize("days", ["inf", "1e300", "5000000", "365001", "nan", "-1"])
def test_a_lifetime_that_no_date_ends_is_refused(days: str, signed: Signed, here: Here) -> None:
    """Fault: what is signed is to be valid beyond the year 9999, or for ever. dlcore refuses it."""
    assert MAX_LIFETIME_DAYS * 86_400 == MAX_LIFE_S
    before = signed.roles()
    rotate = ("trust", "rotate", signed.site, "--sign-with", signed.keys / "root.pem", "--json")
    refused(here(*rotate, "--root-days", days), 2, "config")
    init = ("trust", "init", signed.site, "--keys", signed.folder / "new", "--json")
    refused(here(*init, "--timestamp-days", days), 2, "config")
    assert signed.roles() == before
    assert here(*rotate, "--root-days", MAX_LIFETIME_DAYS).status == 0


@pytest.mark.parametrize("life_s", [0, MAX_LIFE_S + 1, 10**30])
def test_a_root_that_states_a_lifetime_without_a_date_has_the_usual_ones(life_s: int) -> None:
    """Fault: another program has made a root whose documents never expire. dlcore signs with the
    usual lifetimes.
    """
    root = first_root(dict.fromkeys(ROLES, ()), Lifetimes(root=life_s))
    assert lifetimes_of(root) == Lifetimes()


def test_lifetimes_are_chosen_once_and_kept(signed: Signed, here: Here) -> None:
    def days(role: str) -> int:
        ends = datetime.fromisoformat(signed.roles()[role]["expires"])
        return round((ends - datetime.now(UTC)).total_seconds() / 86_400)

    assert (days("root"), days("targets"), days("timestamp")) == (365, 90, 7)
    rotate = ("trust", "rotate", signed.site, "--sign-with", signed.keys / "root.pem")
    assert here(*rotate, "--timestamp-days", "0.00001").status == 2
    assert here(*rotate, "--timestamp-days", "30", "--root-days", "100").status == 0
    assert (days("root"), days("timestamp")) == (100, 7)  # it is not signed again by this
    assert here("trust", "renew", signed.site, "--sign-with", signed.keys).status == 0
    assert days("timestamp") == 30
    assert signed.publish(2, "--sign-with", signed.keys).status == 0
    assert (days("targets"), days("timestamp")) == (90, 30)


def test_a_refusal_has_a_status_a_code_and_its_fault(signed: Signed) -> None:
    (signed.site / "metadata" / "timestamp.json").unlink()
    to = signed.folder / "to"
    fetch = ("fetch", PACKAGE, "--from", signed.site, "-o", to, "--trust-root", signed.root)
    fields = refused(signed.here(*fetch, "--json"), 17, "trust")
    assert fields["fault"] == "unsigned"
    assert not to.exists()


def test_a_site_is_verified_with_its_signatures(signed: Signed, url: str) -> None:
    """Fault: catalog.json is not the catalog that was signed. dlcore verify says so."""
    for site in (signed.site, url):
        verified = signed.here("verify", site, "--trust-root", signed.root, "--json")
        assert (verified.status, verified.document["verified"]) == (0, True), verified
    catalog = signed.site / "catalog.json"
    catalog.write_bytes(catalog.read_bytes() + b" ")
    found = signed.here("verify", signed.site, "--trust-root", signed.root, "--json")
    assert (found.status, len(found.document["faults"])) == (7, 1)
    assert "not the catalog that was signed" in found.document["faults"][0]["message"]
    (signed.site / "metadata" / "timestamp.json").unlink()
    verify = ("verify", url, "--trust-root", signed.root, "--json")
    assert refused(signed.here(*verify), 17, "trust")["fault"] == "unsigned"


CONFIG = """
[client]
on_internet = false
[catalog]
endpoint = "web"
[[endpoint]]
name = "web"
kind = "http"
url = "{url}"
{more}
"""


def _run(signed: Signed, url: str, more: str = "", *options: object) -> Any:
    config, xml = signed.folder / "deployment.toml", signed.folder / "sequence.xml"
    config.write_text(CONFIG.format(url=url, more=more))
    xml.write_bytes(sequence(upgrade(PACKAGE), step("Drivers", package=PACKAGE)))
    state = ("--state", signed.folder / "state")
    run = ("run", xml, "--config", config, *state, "--simulate", "0", "--json")
    return signed.here(*run, *options)


def test_a_run_pins_the_root_of_its_deployment(signed: Signed, url: str) -> None:
    ran = _run(signed, url, '[trust]\nroot = "keys/root.json"')
    assert (ran.status, ran.document["outcome"]) == (0, "succeeded"), ran
    assert [p.suffix for p in sorted((signed.folder / "state" / "trust").iterdir())] == [
        *(".evidence", ".lock")
    ]
    ran = _run(signed, url, "", "--trust-root", signed.root)
    assert ran.status == 0, ran


def test_a_run_remembers_what_it_has_verified(signed: Signed, url: str) -> None:
    """Fault M7: a server rolls back between two runs. dlcore has remembered it in the state."""
    old = {path: path.read_bytes() for path in (signed.site / "metadata").iterdir()}
    assert signed.publish(2, "--sign-with", signed.keys).status == 0
    assert _run(signed, url, "", "--trust-root", signed.root).status == 0
    for path, document in old.items():
        path.write_bytes(document)
    ran = _run(signed, url, "", "--trust-root", signed.root)
    assert refused(ran, 17, "trust")["fault"] == "rollback"


async def test_a_library_client_remembers_what_it_verified_before_it_held_its_state(
    signed: Signed, url: str
) -> None:
    config = signed.folder / "deployment.toml"
    config.write_text(CONFIG.format(url=url, more=""))
    memory = signed.folder / "state" / "trust"
    state, root = signed.folder / "state", signed.root
    async with Client.from_config(config, state, trust_root=root) as client:
        await client.package_index()
        assert not memory.exists()
        await client.hold()
        assert [path.suffix for path in memory.glob("*.evidence")]


def test_a_root_vouches_for_packages_only(signed: Signed, url: str) -> None:
    fetch = ("fetch", f"{url}/catalog.json", "--sha256", "0" * 64, "-o", signed.folder / "to")
    ended = signed.here(*fetch, "--trust-root", signed.root, "--json")
    assert "not a package id" in str(refused(ended, 2, "config")["message"])


def test_a_plan_verifies_and_changes_nothing(signed: Signed, url: str) -> None:
    _run(signed, url, "", "--trust-root", signed.folder / "nothing")
    plan = ("plan", signed.folder / "sequence.xml", "--config", signed.folder / "deployment.toml")
    state = ("--state", signed.folder / "state", "--trust-root", signed.root)
    planned = signed.here(*plan, *state, "--json")
    assert planned.status in {0, 14}, planned  # not every system can run the step
    assert {c["name"]: c["outcome"] for c in planned.document["checks"]}["catalog"] == "passed"
    assert not (signed.folder / "state").exists()
    (signed.site / "metadata" / "timestamp.json").unlink()
    assert refused(signed.here(*plan, *state, "--json"), 17, "trust")["fault"] == "unsigned"


@pytest.mark.parametrize("option", ["--sign-with", "--root"])
def test_a_signed_site_is_repaired_with_its_keys_or_its_root(signed: Signed, option: str) -> None:
    old = (signed.site / "catalog.json").read_bytes()
    assert signed.publish(2, "--sign-with", signed.keys).status == 0
    (signed.site / "catalog.json").write_bytes(old)
    assert "--root" in str(refused(signed.publish(2, "--repair"), 2, "config")["remedy"])
    (lost,) = (signed.site / "metadata").glob("2.snapshot.json")
    lost.unlink()
    value = signed.keys if option == "--sign-with" else signed.root
    done = signed.publish(2, "--repair", option, value)
    assert (done.status, done.document["version"]) == (0, 2)
    assert set(done.document["restored"]) == {"metadata/2.snapshot.json", "catalog.json"}
    assert signed.here("verify", signed.site, "--trust-root", signed.root).status == 0
