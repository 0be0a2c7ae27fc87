"""How Microsoft's C runtime takes a command line apart.

Source: Microsoft Learn, "Parsing C command-line arguments".
"""

from __future__ import annotations


def arguments_of(line: str) -> list[str]:
    """The program, then the arguments, as ``main`` gets them."""
    program, rest = _program(line)
    return [program, *_arguments(rest)]


def _program(line: str) -> tuple[str, str]:
    """Quotes keep spaces together here, and backslashes escape nothing."""
    text, quoted, at = "", False, 0
    while at < len(line) and (quoted or line[at] not in " \t"):
        if line[at] == '"':
            quoted = not quoted
        else:
            text += line[at]
        at += 1
    return text, line[at:]


def _arguments(rest: str) -> list[str]:
    found: list[str] = []
    text, quoted, begun, at = "", False, False, 0
    while at < len(rest):
        run = len(rest[at:]) - len(rest[at:].lstrip("\\"))
        at += run
        is_mark = rest[at : at + 1] == '"'
        text += "\\" * (run // 2 if is_mark else run)
        begun = begun or run > 0
        if at == len(rest):
            break
        if is_mark and run % 2:
            text += '"'
        elif is_mark and quoted and rest[at + 1 : at + 2] == '"':
            text += '"'
            at += 1
        elif is_mark:
            quoted, begun = not quoted, True
        elif rest[at] in " \t" and not quoted:
            if begun:
                found.append(text)
            text, begun = "", False
            at += 1
            continue
        else:
            text += rest[at]
        begun = True
        at += 1
    return [*found, text] if begun else found
