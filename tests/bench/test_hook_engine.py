"""The emulated engine does what is documented of Windows' own: the measure is only worth that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from bench.hook import site
from bench.hook.built_in import DownloadError
from bench.hook.engine import EmulatedEngine, Ran, SwitchedOffError
from bench.hook.package_hash import package_hash
from dlcore.emulator.emulator import Emulator
from dlcore.emulator.settings import Settings
from tests.engine.scene import publish_packages, sequence, step

FIRST, SECOND = "ABC00012", "ABC00013"
FILES = {"setup.exe": 3000, "a folder/ä.inf": 120, "a folder/in it/empty": 0}
DOCUMENT = sequence(
    step("One", package=FIRST),
    step("Restart", "RebootAction"),
    step("Two", package=SECOND),
    step("Three", package=FIRST),
).decode()


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    publish_packages(tmp_path, {FIRST: FILES, SECOND: {"office.msi": 5000}})
    settings = Settings(dp=True)
    async with Emulator(tmp_path / "published", settings, state=tmp_path / "emulator") as emulator:
        yield emulator.dp_url


class Machine:
    """A machine with the engine, on which no time passes."""

    def __init__(self, root: Path, url: str, **variables: str) -> None:
        self._root = root
        self._url = url
        self.waited_s: list[float] = []
        source = root / "source"
        self._variables = {
            "_SMSTSTaskSequence": DOCUMENT,
            **{f"_SMSTSPkgHash{each}": package_hash(source / each) for each in (FIRST, SECOND)},
            **variables,
        }

    def engine(self) -> EmulatedEngine:
        durations_s = dict.fromkeys(("One", "Two", "Three", "Restart"), 0.0)
        place = self._root / "machine"
        return EmulatedEngine(place, self._variables, self._url, durations_s, self.waited_s.append)

    async def live(self) -> list[Ran]:
        """Run until the end or a restart."""
        return await asyncio.to_thread(lambda: list(self.engine().run()))

    def program(self, lines: str) -> None:
        """Install a download program: a shell script."""
        path = self._root / "program"
        path.write_text(f"#!/bin/sh\n{lines}\n")
        path.chmod(0o700)
        self._variables["SMSTSDownloadProgram"] = str(path)


@pytest.fixture
def machine(tmp_path: Path, url: str) -> Callable[..., Machine]:
    return lambda **variables: Machine(tmp_path, url, **variables)


async def test_it_stops_at_each_step_and_goes_on_after_a_restart(
    machine: Callable[..., Machine], tmp_path: Path
) -> None:
    on = machine()
    assert [ran.name for ran in await on.live()] == ["One", "Restart"]
    assert not on.engine().has_ended
    ran = await on.live()
    assert [(each.name, [c.by for c in each.contents]) for each in ran] == [
        ("Two", ["built-in"]),
        ("Three", ["cache"]),
    ]
    assert on.engine().has_ended
    for package in (FIRST, SECOND):
        folder = on.engine().folder(package)
        assert package_hash(folder) == package_hash(tmp_path / "source" / package)


async def test_content_that_does_not_match_is_fetched_again_from_the_beginning(
    machine: Callable[..., Machine],
) -> None:
    on = machine(**{f"_SMSTSPkgHash{FIRST}": "AB" * 32})
    with pytest.raises(DownloadError, match="0x80091007"):
        await on.live()
    assert on.waited_s == [15.0, 15.0]  # two retries, as documented
    again = machine(
        **{
            f"_SMSTSPkgHash{FIRST}": "AB" * 32,
            "SMSTSDownloadRetryCount": "1",
            "SMSTSDownloadRetryDelay": "3",
        }
    )
    (again.engine().root / "variables.json").unlink()
    with pytest.raises(DownloadError):
        await again.live()
    assert again.waited_s == [3.0]


@pytest.mark.posix_only(reason="the download program is a shell script")
async def test_the_program_gets_ini_package_and_folder(
    machine: Callable[..., Machine], tmp_path: Path
) -> None:
    on = machine()
    on.program(f'test -s "$1" && cp -r "{tmp_path}/source/$2/." "$3" && echo "$@" >> "$0.calls"')
    (one, *_) = await on.live()
    assert [(each.by, each.exit_code) for each in one.contents] == [("hook", 0)]
    (call,) = (tmp_path / "program.calls").read_text().splitlines()
    place = on.engine().root
    assert call == f"{place / 'Temp' / 'SMSTSDownload.INI'} {FIRST} {on.engine().folder(FIRST)}"
    assert not (place / "Temp" / "SMSTSDownload.INI").exists()


@pytest.mark.posix_only(reason="the download program is a shell script")
async def test_another_exit_code_falls_back_and_the_abort_code_does_not(
    machine: Callable[..., Machine],
) -> None:
    on = machine(SMSTSDownloadAbortCode="3")
    on.program("exit 1")
    (one, *_) = await on.live()
    assert [(each.by, each.exit_code) for each in one.contents] == [("built-in", 1)]
    on.program("exit 3")
    on.engine().variables.set("SMSTSDownloadProgram", on._variables["SMSTSDownloadProgram"])
    with pytest.raises(DownloadError, match="aborts with 3"):
        await on.live()


@pytest.mark.posix_only(reason="the download program is a shell script")
async def test_content_that_the_program_delivers_is_judged(machine: Callable[..., Machine]) -> None:
    on = machine()
    on.program('echo other > "$3/setup.exe"')
    with pytest.raises(DownloadError, match="delivered something else"):
        await on.live()


def test_the_bound_is_that_of_the_link_and_of_the_steps() -> None:
    lengths = {each.package_id: 0 for each in site.PACKAGES}
    all_s = sum(each.run_s for each in site.PACKAGES) + site.RESTART_S
    assert site.bound_s(1.0, lengths) == all_s
    first, last = site.PACKAGES[0], site.PACKAGES[-1]
    assert site.bound_s(1.0, {**lengths, first.package_id: 5}) == all_s + 5
    assert site.bound_s(1.0, {**lengths, last.package_id: 1000}) == 1000 + last.run_s


@pytest.mark.posix_only(reason="the program that is called is a script of a shell")
async def test_a_machine_that_is_switched_off_ends_the_program_that_it_called(
    tmp_path: Path, url: str
) -> None:
    program, called = tmp_path / "program", tmp_path / "called"
    program.write_text(f"#!/bin/sh\necho > '{called}'\nexec sleep 600\n")
    program.chmod(0o755)
    variables = {"_SMSTSTaskSequence": DOCUMENT, "SMSTSDownloadProgram": str(program)}
    engine = EmulatedEngine(tmp_path / "machine", variables, url, {"One": 600.0})
    life = asyncio.ensure_future(asyncio.to_thread(list, engine.run()))
    while not called.exists():  # noqa: ASYNC110  # a process makes it
        await asyncio.sleep(0.01)
    engine.switch_off()
    with pytest.raises(SwitchedOffError):
        await asyncio.wait_for(life, 60)


def test_a_package_that_nothing_fetches_ahead_lengthens_its_step() -> None:
    lengths = {each.package_id: each.length_mib * site.MIB for each in site.PACKAGES}
    rate_bytes_per_s = 4.0 * site.MIB
    bound_s = site.bound_s(rate_bytes_per_s, lengths, 2.0)
    assert bound_s == (16 + 24 + 80 + 224) / 4 + 2 * (34 + 6 + 12 + 12 + 18 + 10)
    late_s = site.bound_s(rate_bytes_per_s, lengths, 2.0, not_ahead=site.UNKNOWN)
    assert late_s == bound_s + 12 / 4
