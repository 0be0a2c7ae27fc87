"""The compilers that build the C code alone, and how what they build is run here."""

from __future__ import annotations

import runpy
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
WARNINGS = ("-std=gnu11", "-Wall", "-Wextra", "-Werror")
SANITIZE = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


class Gcc:
    """GCC, Clang, or what takes their options.

    Args:
        command: The compiler and its options.
        libraries: Named behind the sources.
        runner: Runs the program; empty for this machine itself.
        expected: A backend that must be usable.
    """

    def __init__(
        self,
        *command: str,
        libraries: tuple[str, ...] = (),
        runner: tuple[str, ...] = (),
        expected: str = "",
    ) -> None:
        need(command[0], *runner[:1])
        self._command = command
        self._libraries = libraries
        self.runner = runner
        self.expected = expected

    def build(self, sources: list[Path], headers: Path, folder: Path) -> Path:
        """Compile a program; the test is skipped if the sanitizers' libraries are missing."""
        program = folder / "program.exe"
        options = (*WARNINGS, f"-I{headers}", *map(str, sources), *self._libraries)
        built = run([*self._command, *options, "-o", str(program)], folder)
        if "cannot find" in built.stderr and "san" in built.stderr:
            pytest.skip("the sanitizers' libraries are not installed")
        assert built.returncode == 0, built.stderr
        return program


class ClangCl:
    """Clang in place of MSVC: its command line, its macros, and a set of options for each file.

    Headers and libraries of the system are Wine's. They do not have MSVC's own runtime, so the
    guards of the stack, which need it, are left out.
    """

    expected = ""

    def __init__(self) -> None:
        need("clang-cl", "lld-link")
        self._headers = Path("/usr/include/wine/wine")
        self._libraries = Path("/usr/lib/x86_64-linux-gnu/wine/x86_64-windows")
        for folder in (self._headers / "msvcrt", self._libraries / "libucrtbase.a"):
            if not folder.exists():
                pytest.skip(f"{folder} is missing")
        self.runner = wine()

    def build(self, sources: list[Path], headers: Path, folder: Path) -> Path:
        """Compile each file with its own options, and link."""
        for source in sources:
            self._compile(source, headers, folder)
        program = folder / "program.exe"
        names = ("libucrtbase.a", "libkernel32.a", "libntdll.a", "libwinecrt0.a")
        libraries = (str(self._libraries / name) for name in names)
        objects = map(str, folder.glob("*.obj"))
        link = ["lld-link", "/nodefaultlib", "/subsystem:console", "/entry:mainCRTStartup"]
        linked = run([*link, f"/out:{program}", *objects, *libraries], folder)
        assert linked.returncode == 0, linked.stdout + linked.stderr
        return program

    def _compile(self, source: Path, headers: Path, folder: Path) -> None:
        options = ["/c", "/O2", "/GS-", "/W3", "/WX", "-Wno-unused-command-line-argument"]
        options += [*msvc_options(source), f"/I{headers}"]
        system = [f"/imsvc{self._headers / name}" for name in ("msvcrt", "windows")]
        target = ["--target=x86_64-pc-windows-msvc", f"/Fo{source.stem}.obj", "--", str(source)]
        compiled = run(["clang-cl", *options, *system, *target], folder)
        assert compiled.returncode == 0, compiled.stdout + compiled.stderr


def msvc_options(source: Path) -> list[str]:
    """Those of setup.py; for SHA-NI, which MSVC has no option for, what Clang needs."""
    if source.name == "sha256_sha_ni.c":
        return ["-msha", "-msse4.1"]
    options = runpy.run_path(str(ROOT / "setup.py"))["MSVC_KERNEL_OPTIONS"].get(source.name, [])
    assert isinstance(options, list)
    return options


def mingw() -> Gcc:
    """As the extension for Windows is built."""
    need("bash")
    script = '. tests/windows/mingw.sh && printf "%s\\n" "${MINGW[@]}"'
    command = run(["bash", "-c", script], ROOT).stdout.split()
    return Gcc(*command, "-O3", libraries=("-lucrt",), runner=wine())


def wine() -> tuple[str, ...]:
    """Runs a program for Windows, in the Wine prefix of `make test-windows`."""
    need("wine")
    if not (ROOT / "build" / "windows" / "ready").exists():
        pytest.skip("make test-windows has not set up Wine")
    script = f'cd "{ROOT}" && . tests/windows/wine.sh && exec wine "$@"'
    return ("bash", "-c", script, "wine")


def need(*tools: str) -> None:
    for tool in tools:
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


TOOLCHAINS: dict[str, Callable[[], Gcc | ClangCl]] = {
    "gcc": lambda: Gcc("gcc", "-O3"),
    "gcc-sanitized": lambda: Gcc("gcc", *SANITIZE),
    "clang": lambda: Gcc("clang", "-O3"),
    "arm64": lambda: Gcc(
        *("aarch64-linux-gnu-gcc", "-O3", "-static"), runner=("qemu-aarch64",), expected="armv8"
    ),
    "mingw": mingw,
    "msvc": ClangCl,
}
