"""Habits about the way to a server, and about what it wants to be shown."""

from __future__ import annotations

from bench.habits.habit import Habit, Wrong
from bench.habits.place import Place
from bench.habits.proofs import ended_well, fetches, is_there, refused

_RATE_BYTES_PER_S = 16 << 20
_STALL_BOUND_S = 20.0
_HTTP = "rclone copy -q --http-url"


def _at_once(place: Place, line: str) -> None:
    ended_well(place.shell.run(line))
    is_there(place, "tool.zip")
    if place.web.most_at_once["/slow/tool.zip"] < 2:
        raise Wrong("one connection at a time")


def _keeps_to_rate(place: Place, line: str) -> None:
    ending = place.shell.run(line)
    ended_well(ending)
    length = is_there(place, "large.img").stat().st_size
    if ending.wall_s < 0.6 * length / _RATE_BYTES_PER_S:
        raise Wrong(f"{length / ending.wall_s / _RATE_BYTES_PER_S:.1f} times the rate")


def _waits_while_busy(place: Place, line: str) -> None:
    fetches("tool.zip")(place, line)
    if place.web.asked("/busy/tool.zip") < 3:
        raise Wrong("the file came from elsewhere")


def _gives_up(place: Place, line: str) -> None:
    ending = place.shell.run(line, bound_s=_STALL_BOUND_S)
    refused(ending, "half of the file is missing")
    if not place.web.asked("/stall/tool.zip"):
        raise Wrong("the file was not asked for")


def _by_mirror(place: Place, line: str) -> None:
    fetches("tool.zip")(place, line)
    if not place.web.asked("/tool.zip"):
        raise Wrong("the mirror was not asked")


HABITS = (
    Habit(
        "Redirects, also to another host",
        fetches("tool.zip"),
        {
            "dlcore": "dlcore fetch $SITE/moved/tool.zip --sha256 $SHA256 -o $OUT",
            "curl": "curl -sSfLO --output-dir $OUT $SITE/moved/tool.zip",
            "aria2": "aria2c -q -d $OUT $SITE/moved/tool.zip",
            "wget2": "wget2 -q -P $OUT $SITE/moved/tool.zip",
            "rclone": "rclone copyurl -q -a $SITE/moved/tool.zip $OUT",
        },
    ),
    Habit(
        "Several connections for one file",
        _at_once,
        {
            "dlcore": "dlcore fetch $SITE/slow/tool.zip --sha256 $SHA256 -o $OUT",
            "aria2": "aria2c -q -x4 -s4 -k1M -d $OUT $SITE/slow/tool.zip",
            "wget2": "wget2 -q --chunk-size=1M --max-threads=4 -P $OUT $SITE/slow/tool.zip",
            "rclone": f"{_HTTP} $SITE/slow --multi-thread-streams=4 --multi-thread-cutoff=1M"
            " :http:tool.zip $OUT",
        },
        is_slow=True,
    ),
    Habit(
        "A limited rate",
        _keeps_to_rate,
        {
            "dlcore": "dlcore fetch --limit-rate 16MiB/s $SITE/large.img --sha256 $LARGE -o $OUT",
            "curl": "curl -sSfO --limit-rate 16M --output-dir $OUT $SITE/large.img",
            "aria2": "aria2c -q --max-overall-download-limit=16M -d $OUT $SITE/large.img",
            "wget2": "wget2 -q --limit-rate=16M -P $OUT $SITE/large.img",
            "rclone": f"{_HTTP} $SITE --bwlimit 16M :http:large.img $OUT",
        },
        is_slow=True,
    ),
    Habit(
        "Through an HTTP proxy",
        fetches("tool.zip"),
        {
            "dlcore": "dlcore fetch --proxy http://$PROXY $HOST/tool.zip --sha256 $SHA256 -o $OUT",
            "curl": "curl -sSfO -x http://$PROXY --output-dir $OUT $HOST/tool.zip",
            "aria2": "aria2c -q --all-proxy=http://$PROXY -d $OUT $HOST/tool.zip",
            "wget2": "wget2 -q --http-proxy=http://$PROXY -P $OUT $HOST/tool.zip",
            "rclone": f"http_proxy=http://$PROXY {_HTTP} $HOST :http:tool.zip $OUT",
        },
    ),
    Habit(
        "503 with Retry-After: asked again",
        _waits_while_busy,
        {
            "dlcore": "dlcore fetch $SITE/busy/tool.zip --sha256 $SHA256 -o $OUT",
            "curl": "curl -sSfO --retry 3 --output-dir $OUT $SITE/busy/tool.zip",
            "aria2": "aria2c -q --max-tries=4 --retry-wait=1 -d $OUT $SITE/busy/tool.zip",
            "wget2": "wget2 -q --tries=4 --waitretry=1 -P $OUT $SITE/busy/tool.zip",
            "rclone": f"{_HTTP} $SITE/busy --retries=4 --retries-sleep=1s :http:tool.zip $OUT",
        },
        is_slow=True,
    ),
    Habit(
        "A time limit for a server that stalls: an error, and no hang",
        _gives_up,
        {
            "dlcore": "dlcore fetch --timeout 3 --retries 0 $SITE/stall/tool.zip --sha256 $SHA256"
            " -o $OUT",
            "curl": "curl -sSfO --speed-time 3 --speed-limit 1000"
            " --output-dir $OUT $SITE/stall/tool.zip",
            "aria2": "aria2c -q --timeout=3 --max-tries=1 -d $OUT $SITE/stall/tool.zip",
            "wget2": "wget2 -q --timeout=3 --tries=1 -P $OUT $SITE/stall/tool.zip",
            "rclone": f"{_HTTP} $SITE/stall --timeout=3s --retries=1 --low-level-retries=1"
            " :http:tool.zip $OUT",
        },
        is_slow=True,
    ),
    Habit(
        "A header of one's own",
        fetches("tool.zip"),
        {
            "dlcore": "dlcore fetch --header 'X-Ticket: 7f3a'"
            " $SITE/ticket/tool.zip --sha256 $SHA256 -o $OUT",
            "curl": "curl -sSfO -H 'X-Ticket: 7f3a' --output-dir $OUT $SITE/ticket/tool.zip",
            "aria2": "aria2c -q --header='X-Ticket: 7f3a' -d $OUT $SITE/ticket/tool.zip",
            "wget2": "wget2 -q --header='X-Ticket: 7f3a' -P $OUT $SITE/ticket/tool.zip",
            "rclone": f"{_HTTP} $SITE/ticket --header 'X-Ticket: 7f3a' :http:tool.zip $OUT",
        },
    ),
    Habit(
        "A cookie",
        fetches("tool.zip"),
        {
            "dlcore": 'dlcore fetch --header "Cookie: $COOKIE"'
            " $SITE/cookie/tool.zip --sha256 $SHA256 -o $OUT",
            "curl": "curl -sSfO -b $WORK/cookies.txt --output-dir $OUT $SITE/cookie/tool.zip",
            "aria2": "aria2c -q --load-cookies=$WORK/cookies.txt -d $OUT $SITE/cookie/tool.zip",
            "wget2": "wget2 -q --load-cookies=$WORK/cookies.txt -P $OUT $SITE/cookie/tool.zip",
            "rclone": f'{_HTTP} $SITE/cookie --header "Cookie: $COOKIE" :http:tool.zip $OUT',
        },
    ),
    Habit(
        "User and password from .netrc",
        fetches("tool.zip"),
        {
            "dlcore": "dlcore fetch --netrc $SITE/login/tool.zip --sha256 $SHA256 -o $OUT",
            "curl": "curl -sSfO -n --output-dir $OUT $SITE/login/tool.zip",
            "aria2": "aria2c -q -d $OUT $SITE/login/tool.zip",
            "wget2": "wget2 -q -P $OUT $SITE/login/tool.zip",
        },
    ),
    Habit(
        "A certificate of the client",
        fetches("tool.zip"),
        {
            "dlcore": "dlcore fetch --client-cert $CERT --client-key $KEY --ca-file $CA"
            " $MEMBERS/tool.zip --sha256 $SHA256 -o $OUT",
            "curl": "curl -sSfO --cert $CERT --key $KEY --cacert $CA"
            " --output-dir $OUT $MEMBERS/tool.zip",
            "aria2": "aria2c -q --certificate=$CERT --private-key=$KEY --ca-certificate=$CA"
            " -d $OUT $MEMBERS/tool.zip",
            "wget2": "wget2 -q --certificate=$CERT --private-key=$KEY --ca-certificate=$CA"
            " -P $OUT $MEMBERS/tool.zip",
            "rclone": f"{_HTTP} $MEMBERS --client-cert $CERT --client-key $KEY --ca-cert $CA"
            " :http:tool.zip $OUT",
        },
    ),
    Habit(
        "An authority of one's own",
        fetches("tool.zip"),
        {
            "dlcore": "dlcore fetch --ca-file $CA $SECURE/tool.zip --sha256 $SHA256 -o $OUT",
            "curl": "curl -sSfO --cacert $CA --output-dir $OUT $SECURE/tool.zip",
            "aria2": "aria2c -q --ca-certificate=$CA -d $OUT $SECURE/tool.zip",
            "wget2": "wget2 -q --ca-certificate=$CA -P $OUT $SECURE/tool.zip",
            "rclone": f"{_HTTP} $SECURE --ca-cert $CA :http:tool.zip $OUT",
        },
    ),
)

OF_TWO = (
    Habit(
        "Several mirrors, of which one has lost the file",
        _by_mirror,
        {
            "dlcore": "dlcore fetch $WORK/lost.meta4 -o $OUT",
            "aria2": "aria2c -q -d $OUT $SITE/gone/tool.zip $SITE/tool.zip",
            "curl": "cd $OUT && (curl -sSfO $SITE/gone/tool.zip || curl -sSfO $SITE/tool.zip)",
            "wget2": "cd $OUT && (wget2 -q $SITE/gone/tool.zip || wget2 -q $SITE/tool.zip)",
            "rclone": "rclone copyurl -q -a $SITE/gone/tool.zip $OUT"
            " || rclone copyurl -q -a $SITE/tool.zip $OUT",
        },
    ),
    Habit(
        "Through a SOCKS proxy that knows the host",
        fetches("tool.zip"),
        {
            "dlcore": "dlcore fetch --proxy socks5h://$SOCKS"
            " $HOST/tool.zip --sha256 $SHA256 -o $OUT",
            "curl": "curl -sSfO -x socks5h://$SOCKS --output-dir $OUT $HOST/tool.zip",
            "rclone": f"http_proxy=socks5://$SOCKS {_HTTP} $HOST :http:tool.zip $OUT",
        },
    ),
    Habit(
        "From a private S3 bucket",
        fetches("tool.zip"),
        {
            "dlcore": "dlcore fetch s3://releases/tool.zip --sha256 $SHA256 -o $OUT",
            "curl": "curl -sSfO --aws-sigv4 aws:amz:us-east-1:s3"
            " -u $AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"
            " --output-dir $OUT $S3/releases/tool.zip",
            "rclone": "rclone copy -q --s3-env-auth --s3-provider=Other --s3-endpoint=$S3"
            " :s3:releases/tool.zip $OUT",
        },
        with_bucket=True,
    ),
    Habit(
        "From a file:// URL or a path",
        fetches("tool.zip"),
        {
            "dlcore": "dlcore fetch file://$SOURCE/tool.zip --sha256 $SHA256 -o $OUT",
            "curl": "curl -sSfO --output-dir $OUT file://$SOURCE/tool.zip",
            "rclone": "rclone copy -q $SOURCE/tool.zip $OUT",
        },
    ),
)
