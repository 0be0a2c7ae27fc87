"""The prerequisites that lie in content: known, published, distributed, and room for it.

Guarantees: each function makes one check; a package is named with the first step that needs it.
Conditions do not count: as in ConfigMgr, content that an enabled step refers to must be there even
if the step may turn out not to run.

Source: Microsoft Learn, "Deploy a task sequence over the internet", section "Deploy Windows 10
in-place upgrade via CMG": all content must be distributed, or devices cannot run the sequence.
"""

from __future__ import annotations

from dlcore.deployment.facts import Check, Facts
from dlcore.deployment.usable_endpoints import usable_endpoints


def references_resolved(facts: Facts) -> Check:
    """Every package can be told before the sequence runs."""
    name = "references-resolved"
    if not facts.unresolved:
        return Check(name, True, "every package is known beforehand")
    listed = ", ".join(f'{need.reference} (step "{need.step}")' for need in facts.unresolved)
    if not facts.deployment.client.on_internet:
        return Check(name, True, f"looked up when the step runs, being on the intranet: {listed}")
    return Check(
        name,
        False,
        "over the internet every package must be known before the sequence runs, but these are"
        f" not: {listed}",
        "Set their variables in [variables], or name the packages in the steps.",
    )


def catalog(facts: Facts) -> Check:
    """Every package is in the catalog."""
    name = "catalog"
    if isinstance(facts.catalog, str):
        return Check(
            name,
            False,
            f"the catalog cannot be read: {facts.catalog}",
            "Correct catalog.path or catalog.endpoint.",
        )
    needed = _needed(facts)
    missing = ", ".join(label for package, label in needed.items() if package not in facts.catalog)
    if not missing:
        return Check(name, True, f"has all packages, {len(needed)} in number")
    return Check(
        name,
        False,
        f"not in the catalog: {missing}",
        "Publish them (dlcore publish FOLDER --package-id ID --to DEST), and use the catalog that"
        " this writes.",
    )


def content_distributed(facts: Facts) -> Check:
    """Every package in the catalog is on an endpoint that this client may use."""
    name = "content-distributed"
    usable = [c.endpoint.name for c in usable_endpoints(facts.deployment) if not c.obstacle]
    if not usable:
        return Check(name, True, "not checked: no endpoint can be asked")
    if isinstance(facts.catalog, str):
        return Check(name, True, "not checked: the catalog is needed first")
    answers = {endpoint: facts.holdings.get(endpoint, "was not asked") for endpoint in usable}
    held = {package for a in answers.values() if not isinstance(a, str) for package in a}
    wanted = {
        package: label for package, label in _needed(facts).items() if package in facts.catalog
    }
    missing = ", ".join(label for package, label in wanted.items() if package not in held)
    if not missing:
        return Check(name, True, f"every package can be fetched; asked: {', '.join(usable)}")
    said = [f"{e}: {a if isinstance(a, str) else 'not there'}" for e, a in answers.items()]
    return Check(
        name,
        False,
        f"on no endpoint that this client may use: {missing}; their answers: {', '.join(said)}",
        "Distribute these packages to one of these endpoints, or make sure that it answers.",
    )


def disk_space(facts: Facts) -> Check:
    """What is still to be fetched fits on the disk and leaves the reserve free."""
    name = "disk-space"
    missing_bytes = facts.fetch_bytes + facts.reserve_bytes - facts.free_bytes
    if not facts.fetch_bytes:
        return Check(name, True, "does not apply: nothing is left to fetch")
    if missing_bytes <= 0:
        return Check(name, True, f"room for {_mb(facts.fetch_bytes)} at {facts.state_path}")
    return Check(
        name,
        False,
        f"{facts.state_path} has {facts.free_bytes // 10**6:,} MB free, but"
        f" {_mb(facts.fetch_bytes)} are to be fetched and {_mb(facts.reserve_bytes)} to stay free",
        f"Free {_mb(missing_bytes)} there, or put the state directory on a larger disk.",
    )


def _needed(facts: Facts) -> dict[str, str]:
    """Each needed package, in order of first need, and how to call it in a message."""
    labels: dict[str, str] = {}
    for need in facts.needs:
        labels.setdefault(need.package_id, f'{need.package_id} (step "{need.step}")')
    return labels


def _mb(count_bytes: int) -> str:
    """Megabytes, rounded up, as what is needed should be."""
    return f"{-(-count_bytes // 10**6):,} MB"
