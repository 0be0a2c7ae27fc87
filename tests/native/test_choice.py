"""The core and its backend are chosen once; environment variables overrule or are refused."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from dlcore.errors import ConfigError
from dlcore.native import backend, core_name, describe, portable
from dlcore.native.choice import (
    BACKEND_VARIABLE,
    CORE_VARIABLE,
    choose_backend,
    choose_core,
    description,
)
from dlcore.native.interface import Core
from tests.native.cores import COMPILED, CORES, each_backend, each_core, needs_compiled

REPORT = """
from dlcore.errors import ConfigError
try:
    from dlcore import native
except ConfigError as error:
    print(error.message, error.remedy)
else:
    print(native.core_name(), native.backend())
"""
WITHOUT_EXTENSION = 'import sys; sys.modules["dlcore_ext._blocks"] = None\n'


def report(script: str = REPORT, **environment: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DLCORE_")}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=clean | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@each_backend
def test_the_environment_chooses_any_core_and_backend(core: Core, backend: str) -> None:
    chosen = {CORE_VARIABLE: core.NAME, BACKEND_VARIABLE: backend}
    assert report(**chosen) == f"{core.NAME} {backend}"


def test_the_compiled_core_is_used_if_it_is_there() -> None:
    assert choose_core({}, CORES[0]) is CORES[0]
    assert choose_core({CORE_VARIABLE: ""}, CORES[0]) is CORES[0]
    assert report().partition(" ")[0] == CORES[0].NAME


def test_the_portable_core_is_used_without_the_extension() -> None:
    assert choose_core({}, None) is portable
    assert report(WITHOUT_EXTENSION + REPORT) == "portable openssl"


def test_an_unknown_core_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="DLCORE_NATIVE=rust"):
        choose_core({CORE_VARIABLE: "rust"}, CORES[0])
    assert "DLCORE_NATIVE=rust" in report(**{CORE_VARIABLE: "rust"})


def test_a_compiled_core_that_is_not_installed_is_refused() -> None:
    with pytest.raises(ConfigError, match="not installed"):
        choose_core({CORE_VARIABLE: "compiled"}, None)


@each_core
@pytest.mark.parametrize("wish", ["sha-ni", "armv9"])
def test_an_unusable_backend_is_refused_and_the_usable_ones_are_named(
    core: Core, wish: str
) -> None:
    with pytest.raises(ConfigError, match=f"{BACKEND_VARIABLE}={wish}") as caught:
        choose_backend({BACKEND_VARIABLE: wish}, core)
    assert all(name in caught.value.remedy for name in core.backends())


@each_core
def test_an_empty_variable_leaves_the_choice_to_the_cpu(core: Core) -> None:
    kernels = [name for name in core.backends() if name != "openssl"]
    assert choose_backend({BACKEND_VARIABLE: ""}, core) in (kernels or ["openssl"])


@each_core
def test_hashlib_is_usable_everywhere(core: Core) -> None:
    assert core.backends()[-1] == "openssl"
    assert core.backend() in core.backends()


@each_core
def test_a_core_refuses_a_backend_it_does_not_have(core: Core) -> None:
    before = core.backend()
    with pytest.raises(ValueError, match="'md5'"):
        core.use_backend("md5")
    assert core.backend() == before


def test_the_core_in_use_is_described_in_one_line() -> None:
    assert core_name() in describe().line or core_name() == "compiled"
    assert backend() in describe().line or core_name() == "portable"
    assert "\n" not in describe().line


@needs_compiled
def test_a_fast_core_has_nothing_to_complain_of() -> None:
    assert COMPILED
    described = description(COMPILED, COMPILED)
    assert described == (f"native core ({COMPILED.backend()})", "")
    assert described.line == described.what


@pytest.mark.parametrize(
    ("compiled", "platform", "advice"),
    [(None, "linux", "install"), (None, "win32", "wheel"), (CORES[0], "linux", "unset")],
)
def test_a_slow_core_says_what_is_slower_and_what_to_do(
    compiled: Core | None, platform: str, advice: str
) -> None:
    described = description(portable, compiled, platform)
    assert "slower" in described.what
    assert advice in described.advice
    assert described.line == f"{described.what}; {described.advice}"
