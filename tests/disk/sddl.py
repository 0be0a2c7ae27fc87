"""Security descriptors in Windows' own words, made into the bytes that Windows returns.

Windows shows them so (``icacls /save``, ``(Get-Acl PATH).Sddl``), and on Windows a test compares
what is made here with what Windows makes.

Source: learn.microsoft.com/en-us/windows/win32/secauthz/security-descriptor-string-format
"""

from __future__ import annotations

import re
import struct

SIDS = {
    "AC": "S-1-15-2-1",  # all apps
    "AU": "S-1-5-11",  # authenticated users
    "BA": "S-1-5-32-544",  # administrators
    "BU": "S-1-5-32-545",  # users
    "CO": "S-1-3-0",  # creator owner
    "IU": "S-1-5-4",  # interactive users
    "OW": "S-1-3-4",  # owner rights
    "SY": "S-1-5-18",  # the system
    "WD": "S-1-1-0",  # everyone
}
KINDS = {"A": 0, "D": 1, "XA": 9}
FLAGS = {"OI": 1, "CI": 2, "NP": 4, "IO": 8, "ID": 16}
RIGHTS = {"FA": 0x1F01FF, "FR": 0x120089, "FW": 0x120116, "FX": 0x1200A0}
RIGHTS |= {"GA": 0x10000000, "GX": 0x20000000, "GW": 0x40000000, "GR": 0x80000000}
RIGHTS |= {"CC": 1, "DC": 2, "LC": 4, "SW": 8, "RP": 0x10, "WP": 0x20, "DT": 0x40, "LO": 0x80}
RIGHTS |= {"CR": 0x100, "SD": 0x10000, "RC": 0x20000, "WD": 0x40000, "WO": 0x80000}
CONTROL = {"": 0, "P": 0x1000, "AI": 0x0400, "PAI": 0x1400}
_WHOLE = re.compile(r"O:(.*?)(?:G:.*?)?(?:D:(P?(?:AI)?)(NO_ACCESS_CONTROL)?((?:\(.*?\))*))?")


def encode(text: str) -> bytes:
    """Make a self-relative security descriptor, with an owner and an access list."""
    match = _WHOLE.fullmatch(text)
    assert match, text
    owner, flags, is_null, entries = match.groups()
    has_list = flags is not None
    control = 0x8000 | CONTROL[flags or ""] | (4 if has_list else 0)
    parts = [encode_entry(each) for each in re.findall(r"\((.*?)\)", entries or "")]
    body = b"".join(parts)
    acl = struct.pack("<BBHHH", 2, 0, 8 + len(body), len(parts), 0) + body
    acl = acl if has_list and not is_null else b""
    sid = encode_sid(owner)
    places = (20 + len(acl), 0, 0, 20 if acl else 0)
    return struct.pack("<BBHIIII", 1, 0, control, *places) + acl + sid


def encode_entry(text: str) -> bytes:
    """Make an entry of an access list, such as ``A;OICI;FA;;;SY``."""
    kind, flags, rights, _, _, sid = text.split(";")
    mask = int(rights, 16) if rights.startswith("0x") else _sum(RIGHTS, rights)
    body = struct.pack("<I", mask) + encode_sid(sid)
    return struct.pack("<BBH", KINDS[kind], _sum(FLAGS, flags), 4 + len(body)) + body


def encode_sid(text: str) -> bytes:
    """Make a SID of its text, or of Windows' two letters for it."""
    _, revision, authority, *numbers = SIDS.get(text, text).split("-")
    head = bytes([int(revision), len(numbers)]) + int(authority).to_bytes(6, "big")
    return head + struct.pack(f"<{len(numbers)}I", *map(int, numbers))


def _sum(words: dict[str, int], text: str) -> int:
    return sum(words[text[at : at + 2]] for at in range(0, len(text), 2))
