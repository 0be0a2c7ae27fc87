"""Which sequence of a file runs, in which encodings files are read, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cases.client import Client, client_with, needs_of
from tests.cases.test_what_a_step_needs import command, download
from tests.cli.helpers import dlcore
from tests.tasksequence.documents import cim, export_zip, sequence, subsequence, zipped

TWO = {
    "first.xml": sequence(command("echo first > %Trace%")),
    "second.xml": sequence(command("echo second > %Trace%")),
}


@pytest.mark.parametrize(("which", "ran"), [("1", "first"), ("2", "second")])
def test_sequences_without_ids_are_chosen_by_number(client: Client, which: str, ran: str) -> None:
    ended = client.run(zipped(TWO), "--sequence", which)
    assert ended.status == 0, ended.err
    assert client.traced() == [ran]


@pytest.mark.parametrize("which", ["ABC00102", "Pilot ring", "pilot ring", "2"])
def test_a_sequence_is_chosen_by_id_name_or_number(client: Client, which: str) -> None:
    export = zipped(
        {
            "SMS_TaskSequencePackage/ABC00101/object.xml": cim(
                TWO["first.xml"], "ABC00101", "Production"
            ),
            "SMS_TaskSequencePackage/ABC00102/object.xml": cim(
                TWO["second.xml"], "ABC00102", "Pilot ring"
            ),
        }
    )
    ended = client.run(export, "--sequence", which)
    assert ended.status == 0, ended.err
    assert client.traced() == ["second"]


def test_a_choice_that_is_left_open_lists_what_there_is(client: Client) -> None:
    """Fault: a file has two sequences without ids. dlcore asks for a number, and for no id."""
    ended = client.plan(zipped(TWO))
    assert ended.status == 3
    assert "--sequence 1" in ended.err
    assert "package id" not in ended.err


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_sequence_in_the_encodings_of_windows(client: Client, encoding: str) -> None:
    text = sequence(command("echo ran > %Trace%", package="ABC00001"))
    assert client.run(text.encode(encoding)).status == 0
    assert client.traced() == ["ran"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_settings_in_the_encodings_of_windows(client: Client, encoding: str) -> None:
    text = client.config.read_text(encoding="utf-8")
    client.config.write_bytes(text.encode(encoding))
    ended = client.run(sequence(command("echo ran > %Trace%")))
    assert ended.status == 0, ended.err
    assert client.traced() == ["ran"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_variables_in_the_encodings_of_powershell(client: Client, encoding: str) -> None:
    data = "Ring=Pilot\r\n".encode(encoding)
    octal = "".join(f"\\{byte:03o}" for byte in data)
    text = sequence(
        command(f"printf '{octal}' > $DLCORE_VARIABLES", "choose"),
        command("echo %Ring% > %Trace%"),
    )
    ended = client.run(text)
    assert ended.status == 0, ended.err
    assert client.traced() == ["Pilot"]


def test_all_that_is_wrong_with_the_settings_is_told_at_once(client: Client) -> None:
    """Fault: several settings cannot be used. dlcore names all of them in one message."""
    client.config.write_text(
        "[client]\non_internet = 'no'\n[catalog]\npath = 'catalog.json'\n"
        "[transfer]\nconnections = 0\n[conditions]\nundecided = 'guess'\n"
        "[[endpoint]]\nname = 'folder'\nkind = 'folder'\n",
        encoding="utf-8",
    )
    ended = client.plan(sequence(command("true")))
    assert ended.status == 2
    for wrong in ("on_internet", "connections", "undecided", "kind"):
        assert wrong in ended.err


@pytest.mark.parametrize("package", ["XY100ABC", "00100ABC", "P01FFFFF"])
def test_publisher_and_reader_take_the_same_ids(tmp_path: Path, package: str) -> None:
    (tmp_path / "content").mkdir()
    (tmp_path / "content" / "file.txt").write_text(package)
    site = tmp_path / "site"
    options = ("--package-id", package, "--version", "1", "--to", site)
    assert dlcore("publish", tmp_path / "content", *options).status == 0
    client = client_with(site, tmp_path)
    text = sequence(download(package), command("ls %D01% > %Trace%"))
    assert needs_of(client.plan(text))["download"] == [package]
    assert client.run(text).status == 0
    assert client.traced() == ["file.txt"]


@pytest.mark.parametrize("package", ["ABC0000G", "ABC0001", "AB-00001", "ABC000012"])
def test_publisher_and_reader_refuse_the_same_ids(client: Client, package: str) -> None:
    site = client.folder / "site"
    refused = dlcore("publish", client.state.parent, "--package-id", package, "--to", site)
    assert refused.status == 2
    ended = client.run(sequence(download(package)))
    assert ended.status == 15
    assert package in ended.err


def test_a_child_that_is_there_twice_is_refused(client: Client) -> None:
    text = cim(sequence(command("true")), "ABC00101")
    twice = zipped({"a/object.xml": text, "b/object.xml": text})
    ended = client.plan(twice, "--sequence", "ABC00101")
    assert ended.status == 3
    assert "twice" in ended.err


def test_sequences_that_run_each_other_in_a_circle_are_refused(client: Client) -> None:
    circle = export_zip(
        {
            "ABC00101": sequence(subsequence("ABC00102", "down")),
            "ABC00102": sequence(subsequence("ABC00101", "up")),
        }
    )
    ended = client.plan(circle, "--sequence", "ABC00101")
    assert ended.status == 3
    assert "circle" in ended.err
