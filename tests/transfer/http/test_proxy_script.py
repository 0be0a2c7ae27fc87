"""A proxy script names the way; it runs apart, for a limited time, and has nothing to lose."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from dlcore.errors import ConfigError, Fault, TransferError
from dlcore.model import Authentication, WebAccess
from dlcore.transfer import Keyring
from dlcore.transfer.endpoints.proxy_script_source import proxy_script
from dlcore.transfer.http import pac_process
from dlcore.transfer.http.proxies import Proxies, proxy_of
from dlcore.transfer.http.proxy_script import (
    ProxyScript,
    ProxyScriptError,
    Question,
    run_in_process,
)
from dlcore.transfer.policy import TransferPolicy
from tests.transfer.access import read, secret_file
from tests.transfer.access_servers import BODY, guarded, proxy

NAME = "host.example"
needs_pac = pytest.mark.skipif(
    importlib.util.find_spec("pypac") is None, reason="the extra pac is not installed"
)
DIRECT = "function FindProxyForURL(url, host) { return 'DIRECT'; }"


@pytest.fixture(autouse=True)
def _no_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    proxy_of.cache_clear()
    yield
    proxy_of.cache_clear()


@pytest.fixture(scope="module")
def _ready_to_run() -> None:
    """Under Wine nothing is compiled yet, and the first run would take too long."""
    if sys.platform == "win32":
        asyncio.run(run_in_process(Question(DIRECT, f"https://{NAME}/", NAME), max_run_s=120.0))


class Scene:
    """A script that is never run, and a clock."""

    def __init__(self) -> None:
        self.reads = 0
        self.asked: list[Question] = []
        self.way = "http://proxy.example:8080"
        self.failure = ""
        self.address = "10.0.0.1"
        self.now_s = 0.0
        self.script = ProxyScript(
            "https://pac.example/proxy.pac",
            self._read,
            self._run,
            addresses=lambda: (self.address,),
            now_s=lambda: self.now_s,
        )

    async def _read(self) -> bytes:
        self.reads += 1
        return b"\xef\xbb\xbftext"

    async def _run(self, question: Question) -> str:
        self.asked.append(question)
        if self.failure:
            raise ProxyScriptError(self.failure)
        return self.way


async def test_a_script_is_asked_once_for_each_scheme_and_host() -> None:
    scene = Scene()
    for _ in range(2):
        assert await scene.script.way_to("https", NAME) == "http://proxy.example:8080"
    await scene.script.way_to("http", NAME)
    await scene.script.way_to("https", "fd00::1")
    urls = [f"https://{NAME}/", f"http://{NAME}/", "https://[fd00::1]/"]
    assert [question.url for question in scene.asked] == urls
    assert scene.asked[0].script == "text"
    assert scene.reads == 1


async def test_in_another_network_the_script_is_read_and_asked_again() -> None:
    """Fault: a laptop goes from one network to another. dlcore asks the proxy script again."""
    scene = Scene()
    await scene.script.way_to("https", NAME)
    scene.address, scene.way = "192.168.0.2", "DIRECT"
    assert await scene.script.way_to("https", NAME) == ""
    assert (scene.reads, len(scene.asked)) == (2, 2)


async def test_a_decision_grows_old() -> None:
    scene = Scene()
    await scene.script.way_to("https", NAME)
    scene.now_s = 601
    await scene.script.way_to("https", NAME)
    assert (scene.reads, len(scene.asked)) == (2, 2)


async def test_a_script_that_fails_is_left_alone_for_a_while() -> None:
    scene = Scene()
    scene.failure = "it is broken"
    for _ in range(2):
        with pytest.raises(ProxyScriptError, match="it is broken"):
            await scene.script.way_to("https", NAME)
    assert len(scene.asked) == 1
    scene.failure, scene.now_s = "", 31
    assert await scene.script.way_to("https", NAME)


async def test_this_machine_is_reached_directly_whatever_a_script_says() -> None:
    scene = Scene()
    proxies = Proxies(script=scene.script)
    assert await proxies.way_to("http", "localhost") is None
    assert scene.asked == []


async def test_what_a_script_names_is_checked() -> None:
    scene = Scene()
    scene.way = "ftp://proxy.example"
    with pytest.raises(ProxyScriptError, match="not the URL of a proxy"):
        await Proxies(script=scene.script).way_to("https", NAME)


async def test_a_script_does_not_say_who_logs_in() -> None:
    """Fault: a proxy script names a user and password of its own. dlcore shows neither."""
    scene = Scene()
    scene.way = "http://me:canary@proxy.example"
    found = await Proxies(login=lambda _: ("", ""), script=scene.script).way_to("https", NAME)
    assert found is not None
    assert (found.url, found.user, found.password) == ("http://proxy.example", "", "")


@needs_pac
@pytest.mark.usefixtures("_ready_to_run")
async def test_a_script_in_a_file_leads_to_the_server(tmp_path: Path) -> None:
    async with guarded() as server, proxy("http", server.port) as between:
        text = (
            "function FindProxyForURL(url, host) {"
            "  if (dnsDomainIs(host, '.example') && shExpMatch(url, 'http*://*/'))"
            f"    return 'PROXY 127.0.0.1:{between.port}; DIRECT';"
            "  return 'DIRECT'; }"
        )
        script = Path(secret_file(tmp_path, "proxy.pac", text))
        keyring = Keyring(WebAccess(proxy=f"pac+{script.as_uri()}"))
        with pytest.raises(TransferError):  # the proxy knows CONNECT only
            await read(f"http://{NAME}/o", keyring)
    assert between.asked == [f"http://{NAME}/o"]


@needs_pac
@pytest.mark.usefixtures("_ready_to_run")
async def test_a_script_may_come_over_https(authority: trustme.CA, tmp_path: Path) -> None:
    import ssl

    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(tls)
    ca_file = secret_file(tmp_path, "ca.pem", authority.cert_pem.bytes().decode())
    async with guarded() as server, guarded(tls) as source, proxy("socks5", server.port) as between:
        source.body = (
            f"function FindProxyForURL() {{ return 'SOCKS5 127.0.0.1:{between.port}'; }}".encode()
        )
        web = WebAccess(proxy=f"pac+{source.url}/proxy.pac")
        assert await read("http://192.0.2.1/o", Keyring(web, ca_file=ca_file)) == BODY
        assert len(source.requests) == 1
    assert between.asked == ["192.0.2.1:80"]


HOSTILE = {
    "endless": "function FindProxyForURL() { while (true) {} }",
    "broken": "function FindProxyForURL( {",
    "unknown way": "function FindProxyForURL() { return 'QUIC a:1'; }",
}


@needs_pac
@pytest.mark.parametrize("name", HOSTILE)
async def test_a_script_that_does_not_answer_is_an_error(name: str) -> None:
    """Fault: a proxy script is broken, or never ends. dlcore ends it, and says so."""
    question = Question(HOSTILE[name], f"https://{NAME}/", NAME)
    with pytest.raises(ProxyScriptError):
        await run_in_process(question, max_run_s=1.0 if name == "endless" else 60.0)


@needs_pac
@pytest.mark.usefixtures("_ready_to_run")
async def test_a_script_reaches_no_file_and_no_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: a proxy script looks for secrets of the machine. dlcore gives it none to see."""
    monkeypatch.setenv("DLCORE_TOKEN", "canary")
    secret = Path(secret_file(tmp_path, "secret.js", "exports.secret = 'canary';")).as_posix()
    text = f"""
        function tried(f) {{ try {{ return f(); }} catch (error) {{ return ''; }} }}
        function FindProxyForURL() {{
            var seen = tried(function() {{ return require('{secret}').secret; }})
                + tried(function() {{ return call_python('dukpy.load_module', '{secret}')[1]; }})
                + tried(function() {{ return JSON.stringify(process); }});
            return 'PROXY ' + (seen.indexOf('canary') < 0 ? 'nothing' : 'canary') + ':1';
        }}"""
    way = await run_in_process(Question(text, f"https://{NAME}/", NAME))
    assert way == "http://nothing:1"


@needs_pac
@pytest.mark.usefixtures("_ready_to_run")
async def test_a_script_does_not_learn_which_files_exist(tmp_path: Path) -> None:
    """Fault: a proxy script asks which files exist, or are open. dlcore does not let it know."""
    secret_file(tmp_path, "secret.js", "")
    asked = f"{tmp_path.as_posix()}/./secret.js"  # one that is found loses the dot
    text = f"""
        var seen = '';
        import('{asked}').catch(function(error) {{ seen += error; }});
        [require, call_python.bind(null, 'dukpy.normalize_module', '')].forEach(function(find) {{
            try {{ seen += find('{asked}'); }} catch (error) {{ seen += error; }}
        }});
        function FindProxyForURL() {{
            var known = seen.indexOf('{tmp_path.as_posix()}/secret.js') >= 0;
            return 'PROXY ' + (seen && !known ? 'nothing' : 'canary') + ':1';
        }}"""
    way = await run_in_process(Question(text, f"https://{NAME}/", NAME))
    assert way == "http://nothing:1"


@needs_pac
def test_a_script_ends_though_nobody_is_left_to_end_it() -> None:
    """Fault: dlcore is killed while a proxy script never ends. Its process ends by itself."""
    question = Question(HOSTILE["endless"], f"https://{NAME}/", NAME)
    asked = json.dumps({**question._asdict(), "max_run_s": -0.9}).encode()  # and the grace
    command = (sys.executable, "-I", pac_process.__file__)
    ended = subprocess.run(command, input=asked, capture_output=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (1, b"")
    assert b"Timeout" in ended.stderr


LIMITS = f"""
import resource, runpy
runpy.run_path({pac_process.__file__!r})["limit_this_process"](20.0)
print(*resource.getrlimit(resource.RLIMIT_CPU))
"""


@pytest.mark.posix_only(reason="Windows limits no processor time of a process alone")
def test_the_processor_time_of_a_script_is_limited_too() -> None:
    told = subprocess.run([sys.executable, "-c", LIMITS], capture_output=True, check=True).stdout
    soft_s, hard_s = map(int, told.split())
    assert 21 <= soft_s == hard_s < 60


@needs_pac
@pytest.mark.parametrize("url", ["http://pac.example/proxy.pac", "https://me@pac.example/a", "x"])
def test_a_script_that_anyone_could_exchange_is_refused(url: str) -> None:
    """Fault: a proxy script is read without TLS, and exchanged on the way. dlcore refuses it."""
    with pytest.raises(ConfigError, match="proxy script") as caught:
        Keyring(WebAccess(proxy=f"pac+{url}"))
    assert "pac+https://" in caught.value.remedy


@needs_pac
async def test_a_script_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = (tmp_path / "none.pac").as_uri()
    web = WebAccess(proxy=f"pac+{missing}", proxy_authentication=Authentication.BASIC)
    with pytest.raises(TransferError) as caught:
        await read(f"https://{NAME}/o", Keyring(web))
    assert caught.value.fault is Fault.CONNECT
    assert f"the script {missing} does not name a proxy: it cannot be read" in caught.value.message


@needs_pac
@pytest.mark.posix_only(reason="a pipe there is no file")
def test_a_script_that_does_not_open_holds_nothing_up(tmp_path: Path) -> None:
    """Fault: the file of a proxy script never opens. dlcore gives it up, and ends without it."""
    pipe = tmp_path / "proxy.pac"
    os.mkfifo(pipe, 0o600)
    script = proxy_script("edge", f"pac+{pipe.as_uri()}", "", TransferPolicy())

    async def ask() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await script.way_to("https", NAME)
        with pytest.raises(ProxyScriptError, match="an earlier read of it still hangs"):
            await script.way_to("https", NAME)

    thread = threading.Thread(target=lambda: asyncio.run(ask()), daemon=True)
    thread.start()
    thread.join(10.0)
    is_over = not thread.is_alive()
    os.close(os.open(pipe, os.O_RDWR))  # what waits for the pipe goes on
    assert is_over


async def test_a_script_of_the_system_that_does_not_tell_is_done_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Fault: the script that Windows names for proxies is broken. dlcore takes the rest of its
    settings.
    """
    scene = Scene()
    proxies = Proxies(script=scene.script, is_systems=True)
    found = await proxies.way_to("https", NAME)
    assert found is not None
    assert found.url == scene.way
    scene.failure = "it is broken"
    monkeypatch.setenv("https_proxy", "http://other.example:1")
    found = await proxies.way_to("https", "another.example")
    assert found is not None
    assert found.url == "http://other.example:1"


@needs_pac
async def test_a_script_of_the_system_without_tls_is_not_used_and_told() -> None:
    keyring = Keyring(script_url="http://wpad.example/wpad.dat")
    client = keyring.client("edge")
    assert "could replace the proxy script http://wpad.example/wpad.dat" in client.unused_script
    assert (
        Keyring(WebAccess(proxy="http://p"), script_url="http://x").client("e").unused_script == ""
    )
    assert Keyring(script_url="https://pac.example/a").client("edge").unused_script == ""
