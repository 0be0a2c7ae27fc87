"""Habits of who watches a download, or lets a program do it."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from typing import Any

from bench.habits.habit import Habit, Wrong
from bench.habits.place import Place
from bench.habits.proofs import ended_well, fetches, is_there
from bench.rivals.supplies import PACKAGE


def _quiet_with_log(place: Place, line: str) -> None:
    ending = place.shell.run(line)
    ended_well(ending)
    is_there(place, "tool.zip")
    if ending.stdout or ending.stderr:
        raise Wrong("it was not quiet")
    log = place.work / "log"
    if not log.is_file() or not log.stat().st_size:
        raise Wrong("there is no log")


def _tells_programs(place: Place, line: str) -> None:
    ending = place.shell.run(line)
    ended_well(ending)
    length = is_there(place, "tool.zip").stat().st_size
    stated = place.work / "stats.csv"
    texts = [ending.stdout.decode(), ending.stderr.decode()]
    texts += [stated.read_text(encoding="utf-8")] if stated.is_file() else []
    if length not in {number for text in texts for number in _numbers(text)}:
        raise Wrong("neither JSON nor CSV says how long the file is")


def _numbers(text: str) -> Iterator[int]:
    """All numbers of a text of JSON documents or of CSV."""
    for part in (text, *text.splitlines()):
        try:
            yield from _leaves(json.loads(part))
        except ValueError:
            continue
    for row in csv.reader(text.splitlines()):
        if len(row) > 1:
            yield from (int(cell) for cell in row if cell.strip().isdigit())


def _leaves(value: Any) -> Iterator[int]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for member in value:
            yield from _leaves(member)
    elif isinstance(value, int):
        yield value
    elif isinstance(value, str) and value.isdigit():
        yield int(value)


def _shows_progress(place: Place, line: str) -> None:
    ending = place.shell.on_terminal(line)
    ended_well(ending)
    is_there(place, "large.img")
    shares = {int(float(share)) for share in re.findall(rb"(\d{1,3}(?:\.\d+)?)\s?%", ending.stdout)}
    for part, whole in re.findall(rb"([\d.]+)(?: MiB)? of ([\d.]+) MiB", ending.stdout):
        shares.add(int(100 * float(part) / float(whole)))
    if len(shares - {0, 100}) < _SHARES:
        raise Wrong("it did not show the share that had arrived")


def _chooses(place: Place, line: str) -> None:
    ended_well(place.shell.run(line))
    is_there(place, "tool.zip")
    if any(place.out.rglob("notes.txt")) or any(place.out.rglob("large.img")):
        raise Wrong("files came that the pattern leaves out")


def _completes(place: Place, line: str) -> None:
    ending = place.shell.run(line)
    ended_well(ending)
    if not re.search(rb"\bcomplete [^\n]*\b(dlcore|aria2c|rclone)\b|#compdef curl", ending.stdout):
        raise Wrong("the shell is told nothing about the program")


def _tells_meanwhile(place: Place, line: str) -> None:
    ending = place.shell.run(line)
    ended_well(ending)
    length = is_there(place, "tool.zip").stat().st_size
    told = {int(number) for number in re.findall(_AMOUNT, ending.stdout.decode())}
    if not any(0 < number < length for number in told):
        raise Wrong("it did not say how much was there")


_TELL_ACTIVE = '{"jsonrpc":"2.0","id":"1","method":"aria2.tellActive"}'
_TELL_STOPPED = '{"jsonrpc":"2.0","id":"1","method":"aria2.tellStopped","params":[0,9]}'
_END = '{"jsonrpc":"2.0","id":"2","method":"aria2.shutdown"}'
_AMOUNT = r'(?:bytes|Length)\w*"?\s*:\s*"?(\d+)'  # a member of JSON that tells how much
_SHARES = 3  # that a bar must show meanwhile

HABITS = (
    Habit(
        "Quiet, with a log in a file",
        _quiet_with_log,
        {
            "dlcore": "dlcore fetch -q --log-file $WORK/log"
            " $SITE/tool.zip --sha256 $SHA256 -o $OUT",
            "curl": "curl -sSfO -v --stderr $WORK/log --output-dir $OUT $SITE/tool.zip",
            "aria2": "aria2c -q -l $WORK/log -d $OUT $SITE/tool.zip",
            "wget2": "wget2 -o $WORK/log -P $OUT $SITE/tool.zip",
            "rclone": "rclone copy -v --log-file $WORK/log --http-url $SITE :http:tool.zip $OUT",
        },
    ),
    Habit(
        "A result for programs (JSON or CSV)",
        _tells_programs,
        {
            "dlcore": "dlcore fetch --json $SITE/tool.zip --sha256 $SHA256 -o $OUT",
            "curl": "curl -sSfO -w '%{json}' --output-dir $OUT $SITE/tool.zip",
            "aria2": "aria2c -q --enable-rpc --rpc-listen-port=$PORT"
            " -d $OUT $SITE/tool.zip & sleep 1;"
            f" curl -sS -d '{_TELL_STOPPED}' http://127.0.0.1:$PORT/jsonrpc;"
            f" curl -sS -o $WORK/end -d '{_END}' http://127.0.0.1:$PORT/jsonrpc; wait",
            "wget2": "wget2 -q --stats-site=csv:$WORK/stats.csv -P $OUT $SITE/tool.zip",
            "rclone": "rclone copy -v --use-json-log --http-url $SITE :http:tool.zip $OUT",
        },
    ),
    Habit(
        "Options from a configuration file",
        fetches("tool.zip"),
        {
            "dlcore": "printf '[fetch]\\nca-file = \"%s\"\\n' $CA > $WORK/config.toml;"
            " DLCORE_CONFIG=$WORK/config.toml"
            " dlcore fetch $SECURE/tool.zip --sha256 $SHA256 -o $OUT",
            "curl": "echo cacert=$CA > $WORK/.curlrc;"
            " curl -sSfO --output-dir $OUT $SECURE/tool.zip",
            "aria2": "mkdir $WORK/.aria2; echo ca-certificate=$CA > $WORK/.aria2/aria2.conf;"
            " aria2c -q -d $OUT $SECURE/tool.zip",
            "wget2": "echo ca-certificate=$CA > $WORK/.wget2rc; wget2 -q -P $OUT $SECURE/tool.zip",
            "rclone": "printf '[site]\\ntype = http\\nurl = %s\\n' $SITE > $WORK/.rclone.conf;"
            " rclone copy -q site:tool.zip $OUT",
        },
    ),
    Habit(
        "Progress on a terminal",
        _shows_progress,
        {
            "dlcore": "dlcore fetch $SITE/narrow/large.img --sha256 $LARGE -o $OUT",
            "curl": "curl -#fO --output-dir $OUT $SITE/narrow/large.img",
            "aria2": "aria2c -d $OUT $SITE/narrow/large.img",
            "wget2": "wget2 --progress=bar -P $OUT $SITE/narrow/large.img",
            "rclone": "rclone copy -P --http-url $SITE/narrow :http:large.img $OUT",
        },
        is_slow=True,
    ),
    Habit(
        "Only the files of a pattern",
        _chooses,
        {
            "dlcore": f"dlcore fetch {PACKAGE} --from $SITE/site --include '*.zip' -o $OUT/new",
            "aria2": "aria2c -q -d $OUT --select-file=1 -M $WORK/both.meta4",
            "wget2": "wget2 -q -r -A '*.zip' -P $OUT $SITE/",
            "rclone": "rclone copy -q --http-url $SITE --include '*.zip' :http: $OUT",
        },
    ),
    Habit(
        "Completion in the shell",
        _completes,
        {
            "dlcore": "dlcore completion bash",
            "curl": "cat /usr/share/zsh/vendor-completions/_curl",
            "aria2": "zcat /usr/share/doc/aria2/bash_completion/aria2c.gz",
            "rclone": "rclone completion bash",
        },
    ),
)

OF_TWO = (
    Habit(
        "Another program asks how far it is",
        _tells_meanwhile,
        {
            "dlcore": "dlcore fetch -q --events ndjson --events-file $WORK/events"
            " $SITE/slow/tool.zip --sha256 $SHA256 -o $OUT & sleep 1.2; cat $WORK/events; wait",
            "aria2": "aria2c -q --enable-rpc --rpc-listen-port=$PORT"
            " -d $OUT $SITE/slow/tool.zip & sleep 1;"
            f" curl -sS -d '{_TELL_ACTIVE}' http://127.0.0.1:$PORT/jsonrpc; sleep 3;"
            f" curl -sS -o $WORK/end -d '{_END}' http://127.0.0.1:$PORT/jsonrpc; wait",
            "rclone": "rclone copy -q --rc --rc-addr=127.0.0.1:$PORT --http-url $SITE/slow"
            " :http:tool.zip $OUT & sleep 1;"
            " rclone rc --url=http://127.0.0.1:$PORT core/stats; wait",
        },
        is_slow=True,
    ),
)
