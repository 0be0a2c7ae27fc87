"""Which room may import which: the architecture, enforced."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "dlcore"

# Each room and the rooms it may import; `native` is the sole importer of dlcore_ext.
ALLOWED: dict[str, set[str]] = {
    "long_path": set(),
    "errors": {"long_path"},
    "plain_files": {"long_path"},
    "extras": {"errors"},
    "digests": set(),
    "model": {"errors", "digests"},
    "file_urls": {"errors"},
    "endpoint_rules": {"errors", "model"},
    "file_times": set(),
    "buckets": {"errors", "printable"},
    "package_ids": {"errors", "printable"},
    "printable": set(),
    "redaction": {"printable"},
    "text_files": set(),
    "spelling": set(),
    "cmtrace": {"long_path", "printable"},
    "disk": {"errors", "long_path", "plain_files"},
    "native": {"errors", "disk"},
    "manifest": {"long_path", "errors", "model", "package_ids", "printable", "digests"},
    "tasksequence": {"errors", "model", "package_ids", "plain_files", "printable", "file_times"},
    "machine": {"tasksequence"},
    "deployment": {
        *("errors", "model", "printable", "text_files", "spelling", "tasksequence"),
        *("package_ids", "plain_files", "endpoint_rules"),
    },
    "schedule": {"errors", "model"},
    "store": {
        *("long_path", "errors", "model", "printable", "disk", "native", "manifest"),
        "plain_files",
        "work_threads",
    },
    "waiting": {"work_threads"},
    "work_threads": set(),
    "abandonable": set(),
    "shortages": {"errors"},
    "callbacks": set(),
    "event_loop": set(),
    "transfer": {
        *("long_path", "errors", "model", "printable", "text_files", "disk", "waiting", "extras"),
        *("buckets", "file_urls", "digests", "redaction", "abandonable", "callbacks"),
        *("plain_files", "endpoint_rules"),
    },
    "trust": {"long_path", "errors", "model", "printable", "disk", "plain_files"},
    "publish": {
        *("long_path", "errors", "extras", "model", "spelling", "disk", "native", "manifest"),
        *("trust", "buckets", "file_urls", "redaction", "patches", "package_ids"),
        *("plain_files", "file_times"),
        "work_threads",
    },
    "emulator": {
        *("long_path", "errors", "extras", "model", "disk", "manifest", "plain_files"),
        "file_times",
    },
    "engine": {
        *("errors", "extras", "model", "waiting", "disk", "native", "manifest", "trust"),
        *("tasksequence", "steps", "machine", "deployment", "schedule", "store", "transfer"),
        *("package_ids", "long_path", "printable", "spelling", "text_files", "digests"),
        *("file_urls", "patches", "abandonable", "callbacks", "plain_files"),
        "work_threads",
    },
    "doctor": {
        *("errors", "model", "extras", "long_path", "waiting", "disk", "native", "manifest"),
        *("deployment", "store", "transfer", "engine"),
    },
    "timeline": {"engine", "errors", "printable", "schedule"},
    "telemetry": {"engine", "errors", "extras", "timeline", "transfer"},
    "agent": {
        *("errors", "extras", "model", "waiting", "disk", "native", "manifest", "trust", "store"),
        *("tasksequence", "steps", "machine", "deployment", "schedule", "transfer", "engine"),
        *("package_ids", "long_path", "printable", "spelling", "text_files", "plain_files"),
        "shortages",
    },
    "hook": {
        *("errors", "extras", "model", "waiting", "disk", "native", "manifest", "store"),
        *("tasksequence", "deployment", "engine", "agent", "cmtrace"),
        *("package_ids", "long_path", "printable", "text_files", "plain_files", "shortages"),
        "event_loop",
    },
    "locations": {"errors", "hook", "model", "package_ids", "printable", "tasksequence"},
    "patches": {"errors", "extras", "model", "disk", "long_path", "manifest", "printable"},
    "steps": {
        *("errors", "model", "printable", "waiting", "text_files", "disk", "tasksequence"),
        *("machine", "plain_files", "work_threads"),
    },
    "sync": {
        *("errors", "model", "waiting", "event_loop", "engine", "steps", "tasksequence"),
        *("deployment", "schedule", "publish", "store", "telemetry", "agent"),
    },
}
FRONTS = {"cli", "__init__", "__main__"}  # may import every room
ONLY_IN = {
    "dlcore_ext": {"native"},
    # The emulator and the live page use its server side.
    "aiohttp": {"transfer/http", "emulator", "cli/live/page", "agent"},
    "comtypes": {"hook"},
    "zstandard": {"patches"},
    "sqlite3": {"store/cache", "publish/library/known_digests"},
    "distributed": {"publish/library/on_dask"},
    "aiohttp_socks": {"transfer/http/socks"},
    "python_socks": {"transfer/http/socks"},
    "dukpy": {"transfer/http/pac_process"},
    "pypac": {"transfer/http/pac_process"},
    "xxhash": {"native"},
    "obstore": {"publish", "buckets"},
    "defusedxml": {"tasksequence", "transfer", "manifest"},
    "click": {"cli"},
    "prometheus_client": {"cli/live/metrics"},
    "opentelemetry": {"telemetry"},
    "rich": {"cli"},
    "cryptography": {"emulator", "trust", "transfer/http/channel_binding"},
    "spnego": {"transfer/http/security_contexts", "emulator/ntlm_acceptor"},
    "tuf": {"trust"},
    "securesystemslib": {"trust"},
}
# What an inner room may import of dlcore, and the only rooms that may import from an inner room.
INNER_ALLOWED = {
    "transfer/http": {
        *(
            "dlcore.abandonable",
            "dlcore.callbacks",
            "dlcore.endpoint_rules",
            "dlcore.errors",
            "dlcore.extras",
            "dlcore.plain_files",
            "dlcore.printable",
            "dlcore.transfer.http",
        ),
        *("dlcore.transfer.policy", "dlcore.transfer.sink", "dlcore.waiting", "dlcore.redaction"),
    },
    "steps/commands": {
        *("dlcore.printable", "dlcore.text_files", "dlcore.waiting", "dlcore.tasksequence"),
        *("dlcore.steps.commands", "dlcore.steps.interface", "dlcore.disk.clearing"),
        *("dlcore.plain_files", "dlcore.disk.faults", "dlcore.work_threads"),
    },
}
INNER_USERS = {
    **dict.fromkeys(
        ("dlcore.transfer.http", "dlcore.transfer.endpoints", "dlcore.transfer.interface"),
        "transfer",
    ),
    "dlcore.steps.commands": "steps",
}
# What an inner room may import of the room around it.
AGENT_FLOORS = {"system": {"addresses", "unix_socket"}}
ENGINE_FLOORS = {
    "listeners": {"events", "numbers_for_people", "outcomes"},
    "delivery": {"locking", "numbers_for_people", "policy"},
    "download": {"events", "listeners", "policy", "time_limit"},
    "documents": {"download", "events", "state_file"},
    "running": {
        *("delivery", "documents", "download", "events", "listeners"),
        *("client", "locking", "network_wait", "outcomes", "policy", "preflight_facts"),
        *("state_file", "unpublished"),
    },
    "fetching": {
        *("delivery", "documents", "download", "events", "listeners"),
        *("boundaries", "one_byte", "policy", "time_limit", "traffic"),
    },
}
CLI_FLOORS: dict[str, set[str]] = {
    "options": set(),
    "configuration": set(),
    "ending": {"configuration", "output"},
    "live": {"logs", "options", "output"},
    "results": {"ending", "output"},
}
PUBLISH_FLOORS = {
    "library": {
        *("admission", "destination", "disk", "documents", "layout", "objects", "opening"),
        *("policy", "preparing", "prune_mark", "reading", "site", "site_catalog", "source"),
        "stored",
        "trusted_catalog",
    },
}
FLOORS = {
    "agent": AGENT_FLOORS,
    "cli": CLI_FLOORS,
    "engine": ENGINE_FLOORS,
    "publish": PUBLISH_FLOORS,
}
PURE = {
    "schedule",
    "tasksequence",
    "deployment",
    "locations",
    "model",
    "endpoint_rules",
    "errors",
    "digests",
    "package_ids",
    "printable",
    "redaction",
    "text_files",
    "spelling",
    "timeline",
}
NOT_IN_PURE = {"asyncio", "socket", "time", "threading", "random"}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def is_inside(path: Path, room: str) -> bool:
    """Whether a file belongs to a room (``native``) or to an inner one (``transfer/http``)."""
    return path.relative_to(PACKAGE).with_suffix("").is_relative_to(room)


def is_module_of(name: str, package: str) -> bool:
    return f"{name}.".startswith(f"{package}.")


@functools.cache
def imports_of(path: Path) -> frozenset[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            module = node.module or ""
            names.update(f"{module}.{alias.name}" for alias in node.names)
    return frozenset(names)


SOURCES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_room_imports_only_what_lies_below_it(path: Path) -> None:
    room = room_of(path)
    for name in imports_of(path):
        top, _, rest = name.partition(".")
        if top == "dlcore" and room not in FRONTS:
            target = rest.partition(".")[0]
            assert target == room or target in ALLOWED[room], f"{path}: {room} imports {name}"
        if top in ONLY_IN and room not in FRONTS - {"cli"} - {"__init__"}:
            allowed = any(is_inside(path, place) for place in ONLY_IN[top])
            assert allowed, f"{path}: only {ONLY_IN[top]} may import {top}"


def rows_of_rooms() -> list[tuple[str, set[str]]]:
    """Each room of the table in the document, and what the table says that it may import."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = text.partition("| Room | What it hides | May import |\n|---|---|---|\n")[2]
    rows = [
        [c.strip() for c in row.strip("|").split("|")] for row in table.split("\n\n")[0].split("\n")
    ]
    assert rows[0][0] == "`cli/`, `__init__`, `__main__`"
    named = [(room, set(re.findall(r"`(\w+)/?`", allowed))) for room, _, allowed in rows[1:]]
    return [(room.strip("`").rstrip("/"), allowed) for room, allowed in named]


def test_the_table_of_the_document_is_the_rule() -> None:
    rows = rows_of_rooms()
    assert len(rows) == len(ALLOWED)
    assert dict(rows) == ALLOWED


def test_imports_point_downwards_in_the_table() -> None:
    place = {room: number for number, (room, _) in enumerate(rows_of_rooms())}
    for room, allowed in rows_of_rooms():
        assert not [each for each in allowed if place[each] <= place[room]], room


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_inner_rooms_are_layered_and_used_through_their_room(path: Path) -> None:
    for name in imports_of(path):
        for inner, allowed in INNER_ALLOWED.items():
            if is_inside(path, inner) and is_module_of(name, "dlcore"):
                assert any(is_module_of(name, below) for below in allowed), f"{path}: {name}"
        for inner, user in INNER_USERS.items():
            if is_module_of(name, inner):
                assert is_inside(path, user), f"{path}: import {name} from dlcore.{user}"


@pytest.mark.parametrize(
    ("room", "inner"), [(room, inner) for room, floors in FLOORS.items() for inner in floors]
)
def test_inner_rooms_stand_on_each_other(room: str, inner: str) -> None:
    paths = sorted((PACKAGE / room / inner).glob("*.py"))
    assert paths
    for path in paths:
        for name in imports_of(path):
            if is_module_of(name, f"dlcore.{room}"):
                target = name.split(".")[2]
                assert target == inner or target in FLOORS[room][inner], f"{path}: {name}"


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def files_imported_by(path: Path, files: Mapping[str, Path]) -> set[Path]:
    """The files of the package that a file needs when it runs: not those for its types alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    found: set[Path | None] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names = [f"{module}.{alias.name}" for alias in node.names]
            found.update(files.get(name) or files.get(module) for name in names)
    return {other for other in found if other and other.name != "__init__.py"}


def test_no_files_import_each_other_in_a_circle() -> None:
    files = {module_of(path): path for path in SOURCES}
    needs = {path: files_imported_by(path, files) for path in SOURCES}
    with_circles = TopologicalSorter(needs)
    try:
        with_circles.prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(module_of(path) for path in error.args[1]))


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_pure_rooms_have_no_clock_no_loop_no_chance(path: Path) -> None:
    if room_of(path) in PURE:
        assert not {n.partition(".")[0] for n in imports_of(path)} & NOT_IN_PURE


@pytest.mark.parametrize(
    "path",
    sorted(
        p
        for folder in ("dlcore", "dlcore_ext", "tests", "bench")
        for pattern in ("*.py", "*.pyx", "*.c", "*.h")
        for p in (ROOT / folder).rglob(pattern)
    ),
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_no_file_is_over_500_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500
