"""The Python examples of the README and the documents: they are typed, and they run."""

from __future__ import annotations

import asyncio
import importlib.util
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType

import pytest

import dlcore
from dlcore.cli.serve import client_config
from dlcore.emulator import Emulator, Settings
from tests.docs import blocks
from tests.docs.blocks import ROOT
from tests.engine.scene import make_tree, publish_packages, sequence, step, upgrade, when

PACKAGES = {"ABC00001": {"setup.exe": 300_000}, "ABC00012": {"driver.inf": 20, "b.sys": 9_000}}


EXAMPLES = [
    pytest.param(block.text, id=block.place)
    for document in blocks.DOCUMENTS
    for block in blocks.blocks_of(document)
    if block.language == "python" and not block.reason
]


@pytest.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Path]:
    """A folder with all that the examples name, and a gateway that serves it."""
    published = publish_packages(tmp_path, PACKAGES)
    make_tree(tmp_path / "tools", {"tool.exe": 5_000})
    document = sequence(
        upgrade("ABC00001"),
        step("Never", package="ABC00012", condition=when("X", "1")),
        step("Hello", CommandLine="echo hello"),
    )
    with zipfile.ZipFile(tmp_path / "upgrade.zip", "w") as archive:
        archive.writestr("SMS_TaskSequencePackage/ABC00100/upgrade.xml", document)
    settings = Settings()
    async with Emulator(published, settings, state=tmp_path / "gateway") as emulator:
        config = client_config(emulator, settings)
        (tmp_path / "deployment.toml").write_text(config, encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        yield tmp_path


def texts(page: str, language: str) -> list[str]:
    return [each.text for each in blocks.blocks_of(ROOT / page) if each.language == language]


def module_of(example: str, folder: Path) -> ModuleType:
    path = folder / "example.py"
    path.write_text(example, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("example", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("example", EXAMPLES)
async def test_an_example_runs(
    example: str, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main = module_of(example, site).main
    if asyncio.iscoroutinefunction(main):
        await main()
    else:
        await asyncio.to_thread(main)
    assert capsys.readouterr().out


async def test_the_loop_of_the_readme_runs_what_runs_and_fetches_nothing_else(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = texts("README.md", "python")
    await module_of(example, site).main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line.startswith(("Upgrade", "Hello"))] == [
        "Upgrade",
        "Hello",
    ]
    assert any(line.startswith("StepSkipped") and "Never" in line for line in lines)
    assert {path.name[:8] for path in (site / "state" / "packages").iterdir()} == {"ABC00001"}


def test_examples_are_typed(tmp_path: Path) -> None:
    api = pytest.importorskip("mypy.api")
    names = []
    for number, parameter in enumerate(EXAMPLES):
        names.append(str(tmp_path / f"example_{number}.py"))
        Path(names[-1]).write_text(str(parameter.values[0]), encoding="utf-8")
    cache = ROOT / ".mypy_cache"
    out, err, status = api.run(
        ["--config-file", "", "--strict", "--cache-dir", str(cache / "examples"), *names]
    )
    assert (status, err) == (0, ""), out


def test_the_reference_list_tells_the_package_of_the_vendors_step(tmp_path: Path) -> None:
    (document,) = texts("docs/executors.md", "xml")
    (tmp_path / "sequence.xml").write_text(document, encoding="utf-8")
    assert dlcore.plan(dlcore.load_sequence(tmp_path / "sequence.xml")).packages == ("ABC00012",)
