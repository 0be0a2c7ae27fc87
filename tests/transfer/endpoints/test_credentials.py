"""Files with secrets as people make them, on Windows too."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from dlcore.errors import ConfigError
from dlcore.transfer.endpoints.credentials import secret_of
from tests.others import touch_private

SECRET = "sv=2024-11-04&sig=c2VjcmV0%3D"


def secret_in(path: Path, data: bytes) -> str:
    """What dlcore takes for the secret in a file."""
    touch_private(path)
    path.write_bytes(data)
    read = secret_of("blob1", "sas", file=str(path), env="")
    assert read is not None
    return read()


@pytest.mark.parametrize(
    "saved",
    [
        SECRET.encode(),
        f"{SECRET}\r\n".encode(),
        codecs.BOM_UTF8 + f"{SECRET}\r\n".encode(),
        codecs.BOM_UTF16_LE + f"{SECRET}\r\n".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + f"{SECRET}\r\n".encode("utf-16-be"),
    ],
    ids=["plain", "CRLF", "UTF-8 with mark", "UTF-16LE", "UTF-16BE"],
)
def test_a_secret_is_read_whichever_program_saved_it(tmp_path: Path, saved: bytes) -> None:
    """Fault: PowerShell writes a token file as UTF-16. dlcore reads the token in it."""
    assert secret_in(tmp_path / "secret", saved) == SECRET


@pytest.mark.parametrize(
    "saved",
    [
        b"",
        f"{SECRET}\nmore".encode(),
        "größe".encode(),
        SECRET.encode("utf-16-le"),
        codecs.BOM_UTF16_LE + SECRET.encode("utf-16-le")[:-1],
        f"{SECRET}\ufeff".encode(),
    ],
    ids=["empty", "two lines", "not ASCII", "UTF-16 without mark", "cut", "mark at the end"],
)
def test_what_is_not_a_secret_is_refused_and_not_repeated(tmp_path: Path, saved: bytes) -> None:
    with pytest.raises(ConfigError, match="one line of printable ASCII") as caught:
        secret_in(tmp_path / "secret", saved)
    assert "sig" not in f"{caught.value.message} {caught.value.remedy}"
