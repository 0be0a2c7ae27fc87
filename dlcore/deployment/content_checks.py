"""The prerequisites that lie in content: known, published, distributed, and room for it.

Guarantees: each function makes one check; a package is named with the first step that needs it.
Conditions do not count: as in ConfigMgr, content that an enabled step refers to must be there even
if the step may turn out not to run. What a step only may need, as a variable decides, is a warning.

Source: Microsoft Learn, "Deploy a task sequence over the internet", section "Deploy Windows 10
in-place upgrade via CMG": all content must be distributed, or devices cannot run the sequence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dlcore.deployment.facts import Answer, Check, CheckOutcome, Facts
from dlcore.deployment.usable_endpoints import usable_endpoints

_NOT_ASKED = "may not be used in this network"
_CATALOG_FIRST = "the catalog is needed first"
_NONE_LISTED = "no package that is needed is in the catalog"


def references_resolved(facts: Facts) -> Check:
    """Every package can be told before the sequence runs."""
    name = "references-resolved"
    if not facts.unresolved:
        return Check(name, CheckOutcome.PASSED, "every package is known beforehand")
    listed = ", ".join(f'{need.reference} (step "{need.step}")' for need in facts.unresolved)
    remedy = "Set their variables in [variables], or name the packages in the steps."
    if not facts.deployment.client.on_internet:
        return Check(
            name,
            CheckOutcome.WARNING,
            f"known only when the step runs, and not checked before: {listed}",
            f"If no earlier step sets them: {remedy[0].lower()}{remedy[1:]}",
        )
    return Check(
        name,
        CheckOutcome.FAILED,
        "over the internet every package must be known before the sequence runs, but these are"
        f" not: {listed}",
        remedy,
    )


def catalog(facts: Facts) -> Check:
    """Every package is in the catalog."""
    name = "catalog"
    if isinstance(facts.catalog, str):
        return Check(
            name,
            CheckOutcome.FAILED,
            f"the catalog cannot be read: {facts.catalog}",
            facts.catalog_remedy or "Correct catalog.path or catalog.endpoint.",
        )
    needed = _needed(facts)
    missing = {p: label for p, label in needed.items() if p not in facts.catalog}
    if not missing:
        return Check(name, CheckOutcome.PASSED, f"has all packages, {len(needed)} in number")
    remedy = (
        "Publish them (dlcore publish FOLDER --package-id ID --to DEST), and use the catalog that"
        " this writes."
    )
    why = [f"{p}: {facts.undescribed[p]}" for p in missing if p in facts.undescribed]
    if why:
        remedy = (
            "Correct the content hashes under [packages], or the content on the distribution point;"
            f" or publish the packages. What was found: {'; '.join(why)}"
        )
    return _lacking(
        name,
        facts,
        missing,
        "is ",
        f"not in the catalog: {', '.join(missing.values())}",
        remedy,
    )


def content_distributed(facts: Facts) -> Check:
    """Every package in the catalog is on an endpoint that this client may use."""
    name = "content-distributed"
    usable = [c.endpoint.name for c in usable_endpoints(facts.deployment) if not c.obstacle]
    needed = _needed(facts)
    if not needed:
        return Check(name, CheckOutcome.DOES_NOT_APPLY, "no package is needed")
    if not usable:
        return Check(name, CheckOutcome.NOT_EXAMINED, "no endpoint can be asked")
    if isinstance(facts.catalog, str):
        return Check(name, CheckOutcome.NOT_EXAMINED, _CATALOG_FIRST)
    wanted = {package: label for package, label in needed.items() if package in facts.catalog}
    if not wanted:
        return Check(name, CheckOutcome.NOT_EXAMINED, _NONE_LISTED)
    answers = {endpoint: facts.holdings.get(endpoint, _NOT_ASKED) for endpoint in usable}
    held = {package for a in answers.values() if not isinstance(a, str) for package in a}
    missing = {p: label for p, label in wanted.items() if p not in held}
    if not missing:
        return _distributed(name, answers, len(needed) - len(wanted))
    said = [f"{e}: {a if isinstance(a, str) else 'not there'}" for e, a in answers.items()]
    return _lacking(
        name,
        facts,
        missing,
        "",
        "cannot be fetched from any endpoint that this client may use:"
        f" {', '.join(missing.values())}; {'; '.join(said)}",
        _remedy(answers, facts.holding_remedies),
    )


def _remedy(answers: Mapping[str, Answer], remedies: Mapping[str, str]) -> str:
    """What to do about packages that no endpoint gives: first about those that could not be asked.

    Args:
        answers: What each endpoint has, or why it could not be asked.
        remedies: What helps against that, by endpoint.
    """
    concerned: dict[str, list[str]] = {}
    for name, answer in answers.items():
        if isinstance(answer, str) and answer != _NOT_ASKED:
            remedy = remedies.get(name) or "Make sure that it can be reached and answers."
            concerned.setdefault(remedy, []).append(name)
    told = [f"{', '.join(names)}: {remedy}" for remedy, names in concerned.items()]
    if lacking := [name for name, answer in answers.items() if not isinstance(answer, str)]:
        one_of = "one of " if len(lacking) > 1 else ""
        distribute = f"istribute these packages to {one_of}{', '.join(lacking)}."
        told.append(f"Or d{distribute}" if told else f"D{distribute}")
    return " ".join(told) or "Distribute these packages to an endpoint that may be used here."


def _lacking(
    name: str, facts: Facts, missing: Iterable[str], verb: str, detail: str, remedy: str
) -> Check:
    """A failure if a step needs one of the packages, a warning if steps only may need them."""
    certain = {need.package_id for need in facts.needs if need.is_certain}
    if certain.isdisjoint(missing):
        return Check(name, CheckOutcome.WARNING, f"may be needed and {verb}{detail}", remedy)
    return Check(name, CheckOutcome.FAILED, detail, remedy)


def _distributed(name: str, answers: Mapping[str, Answer], unlisted: int) -> Check:
    """Everything that was looked for is there; what was not looked for is said too."""
    asked = ", ".join(
        f"{e} ({a})" if isinstance(a, str) else e for e, a in answers.items() if a != _NOT_ASKED
    )
    others = ", ".join(e for e, a in answers.items() if a == _NOT_ASKED)
    what = "every package can be fetched"
    if unlisted:
        what = f"every package in the catalog can be fetched ({unlisted} are not in it)"
    detail = f"{what}; asked: {asked}" + (
        f"; not asked in this network: {others}" if others else ""
    )
    return Check(name, CheckOutcome.PASSED, detail)


def disk_space(facts: Facts) -> Check:
    """What is still to be fetched fits on the disk and leaves the reserve free."""
    name = "disk-space"
    missing_bytes = facts.fetch_bytes + facts.reserve_bytes - facts.free_bytes
    if isinstance(facts.catalog, str):
        return Check(name, CheckOutcome.NOT_EXAMINED, _CATALOG_FIRST)
    needed = _needed(facts)
    if needed and facts.catalog.isdisjoint(needed):
        return Check(name, CheckOutcome.NOT_EXAMINED, _NONE_LISTED)
    if not facts.fetch_bytes:
        return Check(name, CheckOutcome.DOES_NOT_APPLY, "nothing is left to fetch")
    if missing_bytes <= 0:
        room = f"room for {_mb(facts.fetch_bytes)} at {facts.state_path}"
        return Check(name, CheckOutcome.PASSED, room)
    return Check(
        name,
        CheckOutcome.FAILED,
        f"{facts.state_path} has {facts.free_bytes // 10**6:,} MB free, but"
        f" {_mb(facts.fetch_bytes)} are to be fetched and {_mb(facts.reserve_bytes)} to stay free",
        f"Free {_mb(missing_bytes)} there, or put the state directory on a larger disk.",
    )


def path_lengths(facts: Facts) -> Check:
    """The steps' own programs can open all content. dlcore itself has no limit."""
    name = "path-lengths"
    if facts.too_long is None:
        return Check(name, CheckOutcome.DOES_NOT_APPLY, "this system has no such limit")
    if not facts.too_long:
        return Check(name, CheckOutcome.PASSED, "every program can open all content")
    listed = ", ".join(
        f"{each.package_id} ({each.count} paths, the longest of {each.longest_characters}"
        " characters)"
        for each in facts.too_long
    )
    return Check(
        name,
        CheckOutcome.WARNING,
        f"paths of 260 characters and more, which most programs cannot open: {listed}",
        "Choose a state directory with a shorter path, or publish with shorter names.",
    )


def _needed(facts: Facts) -> dict[str, str]:
    """Each needed package, in order of first need, and how to call it in a message."""
    labels: dict[str, str] = {}
    for need in facts.needs:
        place = f'step "{need.step}"' if need.step else "reference list"
        labels.setdefault(need.package_id, f"{need.package_id} ({place})")
    return labels


def _mb(count_bytes: int) -> str:
    """Megabytes, rounded up, as what is needed should be."""
    return f"{-(-count_bytes // 10**6):,} MB"
