"""Commands and options that do not exist are noticed in examples that are not run."""

from __future__ import annotations

import pytest

from tests.docs.usage import refused


@pytest.mark.parametrize(
    "script",
    [
        "dlcore fetch ABC00012 --from cmg+https://cmg1.contoso.com --token-file t -o here # it",
        "dlcore publish x --package-id ABC00012 --to az://... && dlcore list x | head",
        "dlcore trust rotate SITE --sign-with root.pem \\\n    --add targets=new.pem",
        "py -m pip install dlcore-engine[cli]\npy -m dlcore verify C:\\t\\site --event-log",
        "BENCH_MIB=256 make bench",
        ".venv/bin/python -m bench.netlab far",
    ],
)
def test_what_could_be_typed_is_accepted(script: str) -> None:
    assert refused(script) == []


@pytest.mark.parametrize(
    "script",
    [
        "dlcore fetch ABC00012 --form site",
        "dlcore ls site",
        "true; dlcore trust init --nothing",
        "py -m dlcore verify site --nothing",
        "make benchmark",
        "python -m bench.nothing",
        "dlcore list site --nothing",
    ],
)
def test_what_nobody_could_type_is_refused(script: str) -> None:
    assert len(refused(script)) == 1
