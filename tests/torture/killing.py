"""Commands that are killed again and again: `fetch`, `run` and `publish`, and their repairs."""

from __future__ import annotations

import json
from pathlib import Path

from dlcore.publish import publish
from tests.publish.helpers import from_folder, published_tree
from tests.torture.remains import Kept, moment_of_fetch, moment_of_run
from tests.torture.scene import BLOCK_BYTES, PACKAGES, Scene, flip_a_bit, note_differences
from tests.torture.tally import Tally

MAX_LEFT_BYTES = 100_000  # a record and a manifest may stay beside a folder, but no content


def kill_fetch(scene: Scene, work: Path, tally: Tally) -> None:
    """`fetch` is killed again and again: the folder is complete or not there."""
    package_id = scene.dice.choice(["ABC00001", "ABC00003"])
    folder, source = work / "out" / "folder", scene.source(package_id)
    folder.parent.mkdir()
    command = ["fetch", package_id, "--from", scene.published, "-o", folder, "--quiet", "--json"]
    state = work / "out" / ".folder.dlcore"
    kept = Kept(scene.published, [package_id], state, folder)
    for _ in scene.harass("fetch", command, work, tally):
        tally.moments[moment_of_fetch(state, is_delivered=folder.exists())] += 1
        kept.look(tally)
        if folder.exists():
            note_differences(tally, source, folder)
    ended = scene.finish("fetch", command, work, tally)
    if ended:
        note_differences(tally, source, folder)
        kept.compare(ended.report(), tally)
    beside = [p for p in folder.parent.rglob("*") if not p.is_relative_to(folder) and p.is_file()]
    left_bytes = sum(path.stat().st_size for path in beside)
    if left_bytes > MAX_LEFT_BYTES:
        tally.note("wedges", f"{left_bytes} bytes are left beside the folder")
    scene.check_secrets(work, tally)


def kill_update(scene: Scene, work: Path, tally: Tally) -> None:
    """`fetch` over an older version is killed again and again: the folder is the one or the other.

    Where two folders cannot be exchanged in one step, the folder may be away, but not lost.
    """
    folder, state = work / "out" / "folder", work / "out" / ".folder.dlcore"
    folder.parent.mkdir()
    fetch = ["fetch", "ABC00001", "-o", folder, "--quiet", "--from"]
    old, new = _tree(scene.source("ABC00001")), _tree(scene.later / "ABC00001")
    scene.finish("fetch", [*fetch, scene.published], work, tally)
    command = [*fetch, _site_of_later(scene, work)]
    for _ in scene.harass("update", command, work, tally):
        found = _tree(folder if folder.exists() else state / "replaced")
        tally.moments[moment_of_fetch(state, is_delivered=found == new)] += 1
        if found not in (old, new):
            tally.note("wrong files", "the folder after a kill")
    if scene.finish("update", command, work, tally):
        note_differences(tally, scene.later / "ABC00001", folder)
    if state.exists():
        tally.note("wedges", f"{[path.name for path in state.iterdir()]} are left")


def kill_run(scene: Scene, work: Path, tally: Tally) -> None:
    """`run` is killed again and again: every step runs with right content, in order."""
    command = [*scene.write_sequence(work), "--json"]
    kept = Kept(scene.published, list(PACKAGES), work / "state")
    kills = 0
    for _ in scene.harass("run", command, work, tally):
        kills += 1
        tally.moments[moment_of_run(work / "state", work / "log")] += 1
        kept.look(tally)
    if not (work / "log").exists() or kills:
        ended = scene.finish("run", command, work, tally)
        if ended:
            kept.compare(ended.report(), tally)
    scene.check_log(work, tally, kills, is_complete=True)
    scene.check_secrets(work, tally)


def kill_publish(scene: Scene, work: Path, tally: Tally) -> None:
    """`publish` is killed again and again: the site has the old version or the new one, whole."""
    site = scene.copy_of_site(work)
    later = scene.later / "ABC00001"
    command = _publish_command(later, site, "--version", "2")
    old, new = _tree(scene.source("ABC00001")), _tree(later)
    for _ in scene.harass("publish", command, work, tally):
        if published_tree(from_folder(site), "ABC00001") not in (old, new):
            tally.note("wrong files", "the site after a kill")
    done = scene.finish("publish", command, work, tally)
    if done and published_tree(from_folder(site), "ABC00001") != new:
        tally.note("wrong files", "the site after publishing")
    scene.check_secrets(work, tally)


def kill_repair(scene: Scene, work: Path, tally: Tally) -> None:
    """`publish --repair` is killed again and again: each object is as it was, or right."""
    site = scene.copy_of_site(work)
    right = _bytes_below(site)
    entry = json.loads(right["catalog.json"])["packages"]["ABC00001"]
    manifest = json.loads(right[f"manifests/{entry['manifest']}.json"])
    keys = [f"objects/{item['name']}" for item in manifest["objects"]]
    for key in scene.dice.sample(keys, scene.dice.randint(1, len(keys))):
        flip_a_bit(site / key, scene.dice)
    wrong = _bytes_below(site)
    command = _publish_command(scene.source("ABC00001"), site, "--repair")
    for _ in scene.harass("repair", command, work, tally):
        after = _bytes_below(site)
        if any(after.get(key) not in (right[key], wrong[key]) for key in right):
            tally.note("wrong files", "the site after a kill")
    if scene.finish("repair", command, work, tally):
        after = _bytes_below(site)
        if any(after.get(key) != right[key] for key in right):
            tally.note("wrong files", "the site after the repair")


def flip_state(scene: Scene, work: Path, tally: Tally) -> None:
    """A bit of the state of a killed run flips: dlcore goes on rightly, or stops and says why."""
    command = scene.write_sequence(work)
    kills = sum(1 for _ in scene.harass("run", command, work, tally, max_kills=1))
    files = [p for p in (work / "state").rglob("*") if p.is_file() and p.stat().st_size]
    if not kills or not files:
        return
    scene.await_steps(work)  # a step outlives dlcore, and would read what is flipped now
    flip_a_bit(scene.dice.choice(sorted(files)), scene.dice)
    tally.blows += 1
    ended_well = scene.ended_well_or_refused("run", command, work, tally)
    scene.check_log(work, tally, kills, is_complete=ended_well)


def _site_of_later(scene: Scene, work: Path) -> Path:
    site, later = work / "site", scene.later / "ABC00001"
    publish(later, package_id="ABC00001", version=2, destination=str(site), block_bytes=BLOCK_BYTES)
    return site


def _publish_command(source: Path, site: Path, *more: str) -> list[object]:
    where = ("--package-id", "ABC00001", "--to", site, "--block-bytes", BLOCK_BYTES)
    return ["publish", source, *where, "--quiet", *more]


def _tree(folder: Path) -> dict[str, bytes | None]:
    return {**_bytes_below(folder)}


def _bytes_below(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }
