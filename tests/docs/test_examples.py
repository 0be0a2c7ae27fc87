"""Every example of the documents is run, parsed, or says why it is not."""

from __future__ import annotations

import json
import tomllib
from contextlib import ExitStack
from pathlib import Path

import defusedxml.ElementTree
import pytest

import dlcore
from dlcore.deployment import parse_deployment
from tests.docs import blocks, transcript, usage
from tests.docs.blocks import Block
from tests.docs.terminal import Home, Terminal

BLOCKS = [block for document in blocks.DOCUMENTS for block in blocks.blocks_of(document)]
TYPED = {"console", "sh", blocks.HIDDEN}
"""What is typed into a terminal."""
PARSED = {"toml", "xml", "json"}
PYTHON = "python"  # `test_python.py` runs it
PAGES = dict.fromkeys(
    block.page for block in BLOCKS if block.language in TYPED and not block.reason
)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.place)
def test_a_block_is_an_example_or_says_why_not(block: Block) -> None:
    if block.language not in {*TYPED, *PARSED, PYTHON}:
        assert block.reason or block.file_name, f"{block.place}: what language, or why not run?"


@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if block.language in TYPED], ids=lambda block: block.place
)
def test_the_commands_and_options_of_an_example_exist(block: Block) -> None:
    script = block.text
    if block.language == "console":
        script = "\n".join(each.command for each in transcript.exchanges_of(script))
    assert not usage.refused(script)


@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if block.language in PARSED], ids=lambda block: block.place
)
def test_a_document_in_an_example_can_be_read(block: Block, tmp_path: Path) -> None:
    match block.language:
        case "toml":
            written = tomllib.loads(block.text)
            if "catalog" in written:
                assert parse_deployment(block.text.encode(), tmp_path / "deployment.toml").endpoints
        case "json":
            json.loads(block.text)
        case "xml":
            root = defusedxml.ElementTree.fromstring(block.text)
            if root.tag == "sequence":
                (tmp_path / "sequence.xml").write_text(block.text, "utf-8")
                assert dlcore.plan(dlcore.load_sequence(tmp_path / "sequence.xml")).steps


@pytest.mark.posix_only(reason="the commands of the documents are typed into bash")
@pytest.mark.timeout(300)  # some pages have twenty commands, and machines can be busy
@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_print_what_it_says(page: str, tmp_path: Path) -> None:
    home = Home(tmp_path)
    with ExitStack() as terminals:
        first = terminals.enter_context(Terminal(home))
        for block in BLOCKS:
            if block.page != page or block.reason:
                continue
            if block.file_name:
                path = home.path / block.file_name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(home.enter(block.text), "utf-8")
            elif block.language == "console" and block.title == blocks.SECOND_TERMINAL:
                _start(terminals.enter_context(Terminal(home)), block)
            elif block.language == "console":
                _run(first, block)
            elif block.language in TYPED:
                printed, status = first.run(f"( set -e; {block.text}\n)")
                assert status == 0, f"{block.place} ended with {status}:\n{printed}"


def _run(terminal: Terminal, block: Block) -> None:
    exchanges = transcript.exchanges_of(block.text)
    for exchange, following in zip(exchanges, [*exchanges[1:], None], strict=True):
        printed, status = terminal.run(exchange.command)
        _compare(block, exchange, printed)
        is_told = following is not None and following.command == "echo $?"
        assert status == 0 or is_told, f"{block.place}: {exchange.command} ended with {status}"


def _start(terminal: Terminal, block: Block) -> None:
    *before, last = transcript.exchanges_of(block.text)
    for exchange in before:
        _compare(block, exchange, terminal.run(exchange.command)[0])
    printed = terminal.start(last.command, lambda text: transcript.matches(last.expected, text))
    _compare(block, last, printed)


def _compare(block: Block, exchange: transcript.Exchange, printed: str) -> None:
    if not transcript.matches(exchange.expected, printed):
        said = [
            f"{block.place}: $ {exchange.command}",
            "",
            "The document says:",
            *exchange.expected,
        ]
        pytest.fail("\n".join([*said, "", "Printed was:", printed]), pytrace=False)
