"""Commands that are used wrongly: what is wrong, where, and what to do; in one style."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from dlcore.cli.ending.usage_words import usage_in_words
from tests.cli.conftest import Site
from tests.cli.helpers import Here, refused

WRONG = [
    ("publish", 2, "the option --to is missing"),
    ("publish --to out", 2, "the argument FOLDER... is missing"),
    ("publish SITE --to out", 2, "the option --package-id is missing"),
    ("publish SITE SITE --package-id ABC00001 --to out", 2, "several go with --all"),
    ("publish SITE --all --to out", 2, "--all goes with --content-library"),
    ("publish SITE --package-id ABC00001 --shard 1/2 --to out", 2, "--shard goes with --all"),
    ("publish SITE --all --content-library --shard 3/2 --to out", 2, "'3/2' is not a shard"),
    ("publish --join 2 --all --to out", 2, "--join goes without --all"),
    (
        "publish SITE --all --content-library --version 2 --to out",
        2,
        "--all and --version exclude each other",
    ),
    ("fetch", 2, "the option -o / --output is missing"),
    ("completion", 2, "is missing: one of bash, zsh, fish, powershell"),
    ("list --jsno SITE", 2, "there is no option --jsno (did you mean --json?)"),
    ("fecth", 2, "there is no command 'fecth' (did you mean fetch?)"),
    ("trust inti", 2, "there is no command 'inti' (did you mean init?)"),
    ("config shwo", 2, "there is no command 'shwo' (did you mean show?)"),
    ("list SITE more", 2, "more arguments are given than the command takes: more"),
    ("fetch ABC00001 --json -o to --from", 2, "--from needs a value"),
    ("list SITE --earlier=x", 2, "--earlier takes no value"),
    ("serve SITE --port 99999", 2, "--port: 99999 is not from 0 to 65535"),
    ("serve SITE --port x", 2, "--port: 'x' is not a number"),
    ("prune SITE --keep 0", 2, "--keep: 0 is not 1 or more"),
    ("list SITE --log-format x", 2, "--log-format: 'x' is not one of"),
    ("fetch ABC00001 -o FILE --from SITE", 2, "FILE' is a file, not a folder"),
    ("fetch -i SITE -o to", 2, "SITE is a folder, not a file"),
    ("fetch ABC00001 -o to --from SITE --events-file SITE", 2, "SITE' is a folder, not a file"),
    ("plan SITE", 2, "SITE' is a folder, not a file"),
    ("report SITE", 2, "SITE is a folder, not a file"),
    ("publish SITE --package-id ABC00001 --to FILE", 2, "FILE is a file, not a folder"),
    ("prune FILE --keep 1", 2, "FILE is a file, not a folder"),
    ("report FILE", 3, "FILE: no line of it is an event of dlcore"),
    ("plan FILE", 3, "FILE: not well-formed XML"),
    ("plan missing.xml", 4, "missing.xml does not exist"),
    ("fetch A --catalog https://u:p@h/catalog.json", 2, "https://***@h/catalog.json is a URL"),
    ("fetch ABC00009 -o to --from SITE", 4, "package ABC00009 is not in the catalog"),
    ("tree SITE ABC00001 9", 4, "has no package ABC00001 version 9"),
]


@pytest.mark.parametrize(("line", "status", "message"), WRONG, ids=[line for line, _, _ in WRONG])
def test_what_is_wrong_is_named_with_its_place_and_a_remedy(
    here: Here,
    site: Site,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    line: str,
    status: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "file.txt"
    file.write_text("no XML", encoding="utf-8")
    places = {"SITE": str(site.published), "FILE": str(file)}
    words = [places.get(word, word) for word in line.split()]
    ended = here(*words) if "--json" in words else here(*words, "--json")
    fields = refused(ended, status, {2: "config", 4: "not-found"}.get(status, ended.error["code"]))
    for name, place in places.items():
        message = message.replace(name, place)
    assert message in str(fields["message"])
    assert not str(fields["message"]).endswith("."), "a message is no sentence"
    assert str(fields["remedy"]).endswith(".")


def test_a_configuration_file_that_is_a_folder_is_told(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLCORE_CONFIG", str(tmp_path))
    fields = refused(here("config", "show", "--json"), 2, "config")
    assert fields["message"] == f"the configuration file {tmp_path} is a folder"
    assert "DLCORE_CONFIG" in str(fields["remedy"])


def test_a_number_without_an_upper_bound_is_told_so() -> None:
    option = click.Option(["--n"], type=click.IntRange(min=3))
    context = click.Context(click.Command("x", params=[option]))
    with pytest.raises(click.BadParameter) as refusal:
        option.type_cast_value(context, "2")
    assert usage_in_words(refusal.value).endswith("2 is not 3 or more")


TOKENS = (
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_ad",
    "sv=2023-01-03&sr=c&sp=rl&sig=QWxhZGRpbjpvcGVuIHNlc2FtZQ%3D",
    "Zm9vYmFyZm9vYmFyZm9vYmFyMTIzNDU2Nzg5MGFiY2Q0aA==",
)


@pytest.mark.parametrize("token", TOKENS, ids=["JWT", "SAS", "base64"])
def test_a_token_in_the_wrong_place_is_not_repeated(here: Here, token: str) -> None:
    """Fault: a token is pasted where a file, a choice, a number or an id is expected. dlcore does
    not repeat it.
    """
    fetch = "fetch ABC00012 --from x -o out --"
    for line in (
        *(f"{fetch}{option} {token}" for option in ("config", "authentication", "connections")),
        *(f"{fetch}{option} {token}" for option in ("limit-rate", "catalog", "events")),
        *(f"{fetch}{token}", f"plan {token}", f"list {token}", f"help {token}", token),
        *(f"config show {token}", f"agent want {token}", f"report {token}"),
    ):
        ended = here(*line.split(), "--json")
        assert ended.status in (2, 4), line
        assert token[-12:] not in ended.out + ended.err, line
