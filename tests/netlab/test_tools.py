"""What the tools are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.netlab.tools import TOOLS, Job, Tool


def job(folder: Path, *, authority: Path | None = None) -> Job:
    (folder / "paths").write_text("a/one.inf\nb/two.inf\n", encoding="utf-8")
    return Job(
        bases=["http://10.77.0.2:8080/net/tree", "http://10.77.1.2:8080/net/tree"],
        object="objects/abc",
        listed=folder / "paths",
        manifest=folder / "manifest.json",
        sha256="12ab",
        output=folder / "out",
        authority=authority,
    )


@pytest.mark.parametrize("tool", [tool for tool in TOOLS.values() if tool.name != "dlcore"])
def test_every_rival_is_told_where_the_object_is_and_where_to_put_it(
    tool: Tool, tmp_path: Path
) -> None:
    words = " ".join(tool.one(job(tmp_path)))
    assert "http://10.77.0.2:8080/net/tree" in words
    assert "objects/abc" in words
    assert str(tmp_path / "out") in words


def test_dlcore_is_told_every_endpoint(tmp_path: Path) -> None:
    words = TOOLS["dlcore"].one(job(tmp_path))
    assert [words[at + 1] for at, word in enumerate(words) if word == "--from"] == (
        job(tmp_path).bases
    )


@pytest.mark.parametrize("name", ["dlcore", "curl", "wget2", "aria2", "rclone", "aiohttp"])
def test_the_authority_is_named_only_over_tls(name: str, tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    assert str(authority) not in " ".join(TOOLS[name].one(job(tmp_path)))
    over_tls = TOOLS[name].one(job(tmp_path, authority=authority))
    assert str(authority) in " ".join(over_tls)


def test_a_list_of_files_is_written_as_the_tool_wants_it(tmp_path: Path) -> None:
    many = TOOLS["aria2"].many
    assert many is not None
    listed = Path(many(job(tmp_path))[-1])
    assert listed.read_text(encoding="utf-8") == (
        "http://10.77.0.2:8080/net/tree/a/one.inf\n out=a/one.inf\n"
        "http://10.77.0.2:8080/net/tree/b/two.inf\n out=b/two.inf\n"
    )


def test_wget2_leaves_out_the_folders_above_the_files(tmp_path: Path) -> None:
    many = TOOLS["wget2"].many
    assert many is not None
    assert "--cut-dirs=2" in many(job(tmp_path))


def test_a_library_that_is_missing_is_not_installed() -> None:
    missing = Tool("x", "no_such_module", "pip install x", "nothing", lambda job: [])
    assert not missing.is_installed()


def test_a_program_that_is_missing_is_not_installed() -> None:
    missing = Tool("x", "no-such-program", "apt-get install x", "nothing", lambda job: [])
    assert not missing.is_installed()
