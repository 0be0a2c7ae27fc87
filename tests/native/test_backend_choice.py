"""The CPU is asked once; an environment variable overrules it or is refused clearly."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from dlcore.native import BACKEND_VARIABLE, backend, backends
from dlcore_ext import _blocks
from tests.native.backends import each_backend

REPORT = """
from dlcore.errors import ConfigError
try:
    from dlcore import native
except ConfigError as error:
    print(error.message, error.remedy)
else:
    print(native.backend())
"""


def report(forced: str) -> str:
    environment = os.environ | {BACKEND_VARIABLE: forced}
    done = subprocess.run(
        [sys.executable, "-c", REPORT], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@each_backend
def test_the_environment_forces_any_usable_backend(backend: str) -> None:
    assert report(backend) == backend


@pytest.mark.parametrize("forced", ["sha-ni", "armv9"])
def test_an_unusable_backend_is_refused_and_the_usable_ones_are_named(forced: str) -> None:
    message = report(forced)
    assert f"{BACKEND_VARIABLE}={forced}" in message
    assert all(name in message for name in backends())


def test_an_empty_variable_leaves_the_choice_to_the_cpu() -> None:
    native = [name for name in backends() if name != "openssl"]
    assert report("") in (native or ["openssl"])


def test_hashlib_is_usable_everywhere() -> None:
    assert backends()[-1] == "openssl"
    assert backend() in backends()


def test_the_extension_refuses_a_name_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="'md5'"):
        _blocks.use_backend("md5")
