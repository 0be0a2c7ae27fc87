"""Canaries: secrets with a known text, looked for in everything that a command leaves or prints."""

from __future__ import annotations

import base64
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.cli.conftest import Site
from tests.cli.echo import Form, Stage, echo_server
from tests.cli.helpers import Ended, Here, dlcore
from tests.engine.scene import sequence, step, upgrade, when

TOKEN = "c4n4ry-registration-0123456789"
SIGNATURE = "c4n4ry-signature-9876543210"
PROXY_PASSWORD = "c4n4ry-proxy-55555"
FORMATS = ("text", "json", "cmtrace")
LEFT_OUT = upgrade("ABC00001", condition=when("_SMSTSInWinPE", "true"))
"""Makes a sequence an upgrade, as preflight asks on the internet, and runs nowhere."""


def spellings(secret: str) -> list[str]:
    """How a secret could be written down."""
    encoded = base64.b64encode(secret.encode()).decode().rstrip("=")
    return [secret, secret.upper(), secret.lower(), quote(secret, safe=""), encoded]


def places_of(secrets: Iterable[str], ended: Ended, *folders: Path) -> list[str]:
    """Where a secret can be found: streams, and names and contents of files."""
    texts = {"standard output": ended.out, "standard error": ended.err}
    for folder in folders:
        for path in folder.rglob("*"):
            content = path.read_bytes().decode("latin-1") if path.is_file() else ""
            texts[str(path)] = f"{path}\n{content}"
    words = {word for secret in secrets for word in spellings(secret)}
    return [f"{place}: {word}" for place, text in texts.items() for word in words if word in text]


FORMS: dict[Stage, list[Form]] = {
    Stage.TOKEN: [form for form in Form if form is not Form.URL],
    Stage.DOCUMENT: [form for form in Form if form is not Form.URL],
    Stage.LOCATIONS: list(Form),
    Stage.STORAGE: [form for form in Form if form is not Form.URL],
}


@pytest.mark.parametrize(
    ("stage", "form"), [(stage, form) for stage, forms in FORMS.items() for form in forms]
)
def test_a_server_that_repeats_a_credential_gets_it_into_no_output(
    here: Here,
    site: Site,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stage: Stage,
    form: Form,
) -> None:
    """Fault: a server repeats the token in its reply. dlcore prints and writes it nowhere."""
    monkeypatch.setenv("DLCORE_TOKEN", TOKEN)
    monkeypatch.setenv("DLCORE_DEBUG", "1")
    catalog = Path(shutil.copy(site.published / "catalog.json", tmp_path))  # without manifests
    log_format = FORMATS[list(Form).index(form) % len(FORMATS)]
    with echo_server(site.published, stage, form, SIGNATURE) as server:
        ended = here(
            *("fetch", "ABC00002", "--from", f"cmg+{server.url}", "-o", tmp_path / "to"),
            *("--retries", "0", "-vv", "--log-file", tmp_path / "log", "--json"),
            *("--log-format", log_format, "--catalog", catalog),
        )
        assert {word for word in server.repeated if "c4n4ry" in word}, "the server repeated nothing"
    assert ended.status in {3, 4, 5, 6}, ended.err
    secrets = (TOKEN, SIGNATURE, f"{SIGNATURE}-access")
    assert not places_of(secrets, ended, tmp_path)
    assert "127.0.0.1" in ended.err


@pytest.fixture
def config(site: Site, tmp_path: Path) -> Path:
    """Settings whose token is in the environment."""
    text = site.gateway.config.read_text(encoding="utf-8")
    path = tmp_path / "deployment.toml"
    path.write_text(re.sub("token_file = .*", 'token_env = "SITE_TOKEN"', text), encoding="utf-8")
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("log_format", FORMATS)
def test_a_run_leaves_no_secret_anywhere(
    site: Site, tmp_path: Path, config: Path, log_format: str
) -> None:
    """Fault: a step looks for tokens in its surroundings. dlcore has left none there."""
    token = Path(site.gateway.access[1]).read_text(encoding="ascii").strip()
    found = tmp_path / "found"
    found.mkdir()
    spy = (
        f"env > {found}/env; set > {found}/set; pwd > {found}/pwd; "
        f"cat /proc/$PPID/cmdline /proc/$$/cmdline /proc/$$/environ > {found}/argv; "
        f"cp -r {tmp_path}/state {found}/state; ls -l /proc/$$/fd > {found}/fd; "
        f"cat /proc/$$/fd/[3-9]* > {found}/open 2> /dev/null; exit 0"
    )
    path = tmp_path / "sequence.xml"
    path.write_bytes(
        sequence(
            step("Spy", CommandLine=spy, package="ABC00002"),
            LEFT_OUT,
            step("Fails", CommandLine="exit 3"),
        )
    )
    ended = dlcore(
        *("run", path, "--config", config, "--state", tmp_path / "state", "--json", "-vv"),
        *("--log-file", tmp_path / "log", "--log-format", log_format),
        env={
            "SITE_TOKEN": token,
            "DLCORE_TOKEN": TOKEN,
            "DLCORE_SAS": f"sig={SIGNATURE}",
            "HTTP_PROXY": f"http://me:{PROXY_PASSWORD}@proxy.invalid:1",
            "DLCORE_DEBUG": "1",
        },
    )
    assert ended.status == 15, ended.err
    steps = ended.document["steps"]
    assert (steps[0]["outcome"], steps[0]["exit_code"]) == ("succeeded", 0)
    assert (found / "env").read_text().count("=") > 3
    secrets = (token, TOKEN, SIGNATURE, PROXY_PASSWORD)
    assert not places_of(secrets, ended, tmp_path)
    everything = [ended.out + ended.err, *(p.read_text("latin-1") for p in all_files(tmp_path))]
    assert not [
        text for text in everything if re.search(r"[?&]sig=(?!\*)|Bearer [A-Za-z0-9]", text)
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="runs a shell")
def test_the_values_of_variables_are_in_no_message(
    site: Site, tmp_path: Path, config: Path
) -> None:
    """Fault: a sequence has a password in a variable. dlcore prints and logs names only."""
    token = Path(site.gateway.access[1]).read_text(encoding="ascii").strip()
    with config.open("a", encoding="utf-8") as file:
        file.write(f"[variables]\nOSDJoinPassword = '{TOKEN}'\nPATH = '{TOKEN}'\n")
    path = tmp_path / "sequence.xml"
    nowhere = 'continueOnError="true" startIn="/nowhere/%OSDJoinPassword%"'
    steps = (
        step("Nowhere", attributes=nowhere, CommandLine="true"),
        step("Used", CommandLine='test -n "%OSDJoinPassword%"'),
    )
    path.write_bytes(sequence(*steps, LEFT_OUT, step("Fails", CommandLine="exit 3")))
    with tempfile.TemporaryDirectory() as logs:
        ended = dlcore(
            *("run", path, "--config", config, "--state", tmp_path / "state", "--json", "-vv"),
            *("--log-file", Path(logs, "log")),
            env={"SITE_TOKEN": token, "DLCORE_DEBUG": "1"},
        )
        assert ended.status == 15, ended.err
        assert "not set for commands: PATH" in ended.err
        outcomes = [one["outcome"] for one in ended.document["steps"]]
        assert outcomes == ["failed", "succeeded", "skipped", "failed"]
        assert not places_of((TOKEN,), ended, Path(logs))


def test_the_password_of_a_proxy_is_in_no_message(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: the proxy does not answer. dlcore says so without the password in its URL."""
    monkeypatch.setenv("https_proxy", f"http://me:{PROXY_PASSWORD}@127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    ended = here(
        *("fetch", f"https://storage.example/o?sig={SIGNATURE}", "-o", tmp_path / "to", "-vv"),
        *("--sha256", "0" * 64, "--retries", "0", "--json", "--log-file", tmp_path / "log"),
    )
    assert ended.status == 6, ended.err
    assert not places_of((PROXY_PASSWORD, SIGNATURE), ended, tmp_path)


def all_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]


def test_a_plan_and_a_publication_leave_no_secret(site: Site, tmp_path: Path, config: Path) -> None:
    token = Path(site.gateway.access[1]).read_text(encoding="ascii").strip()
    env = {"SITE_TOKEN": token, "DLCORE_TOKEN": TOKEN, "DLCORE_SAS": SIGNATURE, "DLCORE_DEBUG": "1"}
    out = tmp_path / "published"
    ended = [
        dlcore(
            *("plan", site.sequence, "--config", config, "--state", tmp_path / "state", "-vv"),
            env=env,
        ),
        dlcore(
            *("publish", site.source("ABC00002"), "--package-id", "ABC00002", "--version", "1"),
            *("--to", out, "-vv"),
            env=env,
        ),
        dlcore(
            *(
                "publish",
                site.source("ABC00002"),
                "--package-id",
                "ABC00002",
                "--version",
                "1",
                "-vv",
            ),
            *("--to", f"az://localhost.invalid/content?sig={SIGNATURE}"),
            env=env,
        ),
    ]
    assert ended[0].status in {0, 14}, ended  # 14: the upgrade step cannot run on this machine
    assert ended[2].status != 0
    for one in ended:
        assert not places_of((token, TOKEN, SIGNATURE), one, tmp_path)


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(f"GET https://x/?sig={quote(SIGNATURE)}")
    assert len(places_of((SIGNATURE,), Ended(0, SIGNATURE, ""), tmp_path)) >= 2
    assert os.environ.get("DLCORE_TOKEN") is None
