"""Reading a deployment file: what it means, and what a reader is told of what is refused."""

from __future__ import annotations

import codecs
from pathlib import Path

import msgspec
import pytest

from dlcore.deployment import (
    ClientSettings,
    DeploymentOptions,
    Download,
    Launch,
    LaunchSettings,
    TransferSettings,
    Undecided,
    load_deployment,
    parse_deployment,
    usable_endpoints,
)
from dlcore.errors import ConfigError
from dlcore.model import EndpointKind
from tests.deployment.helpers import BLOB, CLOUD_DP, CMG, DP, FOLDER, GOOD_DEPLOYMENT, HTTP

PATH = Path("/etc/dlcore/deployment.toml")
CATALOG = '[catalog]\npath = "catalog.json"\n'
CMG_TABLE = '[[endpoint]]\nname = "cmg1"\nkind = "cmg"\nurl = "https://cmg1.contoso.com"\n'
CMG_GOOD = CMG_TABLE + 'token_file = "token"\n'
BUCKET_TABLE = '[[endpoint]]\nname = "k"\nkind = "bucket"\n'
HTTP_TABLE = '[[endpoint]]\nname = "h"\nkind = "http"\nurl = "https://h.contoso.com"\n'
BLOB_TABLE = '[[endpoint]]\nname = "b"\nkind = "blob"\n'
HTTP_PLAIN = '[[endpoint]]\nname = "h"\nkind = "http"\nurl = "http://h.contoso.com"\n'
DP_TABLE = '[[endpoint]]\nname = "d"\nkind = "dp"\nurl = "https://d.contoso.com"\n'
SECRET = "c2VjcmV0"


def refusal(text: str | bytes) -> str:
    """Message and remedy of the refusal of a text."""
    with pytest.raises(ConfigError) as caught:
        parse_deployment(text if isinstance(text, bytes) else text.encode(), PATH)
    assert caught.value.remedy
    return f"{caught.value.message} {caught.value.remedy}"


def test_what_is_left_out_is_as_in_configmgr() -> None:
    deployment = parse_deployment(CATALOG.encode(), PATH)
    assert deployment.options == DeploymentOptions(Download.WHEN_NEEDED, allow_on_internet=False)
    assert deployment.client == ClientSettings(on_internet=True, use_cmg=True, allow_cloud_dp=False)
    assert deployment.launch == LaunchSettings(Launch.SOFTWARE_CENTER)
    assert deployment.transfer == TransferSettings(
        connections=256, cap_bytes_per_s=0, link_bytes_per_s=0
    )
    assert deployment.conditions.undecided is Undecided.SKIP
    assert (deployment.conditions.facts, deployment.variables, deployment.endpoints) == ({}, {}, ())


def test_every_setting_is_read() -> None:
    text = (
        '[deployment]\ndownload = "from-dp"\nallow_on_internet = true\n'
        "[client]\non_internet = false\nuse_cmg = false\nallow_cloud_dp = true\n"
        '[launch]\nfrom = "media"\n'
        "[transfer]\nconnections = 7\nlink_bytes_per_s = 1_000_000\n"
        '[conditions]\nundecided = "fail"\n[conditions.facts]\n"a = b" = true\n'
        '[variables]\nName = "value"\n'
    )
    deployment = parse_deployment((CATALOG + text).encode(), PATH)
    assert deployment.options == DeploymentOptions(Download.FROM_DP, allow_on_internet=True)
    assert deployment.client == ClientSettings(
        on_internet=False, use_cmg=False, allow_cloud_dp=True
    )
    assert deployment.launch.origin is Launch.MEDIA
    assert deployment.transfer == TransferSettings(connections=7, link_bytes_per_s=1_000_000)
    assert deployment.conditions.undecided is Undecided.FAIL
    assert deployment.conditions.facts == {"a = b": True}
    assert deployment.variables == {"Name": "value"}


def test_endpoints_keep_the_order_of_the_file() -> None:
    deployment = parse_deployment((CATALOG + DP_TABLE + HTTP_PLAIN + CMG_GOOD).encode(), PATH)
    assert [endpoint.name for endpoint in deployment.endpoints] == ["d", "h", "cmg1"]
    assert [endpoint.kind for endpoint in deployment.endpoints] == [
        EndpointKind.DP,
        EndpointKind.HTTP,
        EndpointKind.CMG,
    ]


def test_relative_paths_are_meant_from_the_folder_of_the_file() -> None:
    text = (
        CMG_GOOD + 'ca_file = "ca/root.pem"\n[[endpoint]]\nname = "f"\nkind = "file"\npath = "p"\n'
    )
    deployment = parse_deployment((CATALOG + text).encode(), PATH)
    cmg, folder = deployment.endpoints
    here = PATH.parent
    assert deployment.catalog.path == str(here / "catalog.json")
    assert (cmg.token_file, cmg.ca_file) == (str(here / "token"), str(here / "ca" / "root.pem"))
    assert folder.url == str(here / "p")
    assert cmg.sas_file == ""


@pytest.mark.parametrize("path", ["/media/usb", r"D:\content", r"\\server\share\content"])
def test_absolute_paths_of_any_system_stay_as_they_are(path: str) -> None:
    text = f"{CATALOG}[[endpoint]]\nname = 'f'\nkind = 'file'\npath = '{path}'\n"
    (folder,) = parse_deployment(text.encode(), PATH).endpoints
    assert folder.url == str(Path(path))  # Windows writes its own separators


def test_an_endpoint_without_connections_gets_those_of_transfer() -> None:
    text = CATALOG + "[transfer]\nconnections = 9\n" + CMG_GOOD + DP_TABLE + "connections = 2\n"
    cmg, dp = parse_deployment(text.encode(), PATH).endpoints
    assert (cmg.connections, dp.connections) == (9, 2)


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ],
)
def test_a_file_is_read_as_programs_of_windows_save_it(mark: bytes, encoding: str) -> None:
    saved = mark + CATALOG.replace("\n", "\r\n").encode(encoding)
    assert parse_deployment(saved, PATH) == parse_deployment(CATALOG.encode(), PATH)


@pytest.mark.parametrize(
    "text",
    [
        '[catalog]\nendpoint = "cmg1"\n' + CMG_GOOD,
        f'[catalog]\nendpoint = "h"\nsha256 = "{"Ab" * 32}"\n' + HTTP_PLAIN,
        '[catalog]\nendpoint = "h"\n' + HTTP_PLAIN.replace("h.contoso.com", "127.0.0.1:8080"),
        '[catalog]\nendpoint = "h"\n' + HTTP_PLAIN.replace("h.contoso.com", "localhost"),
        '[catalog]\nendpoint = "h"\n' + HTTP_PLAIN.replace("h.contoso.com", "[::1]:8080"),
        '[catalog]\nendpoint = "f"\n[[endpoint]]\nname = "f"\nkind = "file"\npath = "p"\n',
    ],
)
def test_a_catalog_may_come_from_an_endpoint_that_can_be_trusted_for_it(text: str) -> None:
    catalog = parse_deployment(text.encode(), PATH).catalog
    assert catalog.endpoint
    assert not catalog.path
    assert catalog.sha256 == catalog.sha256.lower()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[client\n", ["line 1"]),
        ('[catalog]\npath = "C:\\certs"\n', ["line 2", "single"]),
        (b"[catalog]\npath = '\xff'\n", ["byte 18 is not UTF-8"]),
        ("[clients]\n" + CATALOG, ["clients is not a known key", "did you mean client?"]),
        (CATALOG + "zzz = 1\n", ["catalog: zzz is not a known key", "path, endpoint, sha256"]),
        (
            CATALOG + "[client]\nuse_cgm = true\n",
            ["client: use_cgm", "did you mean use_cmg?", "on_internet, use_cmg, allow_cloud_dp"],
        ),
        (CATALOG + '[client]\nuse_cmg = "yes"\n', ["client.use_cmg: must be", "true, false"]),
        (CATALOG + "[client]\nuse_cmg = 1\n", ["true or false, not a whole number"]),
        (
            CATALOG + '[deployment]\ndownload = "sometimes"\n',
            ["deployment.download", '"when-needed", "before-start", "from-dp"'],
        ),
        (
            CATALOG + '[launch]\nfrom = "dvd"\n',
            ["launch.from", '"software-center", "windows-pe", "pxe", "media"'],
        ),
        (
            CATALOG + "[transfer]\nconnections = 0\n",
            ["transfer.connections", "a whole number, 1 to 256"],
        ),
        (
            CATALOG + "[transfer]\nconnections = 257\n",
            ["transfer.connections", "must be 256 or less"],
        ),
        (
            CATALOG + "[transfer]\nlink_bytes_per_s = 1.5\n",
            ["transfer.link_bytes_per_s", "whole number"],
        ),
        (CATALOG + '[conditions]\nundecided = "ask"\n', ["undecided", '"skip", "run", "fail"']),
        (CATALOG + '[conditions.facts]\n"q" = "yes"\n', ['conditions.facts."q"', "true, false"]),
        (CATALOG + "[conditions]\nfacts = 1\n", ["conditions.facts is not a table"]),
        (
            CATALOG + "[variables]\nCount = 5\n",
            ['variables."Count"', "not a whole number", "between quotes"],
        ),
        ("variables = 1\n" + CATALOG, ["variables is not a table"]),
        ("client = true\n" + CATALOG, ["client is not a table", "[heading]"]),
        ("", ["catalog: names no catalog", 'path = "catalog.json"']),
        (
            '[catalog]\npath = "c"\nendpoint = "cmg1"\n' + CMG_GOOD,
            ["catalog: names both a path and an endpoint"],
        ),
        (
            '[catalog]\nendpoint = "cmg2"\n' + CMG_GOOD,
            ['no endpoint is named "cmg2" (did you mean cmg1?)', "listed: cmg1"],
        ),
        ('[catalog]\nendpoint = "x"\n', ["listed: none"]),
        ('[catalog]\nendpoint = "d"\n' + DP_TABLE, ["distribution point, which has no catalog"]),
        ('[catalog]\nendpoint = "h"\n' + HTTP_PLAIN, ["without TLS", "sha256"]),
        (CATALOG + 'sha256 = "abc"\n', ["catalog.sha256", "64 hexadecimal", "sha256sum"]),
        (CATALOG + f'sha256 = "{"g" * 64}"\n', ["catalog.sha256", "64 hexadecimal"]),
        (CATALOG + '[endpoint]\nname = "a"\n', ["endpoint is not a list", "[[endpoint]]"]),
        ("endpoint = [1]\n" + CATALOG, ["endpoint 1 is not a table"]),
        (CATALOG + '[[endpoint]]\nkind = "http"\n', ["endpoint 1: name is missing"]),
        (CATALOG + CMG_GOOD + '[[endpoint]]\nname = "a"\n', ["endpoint 2: kind is missing"]),
        (
            CATALOG + '[[endpoint]]\nname = "a"\nkind = "ftp"\n',
            ["endpoint 1.kind", '"cmg", "cloud-dp", "dp", "blob", "http", "file"'],
        ),
        (CATALOG + CMG_GOOD + CMG_GOOD, ['2 endpoints are named "cmg1"']),
        (
            CATALOG + CMG_GOOD + 'conections = "5"\n',
            ['endpoint "cmg1" of kind cmg: conections', "did you mean connections?"],
        ),
        (CATALOG + CMG_GOOD + 'path = "p"\n', ["of kind cmg: path is not a known key"]),
        (CATALOG + DP_TABLE + 'sas_file = "t"\n', ["of kind dp: sas_file is not a known key"]),
        (CATALOG + DP_TABLE + "serves_content = false\n", ["of kind dp: serves_content"]),
        (CATALOG + CMG_GOOD + 'sas_file = "s"\n', ["of kind cmg: sas_file is not a known key"]),
        (
            CATALOG + CMG_GOOD + "connections = 999\n",
            ['endpoint "cmg1".connections', "must be 256 or less"],
        ),
        (CATALOG + '[[endpoint]]\nname = "f"\nkind = "file"\n', ['"f": path is missing']),
        (CATALOG + BLOB_TABLE, ['"b": url is missing', "kind blob"]),
        (CATALOG + BLOB_TABLE + "url = 5\n", ['"b": url is missing or not a string']),
        (CATALOG + BLOB_TABLE + 'url = "b.contoso.com"\n', ['"b".url: not an http or https URL']),
        (CATALOG + BLOB_TABLE + 'url = "https://"\n', ['"b".url: not an http or https URL']),
        (CATALOG + BLOB_TABLE + 'url = "https://b:99999"\n', ['"b".url: not an http']),
        (CATALOG + BLOB_TABLE + 'url = "https://b/a b"\n', ['"b".url: not an http', "%XX"]),
        (CATALOG + BLOB_TABLE + 'url = "ftp://b"\n', ['"b".url: not an http']),
        (
            CATALOG + CMG_GOOD.replace("//cmg1", "//[cmg1"),
            ['endpoint "cmg1".url: not an http or https URL'],
        ),
        (CATALOG + BUCKET_TABLE + 'url = "https://s3/b"\n', ['"k".url: not the URL of a bucket']),
        (CATALOG + BUCKET_TABLE + 'url = "s3://"\n', ["not the URL of a bucket", "s3://bucket"]),
        (CATALOG + BUCKET_TABLE + 'url = "s3://k:s@b"\n', ["may hold a secret"]),
        (CATALOG + BUCKET_TABLE + 'url = "s3://b"\nsas_env = "S"\n', ["sas_env is not a known"]),
        (CATALOG + CMG_TABLE, ['"cmg1": has no registration token', "token_file", "token_env"]),
        (CATALOG + CMG_GOOD + 'token_env = "T"\n', ["both token_file and token_env"]),
        (
            CATALOG + CMG_GOOD.replace("https:", "http:"),
            ["credential would travel without TLS", "https"],
        ),
        (
            CATALOG + BLOB_TABLE + 'url = "http://b.contoso.com/c"\nsas_env = "S"\n',
            ["credential would travel without TLS"],
        ),
        (CATALOG + HTTP_PLAIN + 'user = "a"\npassword_env = "P"\n', ["travel without TLS"]),
        (CATALOG + HTTP_PLAIN + 'headers = ["@file"]\n', ["travel without TLS"]),
        (CATALOG + HTTP_TABLE + 'password_env = "P"\n', ["a password, but no user"]),
        (
            CATALOG + HTTP_TABLE + 'user = "a"\npassword_env = "P"\npassword_file = "p"\n',
            ["both password_file and password_env"],
        ),
        (CATALOG + HTTP_TABLE + 'client_key = "k"\n', ["client_key, but no client_cert"]),
        (CATALOG + CMG_GOOD + 'user = "a"\n', ["of kind cmg: user is not a known key"]),
        (CATALOG + HTTP_TABLE + 'credential_command = "git"\n', ["command: must be a list"]),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(text: str | bytes, said: list[str]) -> None:
    told = refusal(text)
    assert told.startswith(f"{PATH}: ")
    for part in said:
        assert part in told


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (CMG_TABLE + f'token = "{SECRET}"\n', ["token would put a secret", "token_file"]),
        (BLOB_TABLE + f'sas = "sv=1&sig={SECRET}"\n', ["sas would put a secret", "sas_env"]),
        (BLOB_TABLE + f'url = "https://b/c?sig={SECRET}"\n', ['"b".url', "sas_file"]),
        (BLOB_TABLE + f'url = "https://b/c#{SECRET}"\n', ['"b".url']),
        (BLOB_TABLE + f'url = "https://user:{SECRET}@b/c"\n', ['"b".url']),
        (BLOB_TABLE + f'url = "{SECRET}://b/c"\n', ['"b".url']),
        (BLOB_TABLE + f'url = "https://b/{SECRET} x"\n', ['"b".url']),
        (CMG_TABLE + f'registration_token = "{SECRET}"\n', ["not a known key"]),
        (CMG_TABLE + f'token_file = ["{SECRET}"]\n', ["token_file: must be text, not a list"]),
        (CMG_TABLE.replace('"cmg"', f'"{SECRET}"'), ["endpoint 1.kind"]),
        (HTTP_TABLE + f'password = "{SECRET}"\n', ["password would put a secret"]),
        (HTTP_TABLE + f'client_key_passphrase = "{SECRET}"\n', ["_passphrase would put a secret"]),
        (HTTP_TABLE + f'headers = ["Authorization: {SECRET}"]\n', ["put a secret", "@"]),
        (HTTP_TABLE + f'headers = ["cookie : {SECRET}"]\n', ["put a secret"]),
        (HTTP_TABLE + f'proxy = "http://me:{SECRET}@proxy"\n', ["proxy_password_file"]),
        (CMG_TABLE + f'serves_content = "{SECRET}"\n', ["serves_content: must be true or false"]),
        (f'[[endpoint]]\nname = "x"\nurl = {SECRET}\n', ["Invalid value"]),
        (f'[variables]\nPassword = ["{SECRET}"]\n', ['variables."Password"']),
    ],
)
def test_a_secret_in_the_file_is_refused_and_never_repeated(text: str, said: list[str]) -> None:
    told = refusal(CATALOG + text)
    assert SECRET not in told
    for part in said:
        assert part in told


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('[catalog]\npath = "HERE"\n', "catalog.path"),
        (CATALOG + CMG_TABLE + 'token_file = "HERE"\n', 'endpoint "cmg1".token_file'),
        (CATALOG + CMG_GOOD + 'ca_file = "HERE"\n', 'endpoint "cmg1".ca_file'),
        (CATALOG + CMG_GOOD + 'content_hosts = ["HERE"]\n', 'endpoint "cmg1".content_hosts'),
        (CATALOG + '[trust]\nroot = "HERE"\n', "trust.root"),
        (CATALOG + '[variables]\nOSDName = "HERE"\n', 'variables."OSDName"'),
        (CATALOG + '[variables]\n"HERE" = "value"\n', "variables"),
    ],
)
def test_a_nul_is_refused_wherever_a_string_is(text: str, where: str) -> None:
    """Fault: a setting contains a NUL, which no path can have. dlcore refuses it by name."""
    told = refusal(text.replace("HERE", r"a\u0000b"))
    assert f"{where}: contains the character NUL" in told


def test_a_file_on_disk_is_read_with_paths_from_its_folder(tmp_path: Path) -> None:
    (tmp_path / "deployment.toml").write_text(CATALOG + CMG_GOOD, encoding="utf-8")
    deployment = load_deployment(tmp_path / "deployment.toml")
    assert deployment.catalog.path == str(tmp_path / "catalog.json")


def test_a_relative_name_of_the_file_gives_absolute_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deployment.toml").write_text(CATALOG, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    deployment = load_deployment(Path("deployment.toml"))
    assert deployment.catalog.path == str(tmp_path / "catalog.json")


@pytest.mark.parametrize(("name", "reason"), [("none.toml", "No such file"), (".", "folder")])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as caught:
        load_deployment(tmp_path / name)
    assert str(tmp_path) in caught.value.message
    assert caught.value.exit_status == 2


@pytest.mark.parametrize(
    ("endpoint", "client", "reasons"),
    [
        (CMG, ClientSettings(allow_cloud_dp=True), []),
        (CMG, ClientSettings(), ["Allow access to cloud distribution point"]),
        (
            CMG,
            ClientSettings(use_cmg=False),
            ["Enable clients to use a cloud management gateway", "Allow access to cloud"],
        ),
        (CLOUD_DP, ClientSettings(use_cmg=False, allow_cloud_dp=True), []),
        (CLOUD_DP, ClientSettings(), ["Allow access to cloud distribution point"]),
        (BLOB, ClientSettings(), ["Allow access to cloud distribution point"]),
        (DP, ClientSettings(), ["cannot be reached from the internet"]),
        (DP, ClientSettings(on_internet=False), []),
        (HTTP, ClientSettings(use_cmg=False), []),
        (FOLDER, ClientSettings(use_cmg=False), []),
    ],
)
def test_an_endpoint_is_left_out_for_every_reason_there_is(
    endpoint: object, client: ClientSettings, reasons: list[str]
) -> None:
    deployment = msgspec.structs.replace(GOOD_DEPLOYMENT, endpoints=(endpoint,), client=client)
    ((settings, obstacle),) = usable_endpoints(deployment)
    assert settings is endpoint
    assert len(obstacle.split("; ")) == max(len(reasons), 1)
    assert bool(obstacle) is bool(reasons)
    for reason in reasons:
        assert reason in obstacle


def test_a_pinned_root_vouches_for_a_catalog_that_is_read_without_tls() -> None:
    text = '[catalog]\nendpoint = "h"\n' + HTTP_PLAIN
    pinned = parse_deployment(f'[trust]\nroot = "root.json"\n{text}'.encode(), PATH)
    assert pinned.trust.root == str(PATH.parent / "root.json")
    given = parse_deployment(text.encode(), PATH, trust_root=Path("/keys/root.json"))
    assert given.trust.root == str(Path("/keys/root.json").absolute())
    both = f'[trust]\nroot = "root.json"\n{text}'.encode()
    assert parse_deployment(both, PATH, trust_root=Path("/keys/root.json")) == given


@pytest.mark.parametrize(
    "text",
    [
        "a" + ".a" * 400_000 + " = 1",
        "[" + "'a' . " * 150_000 + "a]",
        'a = { "b"' + '."b"' * 200_000 + " = 1 }",
        "a = " + "9" * 500_000,
        "a = " + "[" * 500_000,
    ],
    ids=["dotted key", "dotted table", "dotted inside", "digits", "lists"],
)
def test_settings_that_go_on_and_on_are_refused_in_linear_time(text: str) -> None:
    """Fault M5: a settings file has a key of endless parts. dlcore refuses it in linear time."""
    with pytest.raises(ConfigError):
        parse_deployment(text.encode(), Path("/d.toml"))


@pytest.mark.parametrize("number", ["1" + "0" * 400, "0x" + "f" * 4000, "-9223372036854775809"])
@pytest.mark.parametrize("place", ["{}", "[{}]", "[[{}]]", "{{ x = {} }}", "[{{ x = [1, {}] }}]"])
def test_a_number_of_more_than_64_bits_is_refused(number: str, place: str) -> None:
    """Fault: a setting is a number that no float holds. dlcore refuses it, and names the key."""
    value = place.format(number)
    with pytest.raises(ConfigError, match="has more than 64 bits") as refusal:
        parse_deployment(f"[transfer]\ncap_bytes_per_s = {value}".encode(), PATH)
    assert ("'x'" if "x = " in value else "'cap_bytes_per_s'") in refusal.value.message


def test_the_largest_number_of_64_bits_is_a_cap() -> None:
    text = f"[transfer]\ncap_bytes_per_s = {(1 << 63) - 1}\n[catalog]\nendpoint = 'h'\n{HTTP_PLAIN}"
    pinned = f"[trust]\nroot = 'root.json'\n{text}".encode()
    assert parse_deployment(pinned, PATH).transfer.cap_bytes_per_s == (1 << 63) - 1


def test_settings_that_are_too_long_are_refused_before_they_are_read() -> None:
    """Fault M5: the settings file is something huge. dlcore refuses it by its length."""
    with pytest.raises(ConfigError, match="longer than 1 MiB"):
        parse_deployment(b"#" * ((1 << 20) + 1), Path("/d.toml"))


def test_text_with_dots_is_not_a_long_key() -> None:
    query = "SELECT * FROM a WHERE version = '" + "1." * 30 + "0'"
    where = "[catalog]\npath = 'c'\n[[endpoint]]\nname = 'd'\nkind = 'file'\npath = 'p'\n"
    settings = parse_deployment(f'{where}[variables]\nv = "{query}"'.encode(), Path("/d.toml"))
    assert settings.variables["v"] == query


def test_what_a_server_is_shown_is_read_with_absolute_paths() -> None:
    text = (
        CATALOG
        + HTTP_TABLE
        + """
        user = "anna"
        password_file = "secrets/password"
        client_cert = "client.pem"
        client_key = "/etc/dlcore/client.key"
        client_key_passphrase_env = "PASSPHRASE"
        headers = ["X-Region: eu", "@headers.txt"]
        proxy = "socks5h://me@proxy:1080"
        proxy_password_env = "PROXY_PASSWORD"
        """
    )
    deployment = parse_deployment(text.encode(), PATH)
    (endpoint,) = deployment.endpoints
    here = PATH.parent
    web = endpoint.web
    assert web.password_file == str(here / "secrets/password")
    assert web.client_cert == str(here / "client.pem")
    assert web.client_key == str(Path("/etc/dlcore/client.key"))
    assert web.headers == ("X-Region: eu", f"@{here / 'headers.txt'}")
    assert (web.user, web.proxy) == ("anna", "socks5h://me@proxy:1080")
    assert deployment.secret_variables == {"PASSPHRASE", "PROXY_PASSWORD"}


def test_the_time_for_retries_is_read() -> None:
    text = CATALOG + "[transfer]\nretry_time_s = 3600\n" + HTTP_TABLE
    assert parse_deployment(text.encode(), PATH).transfer.retry_time_s == 3600


def test_a_time_limit_for_silence_is_read() -> None:
    text = CATALOG + "[transfer]\ntimeout_s = 2.5\n" + HTTP_TABLE
    assert parse_deployment(text.encode(), PATH).transfer.timeout_s == 2.5
    with pytest.raises(ConfigError, match="timeout_s"):
        parse_deployment(text.replace("2.5", "-1").encode(), PATH)
