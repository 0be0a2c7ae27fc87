"""The ten downloads, and the best command of each program for each of them."""

from __future__ import annotations

from collections.abc import Mapping

from bench.downloads import servers
from bench.downloads.download import Download, Verdict
from bench.rivals.metalink import metalink
from bench.rivals.supplies import Supplies
from bench.web import Page, narrow

_MIB = 1 << 20
_KILL_BYTES_PER_S = 24 * _MIB  # so that there is time to be killed
SMALL = tuple(f"{number:04}.bin" for number in range(2000))
SIZES = {
    "image.img": 256 * _MIB + 77,
    "disk.img": 32 * _MIB + 5,
    "large.img": 96 * _MIB + 7,
    **dict.fromkeys(SMALL, 8 << 10),
}

_Pages = tuple[dict[str, Page], dict[str, Page]]
_PARALLEL = "-x8 -s8 -k1M"
_STREAMS = "--multi-thread-streams=8 --multi-thread-cutoff=4M"
_CHUNKS = "--chunk-size=8M --max-threads=8"


def _release(supplies: Supplies) -> _Pages:
    image = supplies.files["image.img"]
    return {
        "/latest/image.img": Page(b"", servers.to("localhost", "/7.1/image.img")),
        "/7.1/image.img": Page(b"", servers.to("127.0.0.1", "/store/image.img")),
        "/store/image.img": Page(image),
    }, {}


def _whole_only(supplies: Supplies) -> _Pages:
    return {"/image.img": Page(supplies.files["image.img"], servers.whole_only)}, {}


def _none(supplies: Supplies) -> _Pages:
    return {}, {}


def _small(supplies: Supplies) -> _Pages:
    pages = {f"/{name}": Page(supplies.files[name]) for name in SMALL}
    return pages | {"/SHA256SUMS": Page(_sums(supplies))}, {}


def _signed(supplies: Supplies) -> _Pages:
    disk = supplies.files["disk.img"]
    return {
        "/disk.img": Page(disk, servers.sign),
        "/signed/disk.img": Page(disk, servers.signed()),
    }, {}


def _flaky(supplies: Supplies) -> _Pages:
    return {"/disk.img": Page(supplies.files["disk.img"], servers.flaky)}, {}


def _zipped(supplies: Supplies) -> _Pages:
    return {"/disk.img": Page(supplies.files["disk.img"], servers.zipped)}, {}


def _wrong(supplies: Supplies) -> _Pages:
    content = bytearray(supplies.files["disk.img"])
    content[len(content) // 3] ^= 1
    return {"/disk.img": Page(bytes(content))}, {}


def _mirrors(supplies: Supplies) -> _Pages:
    disk = supplies.files["disk.img"]
    return {"/disk.img": Page(disk, servers.lying)}, {"/disk.img": Page(disk)}


def _narrow(supplies: Supplies) -> _Pages:
    return {"/large.img": Page(supplies.files["large.img"], narrow(_KILL_BYTES_PER_S))}, {}


def _sums(supplies: Supplies) -> bytes:
    return "".join(f"{supplies.sha256(name)}  {name}\n" for name in SMALL).encode()


def _lists(supplies: Supplies, site: str, mirror: str) -> Mapping[str, bytes]:
    return {
        "names.txt": "\n".join(SMALL).encode(),
        "urls.txt": "".join(f"{site}/{name}\n" for name in SMALL).encode(),
        "curl.txt": "".join(f"url = {site}/{name}\n" for name in SMALL).encode(),
    }


def _metalink(supplies: Supplies, site: str, mirror: str) -> Mapping[str, bytes]:
    places = [f"{site}/disk.img"] + ([f"{mirror}/disk.img"] if mirror else [])
    digest = f"{supplies.sha256('disk.img')}  disk.img\n"
    return {
        "one.meta4": metalink(supplies, {"disk.img": places[:1]}),
        "both.meta4": metalink(supplies, {"disk.img": places}),
        "SHA256SUMS": digest.encode(),
    }


TEN = (
    Download(
        "a release behind redirects",
        ("image.img",),
        _release,
        {
            "dlcore": "dlcore fetch -q $SITE/latest/image.img --sha256 $SHA256 -o $OUT",
            "curl": "curl -sSfLO --output-dir $OUT $SITE/latest/image.img",
            "aria2": f"aria2c -q {_PARALLEL} --checksum=sha-256=$SHA256"
            " -d $OUT $SITE/latest/image.img",
            "wget2": f"wget2 -q {_CHUNKS} -P $OUT $SITE/latest/image.img",
            "rclone": "rclone copyurl -q -a $SITE/latest/image.img $OUT",
        },
    ),
    Download(
        "a server without ranges",
        ("image.img",),
        _whole_only,
        {
            "dlcore": "dlcore fetch -q $SITE/image.img --sha256 $SHA256 -o $OUT",
            "curl": "curl -sSfO --output-dir $OUT $SITE/image.img",
            "aria2": f"aria2c -q {_PARALLEL} --checksum=sha-256=$SHA256 -d $OUT $SITE/image.img",
            "wget2": "wget2 -q -P $OUT $SITE/image.img",
            "rclone": "rclone copyurl -q -a $SITE/image.img $OUT",
        },
    ),
    Download(
        "a private S3 bucket",
        ("disk.img",),
        _none,
        {
            "dlcore": "dlcore fetch -q s3://releases/disk.img --sha256 $SHA256 -o $OUT",
            "curl": "curl -sSfO --aws-sigv4 aws:amz:us-east-1:s3"
            " -u $AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"
            " --output-dir $OUT $S3/releases/disk.img",
            "rclone": f"rclone copy -q {_STREAMS} --s3-env-auth --s3-provider=Other"
            " --s3-endpoint=$S3 :s3:releases/disk.img $OUT",
        },
        with_bucket=True,
    ),
    Download(
        "2,000 small files",
        SMALL,
        _small,
        {
            "dlcore": "dlcore fetch -q --checksums $SITE/SHA256SUMS -o $OUT",
            "curl": "curl -sSf --parallel --parallel-max 64 --output-dir $OUT"
            " --remote-name-all -K $WORK/curl.txt",
            "aria2": "aria2c -q -j64 -d $OUT -i $WORK/urls.txt",
            "wget2": "wget2 -q --max-threads=64 -P $OUT -i $WORK/urls.txt",
            "rclone": "rclone copy -q --transfers=64 --checkers=64 --no-traverse --http-url $SITE"
            " --files-from-raw $WORK/names.txt :http: $OUT",
        },
        papers=_lists,
    ),
    Download(
        "signed URLs that expire",
        ("disk.img",),
        _signed,
        {
            "dlcore": "dlcore fetch -q $SITE/disk.img --sha256 $SHA256 -o $OUT",
            "curl": "until curl -sSfLO -C - --output-dir $OUT $SITE/disk.img; do sleep 1; done",
            "aria2": f"aria2c -q {_PARALLEL} -c --max-tries=20 --retry-wait=1"
            " --checksum=sha-256=$SHA256 -d $OUT $SITE/disk.img",
            "wget2": "wget2 -q -c --tries=20 --waitretry=1 -P $OUT $SITE/disk.img",
            "rclone": f"rclone copy -q {_STREAMS} --retries=20 --low-level-retries=20"
            " --http-url $SITE :http:disk.img $OUT",
        },
    ),
    Download(
        "a flaky link",
        ("disk.img",),
        _flaky,
        {
            "dlcore": "dlcore fetch -q --retries 20 $SITE/disk.img --sha256 $SHA256 -o $OUT",
            "curl": "until curl -sSfO -C - --output-dir $OUT $SITE/disk.img; do sleep 1; done",
            "aria2": f"aria2c -q {_PARALLEL} -c --max-tries=50 --retry-wait=1"
            " --checksum=sha-256=$SHA256 -d $OUT $SITE/disk.img",
            "wget2": "wget2 -q -c --tries=50 --waitretry=1 -P $OUT $SITE/disk.img",
            "rclone": f"rclone copy -q {_STREAMS} --retries=20 --low-level-retries=50"
            " --http-url $SITE :http:disk.img $OUT",
        },
    ),
    Download(
        "gzip by a middlebox, of unknown length",
        ("disk.img",),
        _zipped,
        {
            "dlcore": "dlcore fetch -q $SITE/disk.img --sha256 $SHA256 -o $OUT",
            "curl": "curl -sSfO --compressed --output-dir $OUT $SITE/disk.img",
            "aria2": "aria2c -q --http-accept-gzip --checksum=sha-256=$SHA256"
            " -d $OUT $SITE/disk.img",
            "wget2": "wget2 -q --compression=gzip -P $OUT $SITE/disk.img",
            "rclone": "rclone copyurl -q -a $SITE/disk.img $OUT",
        },
    ),
    Download(
        "a digest that the file does not have",
        ("disk.img",),
        _wrong,
        {
            "dlcore": "dlcore fetch -q $SITE/disk.img --sha256 $SHA256 -o $OUT",
            "curl": "curl -sSfO --output-dir $OUT $SITE/disk.img",
            "aria2": f"aria2c -q {_PARALLEL} --checksum=sha-256=$SHA256 -d $OUT $SITE/disk.img",
            "wget2": "cd $OUT && wget2 -q --force-metalink -i $WORK/one.meta4",
            "rclone": f"rclone copy -q {_STREAMS} --http-url $SITE :http:disk.img $OUT"
            " && rclone checksum -q sha256 $WORK/SHA256SUMS $OUT",
        },
        papers=_metalink,
        expected=Verdict.REFUSED,
    ),
    Download(
        "two mirrors, of which one lies",
        ("disk.img",),
        _mirrors,
        {
            "dlcore": "dlcore fetch -q $WORK/both.meta4 -o $OUT",
            "curl": "cd $OUT && (curl -sSfO $SITE/disk.img || curl -sSfO $MIRROR/disk.img)",
            "aria2": f"aria2c -q {_PARALLEL} -d $OUT -M $WORK/both.meta4",
            "wget2": f"cd $OUT && wget2 -q {_CHUNKS} --force-metalink -i $WORK/both.meta4",
            "rclone": "for site in $SITE $MIRROR; do rclone copyurl -q -a $site/disk.img $OUT"
            " && rclone checksum -q sha256 $WORK/SHA256SUMS $OUT && break; done",
        },
        papers=_metalink,
    ),
    Download(
        "killed halfway, and run again",
        ("large.img",),
        _narrow,
        {
            "dlcore": "dlcore fetch -q $SITE/large.img --sha256 $SHA256 -o $OUT",
            "curl": "curl -sSfO -C - --output-dir $OUT $SITE/large.img",
            "aria2": f"aria2c -q {_PARALLEL} -c --auto-save-interval=1"
            " --checksum=sha-256=$SHA256 -d $OUT $SITE/large.img",
            "wget2": "wget2 -q -c -P $OUT $SITE/large.img",
            "rclone": f"rclone copy -q {_STREAMS} --http-url $SITE :http:large.img $OUT",
        },
        is_killed=True,
    ),
)
