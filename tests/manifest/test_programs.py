"""The programs of a package in its manifest."""

from __future__ import annotations

import msgspec
import pytest

from dlcore.errors import ManifestError
from dlcore.manifest import check_programs, decode, encode, with_programs
from dlcore.manifest.programs import MAX_COMMAND_CHARACTERS, MAX_NAME_CHARACTERS, MAX_PROGRAMS
from dlcore.model import Manifest, Program
from tests.manifest.helpers import example

PROGRAMS = {"Uninstall": "setup.exe /u", "Install (x64)": 'msiexec /i "a b.msi" /qn'}


def stated(*programs: Program, schema: int = 3) -> Manifest:
    return msgspec.structs.replace(example(), schema=schema, stated_programs=programs)


def test_programs_stand_at_the_end_of_the_document_sorted_by_name() -> None:
    data = encode(with_programs(example(), PROGRAMS))
    assert data.startswith(b'{"schema":3,')
    assert data.decode().endswith(
        '"folders":["logs/none"],"programs":['
        '{"name":"Install (x64)","command":"msiexec /i \\"a b.msi\\" /qn"},'
        '{"name":"Uninstall","command":"setup.exe /u"}]}'
    )
    assert decode(data, source="test").programs == PROGRAMS


def test_a_package_without_programs_has_the_document_that_it_had() -> None:
    assert with_programs(example(), {}) == example()
    assert b"programs" not in encode(example())
    assert decode(encode(example()), source="test").programs == {}


def test_programs_at_the_limits_are_accepted() -> None:
    named = {f"{number:0{MAX_NAME_CHARACTERS}}": "x" for number in range(MAX_PROGRAMS)}
    longest = {**named, "0" * MAX_NAME_CHARACTERS: "x" * MAX_COMMAND_CHARACTERS}
    check_programs(longest)
    assert decode(encode(with_programs(example(), longest)), source="t").programs == longest


BAD: dict[str, tuple[Manifest, str]] = {
    "none in schema 3": (msgspec.structs.replace(example(), schema=3), "if its schema is 3"),
    "empty list in schema 3": (stated(), "if its schema is 3"),
    "empty list in schema 2": (stated(schema=2), "if its schema is 3"),
    "some in schema 2": (stated(Program("a", "b"), schema=2), "if its schema is 3"),
    "out of order": (stated(Program("b", "x"), Program("a", "x")), "'a' is repeated or out of"),
    "twice": (stated(Program("a", "x"), Program("a", "y")), "'a' is repeated or out of order"),
    "too many": (
        stated(*(Program(f"{n:03}", "x") for n in range(MAX_PROGRAMS + 1))),
        "programs: 101 are too many",
    ),
    **{
        what: (stated(program), f"its {kind} is not 1 to")
        for what, kind, program in (
            ("no name", "name", Program("", "x")),
            ("long name", "name", Program("n" * (MAX_NAME_CHARACTERS + 1), "x")),
            ("space", "name", Program("a ", "x")),
            ("terminal", "name", Program("a\x1b[2J", "x")),
            ("direction", "name", Program("a\u202eb", "x")),
            ("no command", "command line", Program("a", "")),
            ("two lines", "command line", Program("a", "x\ny")),
            ("long command", "command line", Program("a", "x" * (MAX_COMMAND_CHARACTERS + 1))),
        )
    },
}


@pytest.mark.parametrize(("manifest", "reason"), BAD.values(), ids=BAD)
def test_programs_that_break_a_rule_are_refused(manifest: Manifest, reason: str) -> None:
    """Fault M4: a manifest has hostile or too many programs. dlcore refuses it by name."""
    with pytest.raises(ManifestError) as caught:
        decode(msgspec.json.encode(manifest), source="https://dp/manifest")
    assert reason in caught.value.message
    assert "\x1b" not in caught.value.message


@pytest.mark.parametrize("programs", ['{"a":"b"}', '[{"name":"a"}]', "null", '[["a","b"]]'])
def test_other_forms_are_refused(programs: str) -> None:
    text = encode(with_programs(example(), PROGRAMS)).decode()
    changed = text[: text.index('"programs":')] + f'"programs":{programs}}}'
    with pytest.raises(ManifestError):
        decode(changed.encode(), source="test")


def test_a_reader_of_schema_2_names_the_schema() -> None:
    """Fault: a client is older than the manifest. dlcore names the schema, not a member."""
    text = encode(with_programs(example(), PROGRAMS)).decode()
    later = text.replace('"schema":3', '"schema":4').replace('"command"', '"command line"')
    with pytest.raises(ManifestError, match="schema 4 is not supported"):
        decode(later.encode(), source="test")
