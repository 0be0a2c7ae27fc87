"""Habits about what is fetched, how it is called, and what is there already."""

from __future__ import annotations

from bench.habits.habit import Habit, Wrong
from bench.habits.place import Place
from bench.habits.proofs import ended_well, fetches, fetches_as, is_empty, is_there, refused
from bench.web import MODIFIED_S

_MINE = b"a file of the user's own\n"


def _to_stdout(place: Place, line: str) -> None:
    ending = place.shell.run(line)
    ended_well(ending)
    if ending.stdout != place.supplies.files["tool.zip"]:
        raise Wrong("standard output has other bytes")


def _keeps_time(place: Place, line: str) -> None:
    ended_well(place.shell.run(line))
    if int(is_there(place, "tool.zip").stat().st_mtime) != MODIFIED_S:
        raise Wrong("the file has another time than at the server")


def _continues(place: Place, line: str) -> None:
    length = len(place.supplies.files["large.img"])
    place.shell.run(line, interrupt_when=lambda: place.web.sent_bytes > length // 2)
    if place.web.sent_bytes < length // 2:
        raise Wrong("nothing was asked for")
    ended_well(place.shell.run(line))
    is_there(place, "large.img")
    again = place.web.sent_bytes - length
    if again > length // 4:
        raise Wrong(f"{again / length:.0%} was fetched again")


def _leaves_what_is_right(place: Place, line: str) -> None:
    ended_well(place.shell.run(line))
    first, before = is_there(place, "tool.zip"), place.web.sent_bytes
    written = first.stat().st_mtime_ns
    ended_well(place.shell.run(line))
    if is_there(place, "tool.zip").stat().st_mtime_ns != written:
        raise Wrong("the file was written again")
    if place.web.sent_bytes - before > len(place.supplies.files["tool.zip"]) // 10:
        raise Wrong("the file was fetched again")


def _spares_mine(place: Place, line: str) -> None:
    mine = place.out / "tool.zip"
    mine.write_bytes(_MINE)
    place.shell.run(line)
    is_there(place, "other.zip")
    if not mine.is_file() or mine.read_bytes() != _MINE:
        raise Wrong("the user's file is gone")


def _only_tells(place: Place, line: str) -> None:
    ended_well(place.shell.run(line))
    is_empty(place.out)
    if place.web.sent_bytes > len(place.supplies.files["tool.zip"]) // 2:
        raise Wrong("the file was fetched")
    ending = place.shell.run(line.replace("tool.zip", "lost.zip"))
    refused(ending, "the server does not have the file")
    is_empty(place.out)


HABITS = (
    Habit(
        "Several URLs in one call",
        fetches("tool.zip", "other.zip"),
        {
            "dlcore": "dlcore fetch $SITE/tool.zip $SITE/other.zip"
            " --checksums $SITE/SHA256SUMS -o $OUT",
            "curl": "curl -sSf --output-dir $OUT --remote-name-all $SITE/tool.zip $SITE/other.zip",
            "aria2": "aria2c -q -Z -d $OUT $SITE/tool.zip $SITE/other.zip",
            "wget2": "wget2 -q -P $OUT $SITE/tool.zip $SITE/other.zip",
            "rclone": "rclone copy -q --http-url $SITE"
            " --include tool.zip --include other.zip :http: $OUT",
        },
    ),
    Habit(
        "URLs from a file",
        fetches("tool.zip", "other.zip"),
        {
            "dlcore": "dlcore fetch -i $WORK/digests.txt -o $OUT",
            "curl": "curl -sSf --output-dir $OUT --remote-name-all -K $WORK/curl.txt",
            "aria2": "aria2c -q -d $OUT -i $WORK/urls.txt",
            "wget2": "wget2 -q -P $OUT -i $WORK/urls.txt",
            "rclone": "rclone copy -q --http-url $SITE"
            " --files-from-raw $WORK/names.txt :http: $OUT",
        },
    ),
    Habit(
        "URLs from standard input",
        fetches("tool.zip", "other.zip"),
        {
            "dlcore": "dlcore fetch -i - -o $OUT < $WORK/digests.txt",
            "curl": "curl -sSf --output-dir $OUT --remote-name-all -K - < $WORK/curl.txt",
            "aria2": "aria2c -q -d $OUT -i - < $WORK/urls.txt",
            "wget2": "wget2 -q -P $OUT -i /dev/stdin < $WORK/urls.txt",
            "rclone": "rclone copy -q --http-url $SITE"
            " --files-from-raw - :http: $OUT < $WORK/names.txt",
        },
    ),
    Habit(
        "A file name of one's own",
        fetches_as("mine.zip"),
        {
            "dlcore": "dlcore fetch $SITE/tool.zip --sha256 $SHA256 -o $OUT --name mine.zip",
            "curl": "curl -sSf -o $OUT/mine.zip $SITE/tool.zip",
            "aria2": "aria2c -q -d $OUT -o mine.zip $SITE/tool.zip",
            "wget2": "wget2 -q -O $OUT/mine.zip $SITE/tool.zip",
            "rclone": "rclone copyurl -q $SITE/tool.zip $OUT/mine.zip",
        },
    ),
    Habit(
        "Into a folder that is made",
        fetches_as("new/folder/tool.zip"),
        {
            "dlcore": "dlcore fetch $SITE/tool.zip --sha256 $SHA256 -o $OUT/new/folder",
            "curl": "curl -sSfO --create-dirs --output-dir $OUT/new/folder $SITE/tool.zip",
            "aria2": "aria2c -q -d $OUT/new/folder $SITE/tool.zip",
            "wget2": "wget2 -q -P $OUT/new/folder $SITE/tool.zip",
            "rclone": "rclone copyurl -q -a $SITE/tool.zip $OUT/new/folder",
        },
    ),
    Habit(
        "The name that the server states (Content-Disposition)",
        fetches_as("tool.zip"),
        {
            "dlcore": "dlcore fetch $SITE/download?id=7 --sha256 $SHA256 -o $OUT",
            "curl": "curl -sSfOJ --output-dir $OUT $SITE/download?id=7",
            "aria2": "aria2c -q -d $OUT $SITE/download?id=7",
            "wget2": "cd $OUT && wget2 -q --content-disposition $SITE/download?id=7",
            "rclone": "rclone copyurl -q -a --header-filename $SITE/download?id=7 $OUT",
        },
    ),
    Habit(
        "To standard output",
        _to_stdout,
        {
            "dlcore": "dlcore fetch $SITE/tool.zip --sha256 $SHA256 -o -",
            "curl": "curl -sSf $SITE/tool.zip",
            "wget2": "wget2 -q -O - $SITE/tool.zip",
            "rclone": "rclone cat --http-url $SITE :http:tool.zip",
        },
    ),
    Habit(
        "With the time that the file has at the server",
        _keeps_time,
        {
            "dlcore": "dlcore fetch -R $SITE/tool.zip --sha256 $SHA256 -o $OUT",
            "curl": "curl -sSfRO --output-dir $OUT $SITE/tool.zip",
            "aria2": "aria2c -q -R -d $OUT $SITE/tool.zip",
            "wget2": "wget2 -q -P $OUT $SITE/tool.zip",
            "rclone": "rclone copy -q --http-url $SITE :http:tool.zip $OUT",
        },
    ),
    Habit(
        "Ctrl-C, and the same command goes on",
        _continues,
        {
            "dlcore": "dlcore fetch $SITE/large/large.img --sha256 $LARGE -o $OUT -q",
            "curl": "curl -sSfO -C - --output-dir $OUT $SITE/large/large.img",
            "aria2": "aria2c -q -c -d $OUT $SITE/large/large.img",
            "wget2": "wget2 -q -c -P $OUT $SITE/large/large.img",
            "rclone": "rclone copy -q --http-url $SITE/large :http:large.img $OUT",
        },
        is_slow=True,
    ),
    Habit(
        "What is there and unchanged is not fetched again",
        _leaves_what_is_right,
        {
            "dlcore": "dlcore fetch $SITE/tool.zip --sha256 $SHA256 -o $OUT",
            "curl": "curl -sSfRO -z $OUT/tool.zip --output-dir $OUT $SITE/tool.zip",
            "aria2": "aria2c -q -R --conditional-get --allow-overwrite -d $OUT $SITE/tool.zip",
            "wget2": "wget2 -q -N -P $OUT $SITE/tool.zip",
            "rclone": "rclone copy -q --http-url $SITE :http:tool.zip $OUT",
        },
    ),
    Habit(
        "A file of the user's own is not overwritten, and the rest is fetched",
        _spares_mine,
        {
            "dlcore": "dlcore fetch $SITE/tool.zip $SITE/other.zip"
            " --checksums $SITE/SHA256SUMS -o $OUT",
            "curl": "curl -sSf --no-clobber --output-dir $OUT --remote-name-all"
            " $SITE/tool.zip $SITE/other.zip",
            "aria2": "aria2c -q -Z -d $OUT $SITE/tool.zip $SITE/other.zip",
            "wget2": "wget2 -q -nc -P $OUT $SITE/tool.zip $SITE/other.zip",
            "rclone": "rclone copy -q --ignore-existing --http-url $SITE"
            " --include '*.zip' :http: $OUT",
        },
    ),
    Habit(
        "A dry run: it writes nothing, and fails if the file is not at the server",
        _only_tells,
        {
            "dlcore": "dlcore fetch --dry-run $SITE/tool.zip --sha256 $SHA256 -o $OUT",
            "curl": "curl -sSfI $SITE/tool.zip",
            "aria2": "aria2c -q --dry-run -d $OUT $SITE/tool.zip",
            "wget2": "wget2 -q --spider -P $OUT $SITE/tool.zip",
            "rclone": "rclone copy -q --dry-run --http-url $SITE :http:tool.zip $OUT",
        },
    ),
)
