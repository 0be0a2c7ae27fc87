"""Habits about whether what arrived is right."""

from __future__ import annotations

import random

from bench.habits.habit import Habit, Wrong
from bench.habits.place import Place
from bench.habits.proofs import ended_well, fetches, is_there, refused


def _checks_digest(place: Place, line: str) -> None:
    """Right with the digest of the file; refused with that of another one."""
    right = place.supplies.sha256("tool.zip")
    ended_well(place.shell.run(line))
    is_there(place, "tool.zip").unlink()
    for path in (path for path in place.work.iterdir() if path.is_file()):
        text = path.read_bytes()
        path.write_bytes(text.replace(right.encode(), b"0" * 64))
    ending = place.shell.run(line.replace("$SHA256", "$WRONG"))
    refused(ending, "the digest is that of another file")


def _verifies(place: Place, line: str) -> None:
    """Content with right files; an error when a bit of one has flipped, or it is right again."""
    for name in ("tool.zip", "other.zip", "notes.txt", "large.img"):
        (place.out / name).write_bytes(place.supplies.files[name])
    ended_well(place.shell.run(line))
    path = place.out / "tool.zip"
    damaged = bytearray(path.read_bytes())
    damaged[random.Random(3).randrange(len(damaged))] ^= 1
    path.write_bytes(damaged)
    ending = place.shell.run(line)
    if path.read_bytes() != place.supplies.files["tool.zip"]:
        refused(ending, "a bit has flipped")


def _by_link(place: Place, line: str) -> None:
    fetches("tool.zip")(place, line)
    if not place.web.asked("/tool.zip") + place.web.asked("/tool.zip.meta4"):
        raise Wrong("it was asked for elsewhere")


HABITS = (
    Habit(
        "A digest: right with the file's, refused with another",
        _checks_digest,
        {
            "dlcore": "dlcore fetch $SITE/tool.zip --sha256 $SHA256 -o $OUT",
            "aria2": "aria2c -q --checksum=sha-256=$SHA256 -d $OUT $SITE/tool.zip",
            "wget2": "cd $OUT && wget2 -q --force-metalink -i $WORK/tool.meta4",
            "rclone": "rclone copy -q --http-url $SITE :http:tool.zip $OUT"
            " && rclone checksum -q sha256 $WORK/tool.sha256 $OUT",
        },
    ),
)

OF_TWO = (
    Habit(
        "Digests of several files from a list",
        _checks_digest,
        {
            "dlcore": "dlcore fetch $SITE/tool.zip $SITE/other.zip"
            " --checksums $WORK/SHA256SUMS -o $OUT",
            "aria2": "aria2c -q -d $OUT -i $WORK/aria2.txt",
            "rclone": "rclone copy -q --http-url $SITE"
            " --include tool.zip --include other.zip :http: $OUT"
            " && rclone checksum -q --include '*.zip' sha256 $WORK/SHA256SUMS $OUT",
        },
    ),
    Habit(
        "A Metalink",
        fetches("tool.zip"),
        {
            "dlcore": "dlcore fetch $WORK/tool.meta4 -o $OUT",
            "aria2": "aria2c -q -d $OUT -M $WORK/tool.meta4",
            "wget2": "cd $OUT && wget2 -q --force-metalink -i $WORK/tool.meta4",
        },
    ),
    Habit(
        "A redirect to a mirror that breaks down; headers name a Metalink and others",
        _by_link,
        {
            "dlcore": "dlcore fetch $SITE/linked/tool.zip -o $OUT",
            "aria2": "aria2c -q -d $OUT $SITE/linked/tool.zip",
            "wget2": "cd $OUT && wget2 -q $SITE/linked/tool.zip",
        },
    ),
    Habit(
        "Local files verified against a list of digests",
        _verifies,
        {
            "dlcore": "dlcore fetch --checksums $SITE/SHA256SUMS -o $OUT",
            "aria2": "aria2c -q -V --auto-file-renaming=false -d $OUT -M $WORK/tool.meta4",
            "rclone": "rclone checksum -q sha256 $WORK/SHA256SUMS $OUT",
        },
    ),
)
