"""Values in command lines are data: laws of the quoting for each reader of command lines."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dlcore.steps.commands.quoting import posix, powershell, windows
from dlcore.tasksequence import Variables
from tests.engine.crt import arguments_of

# What a shell, cmd.exe, PowerShell or a C runtime gives a meaning to.
SPECIAL = "\"'`$&|;<>()[]{}^%!*?~#=\\ \t\n,@-/" + "\u2018\u2019\u201c"
VALUES = st.text(
    st.one_of(st.sampled_from(SPECIAL), st.characters(codec="utf-8", exclude_characters="\0")),
    min_size=1,
    max_size=12,
)
ATTACKS = [
    '"; touch owned; "',
    "'; touch owned; '",
    "$(touch owned)",
    "`touch owned`",
    "& touch owned &",
    "\n touch owned\n",
    'a" & calc & "b',
    "\\",
    'x\\"',
]

# How an author may write a variable in a shell's line, and what the command must get.
SHELL_FORMS = {
    "%V%": "{}",
    '"%V%"': "{}",
    "'%V%'": "{}",
    "a%V%b": "a{}b",
    '"a b%V%c d"': "a b{}c d",
    "'a b%V%c d'": "a b{}c d",
    "C:\\\\%V%": "C:\\{}",
    '"C:\\%V%"': "C:\\{}",
    '"$%V%"': "${}",
    "%V%%V%": "{0}{0}",
    "\"'%V%'\"": "'{}'",
    "'\"%V%\"'": '"{}"',
    '"$(printf %s. "%V%")"': "{}.",
}
CRT_FORMS = {
    "%V%": "{}",
    '"%V%"': "{}",
    "/path:%V%": "/path:{}",
    'NAME="%V%"': "NAME={}",
    'NAME="a b%V%c d"': "NAME=a b{}c d",
    "C:\\%V%": "C:\\{}",
    "C:\\%V%\\d": "C:\\{}\\d",
    '"C:\\%V%\\d"': "C:\\{}\\d",
    "%V%%V%": "{0}{0}",
    '"%V%%V%"': "{0}{0}",
}


def shell_receives(line: str, value: str) -> bytes:
    """What ``printf`` gets of a line that a real shell runs."""
    quoted = posix.quote(Variables({"V": value}).parts(f"printf %s {line}"))
    assert value in quoted.environment.values()
    done = subprocess.run(  # this is what is tested
        ["/bin/sh", "-c", quoted.text], env=quoted.environment, capture_output=True, check=True
    )
    return done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="there is no shell")
@pytest.mark.parametrize("form", SHELL_FORMS)
@given(value=VALUES)
@settings(max_examples=15, deadline=None)
@example(value=ATTACKS[0])
@example(value=ATTACKS[1])
@example(value=ATTACKS[2])
@example(value=ATTACKS[3])
@example(value=ATTACKS[7])
def test_a_shell_passes_any_value_on_exactly(form: str, value: str) -> None:
    """Fault: a variable's value contains shell code. dlcore passes it to the command as data."""
    assert shell_receives(form, value) == SHELL_FORMS[form].format(value).encode()


@given(
    parts=st.lists(st.sampled_from(["%V%", "'", '"', "\\", "$", "(", ")", "`", "a ", "#", "\n"]))
)
@settings(deadline=None)
def test_no_line_lets_a_value_into_the_text_of_the_shell(parts: list[str]) -> None:
    line = "".join(parts)
    value = "\u2603value"
    assert value not in posix.quote(Variables({"V": value}).parts(line)).text


def test_an_empty_value_outside_of_quotes_adds_no_argument() -> None:
    parts = Variables({"V": ""}).parts('a %V% "%V%"')
    assert posix.quote(parts).text == 'a  ""'
    assert on_windows('a.exe %V% "%V%"', V="") == 'a.exe  ""'


def on_windows(line: str, *, found: str | None = None, **values: str) -> str:
    return windows.quote(line, Variables(values), {}, lambda name: found or name).text


@pytest.mark.parametrize("form", CRT_FORMS)
@given(value=VALUES)
@example(value="\\")
@example(value='\\"')
@example(value='a"b c\\\\')
@example(value='" calc "')
@settings(max_examples=100)
def test_a_windows_program_receives_any_value_exactly(form: str, value: str) -> None:
    """Fault: a variable's value ends its argument. dlcore quotes it for the C runtime."""
    line = on_windows(f"setup.exe /a {form} /z", V=value)
    assert arguments_of(line) == ["setup.exe", "/a", CRT_FORMS[form].format(value), "/z"]


@pytest.mark.parametrize(
    "line",
    [
        'msiexec /i x.msi NAME="a b"',
        '"C:\\Program Files\\x.exe"  /a',
        "cmd /c echo %date% >> a.txt",
        'x "a \\" b"',
        "",
    ],
)
def test_a_line_without_values_stays_as_it_is(line: str) -> None:
    assert on_windows(line, V="x") == line
    assert posix.quote(Variables().parts(line)).text == line


@pytest.mark.parametrize(
    ("line", "program"),
    [
        ('"%DIR%\\x.exe" /a', '"C:\\a b\\x.exe" /a'),
        ("%DIR%\\x.exe /a", '"C:\\a b\\x.exe" /a'),
        ("%DIR%", '"C:\\a b"'),
        ("  x.exe %DIR%", 'x.exe "C:\\a b"'),
    ],
)
def test_the_path_of_a_program_is_kept_together(line: str, program: str) -> None:
    assert on_windows(line, DIR="C:\\a b") == program


def test_a_program_cannot_be_ended_by_a_value() -> None:
    with pytest.raises(ValueError, match="not a part of a program's path"):
        on_windows('"%DIR%\\x.exe"', DIR='a" b')


@pytest.mark.parametrize("line", ['x "a"%V%', 'x %V%"a"', 'x "a"%V%"b"'])
def test_a_value_that_stands_next_to_a_mark_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="%V% stands next to a quotation mark"):
        on_windows(line, V="a b")
    assert on_windows(line, V="ab") == line.replace("%V%", "ab")


@pytest.mark.parametrize("value", ["a & b", "a|b", "a>b", "a^b", 'a"b', "%PATH%", "!x!", "a\nb"])
@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("cmd /c echo %V%", None),
        ('"C:\\Windows\\System32\\CMD.EXE" /c echo "%V%"', None),
        ("setup.bat %V%", None),
        ("setup %V%", "C:\\pkg\\Setup.CMD"),
        ("setup.cmd . %V%", "C:\\pkg\\Setup.CMD. "),
        ("powershell.exe -Command Write-Host '%V%'", None),
        ("pwsh -c %V%", None),
    ],
)
def test_a_value_that_an_interpreter_could_run_is_refused(
    line: str, found: str | None, value: str
) -> None:
    """Fault: cmd.exe would run a variable's value. dlcore refuses the step and names it."""
    with pytest.raises(ValueError, match="the value of %V% has a character that"):
        on_windows(line, found=found, V=value)


@pytest.mark.parametrize("value", ["PC-0042", "C:\\Program Files\\x", "a b", "é"])
@pytest.mark.parametrize("line", ["cmd /c echo %V%", "powershell -Command Write-Host %V%"])
def test_a_plain_value_may_go_to_an_interpreter(line: str, value: str) -> None:
    quoted = f'"{value}"' if " " in value else value
    assert on_windows(line, V=value) == line.replace("%V%", quoted)


def test_parentheses_are_refused_only_where_a_block_is_open() -> None:
    assert on_windows('cmd /c dir "%V%"', V="C:\\Program Files (x86)")
    with pytest.raises(ValueError, match=r"cmd\.exe could take for code"):
        on_windows("cmd /c if exist a (echo %V%)", V=") else calc (")


def test_a_powershell_script_file_may_get_any_value() -> None:
    line = on_windows('powershell.exe -ExecutionPolicy Bypass -File x.ps1 -Name "%V%"', V='a"; b')
    assert arguments_of(line)[-1] == 'a"; b'


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ('cmd /c ""x.exe" "%V%" y"', 'cmd /c ""x.exe" "a b" y"'),
        ('cmd.exe /d /C ""x.exe" /p:"c %V% d""', 'cmd.exe /d /C ""x.exe" /p:"c a b d""'),
        ('cmd /c ""x.exe" %V% "y""', 'cmd /c ""x.exe" "a b" "y""'),
        ('cmd /c dir "%V%"', 'cmd /c dir "a b"'),
        ('cmd /c "%V%"', 'cmd /c "a b"'),
    ],
)
def test_the_outer_marks_of_cmd_hold_no_value_together(line: str, text: str) -> None:
    assert on_windows(line, V="a b") == text


def test_names_of_the_environment_are_for_cmd_to_replace() -> None:
    environment = {"WINDIR": "C:\\Windows", "PATH": "C:\\a;C:\\b"}
    line = 'x.exe %windir%\\a "%PATH%" %V%'
    found = windows.quote(line, Variables({"V": "1"}), environment, str)
    assert found.text == 'x.exe C:\\Windows\\a "C:\\a;C:\\b" 1'
    found = windows.quote(f"cmd /c {line}", Variables({"V": "1"}), environment, str)
    assert found.text == 'cmd /c x.exe %windir%\\a "%PATH%" 1'


@pytest.mark.parametrize("quote", [posix.quote, powershell.quote])
def test_a_value_with_nul_is_refused(quote: object) -> None:
    assert callable(quote)
    with pytest.raises(ValueError, match="the value of %V% contains the character NUL"):
        quote(Variables({"V": "a\0b"}).parts("x %V%"))
    with pytest.raises(ValueError, match="contains the character NUL"):
        on_windows("x %V%", V="a\0b")


@given(parts=st.lists(st.sampled_from(["%V%", " ", "'", '"', "`", "$", "-A ", ",", "(", "\u2019"])))
def test_no_parameters_let_a_value_into_powershells_text(parts: list[str]) -> None:
    value = "; owned"
    try:
        quoted = powershell.quote(Variables({"V": value}).parts("".join(parts)))
    except ValueError:
        return
    assert "owned" not in quoted.text
    assert set(quoted.environment.values()) <= {value}


@pytest.mark.parametrize(
    ("parameters", "value", "text"),
    [
        ("-Name %V%", "me", "-Name me"),
        ("-Path %V%\\x", "C:\\a", "-Path C:\\a\\x"),
        ("-Name %V%", "a b", "-Name ${env:DLCORE_VALUE_1}"),
        ('-Name "%V%.txt" -B', "$x", '-Name "${env:DLCORE_VALUE_1}.txt" -B'),
        ("-Name %V%", "-Verbose", "-Name ${env:DLCORE_VALUE_1}"),
        ("-Name:%V%,%V%", ";", "-Name:${env:DLCORE_VALUE_1},${env:DLCORE_VALUE_2}"),
    ],
)
def test_powershell_gets_a_reference_unless_the_value_is_plain(
    parameters: str, value: str, text: str
) -> None:
    """Fault: a variable's value contains PowerShell code. dlcore passes it as data."""
    quoted = powershell.quote(Variables({"V": value}).parts(parameters))
    assert quoted.text == text
    assert all(own == value for own in quoted.environment.values())


@pytest.mark.parametrize(
    "parameters",
    ["'%V%'", "-P x\\%V%", "%V%.txt", '"`%V%"', "\u2018%V%\u2019", "`n 'a %V% b'"],
)
def test_parameters_without_room_for_a_reference_are_refused(parameters: str) -> None:
    with pytest.raises(ValueError, match='write it as "%V%"'):
        powershell.quote(Variables({"V": "; owned"}).parts(parameters))


def test_a_powershell_literal_doubles_every_kind_of_quotation_mark() -> None:
    assert powershell.literal("it's \u2019x") == "'it''s \u2019\u2019x'"


@pytest.mark.skipif(sys.platform == "win32", reason="there is no shell")
@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_creates_nothing(attack: str, tmp_path: Path) -> None:
    for form in SHELL_FORMS:
        quoted = posix.quote(Variables({"V": attack}).parts(f"true {form}"))
        subprocess.run(
            ["/bin/sh", "-c", quoted.text], env=quoted.environment, cwd=tmp_path, check=True
        )
    assert not list(tmp_path.iterdir())
