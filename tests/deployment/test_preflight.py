"""Each prerequisite: what passes, what fails, and what a reader is told."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from dlcore.deployment import (
    BoundaryGroup,
    BoundarySettings,
    Check,
    CheckOutcome,
    DeploymentOptions,
    Download,
    Facts,
    Launch,
    LaunchSettings,
    Need,
    Place,
    StepNote,
    TooLong,
    UnresolvedNeed,
    checks,
    failed,
    render,
)
from tests.deployment.helpers import (
    BLOB,
    CLOUD_DP,
    CMG,
    DP,
    FOLDER,
    GOOD_FACTS,
    HTTP,
    check_named,
    client,
    deployed,
)

NAMES = [
    *("upgrade-sequence", "download-setting", "internet-allowed", "cmg-client-setting"),
    *("cloud-dp-client-setting", "cmg-serves-content", "launch", "endpoints"),
    "boundary-groups",
    *("unrunnable-steps", "children-present", "content-foreseen", "references-explained"),
    *("references-resolved", "catalog", "content-distributed", "disk-space", "path-lengths"),
]
INTRANET = client(deployed(GOOD_FACTS, endpoints=(DP, CMG)), on_internet=False)
OFF_CMG = msgspec.structs.replace(CMG, serves_content=False)


def with_(**changes: object) -> Facts:
    return msgspec.structs.replace(GOOD_FACTS, **changes)


def options(download: Download, *, allow_on_internet: bool = True) -> DeploymentOptions:
    return DeploymentOptions(download, allow_on_internet)


FAILURES: list[tuple[str, Facts, list[str]]] = [
    (
        "upgrade-sequence",
        with_(upgrade_steps=()),
        ["no enabled step", "Upgrade Operating System", "client.on_internet = false"],
    ),
    (
        "download-setting",
        deployed(GOOD_FACTS, options=options(Download.FROM_DP)),
        ["SMB", "never verified", "when-needed", "before-start"],
    ),
    (
        "internet-allowed",
        deployed(GOOD_FACTS, options=options(Download.WHEN_NEEDED, allow_on_internet=False)),
        [
            "Allow task sequence to run for client on the Internet",
            "allow_on_internet = true",
            "client.on_internet",
        ],
    ),
    (
        "cmg-client-setting",
        client(GOOD_FACTS, use_cmg=False),
        ["Enable clients to use a cloud management gateway", "cmg1", "client.use_cmg = true"],
    ),
    (
        "cloud-dp-client-setting",
        client(deployed(GOOD_FACTS, endpoints=(HTTP, CLOUD_DP, BLOB)), allow_cloud_dp=False),
        ["Allow access to cloud distribution point", "cdp1, blob1", "allow_cloud_dp = true"],
    ),
    (
        "cmg-serves-content",
        deployed(GOOD_FACTS, endpoints=(OFF_CMG, HTTP)),
        ["function as a cloud distribution point", "cmg1", "serves_content = true"],
    ),
    *(
        (
            "launch",
            deployed(GOOD_FACTS, launch=LaunchSettings(origin)),
            [origin.value, "Windows PE", "Software Center"],
        )
        for origin in (Launch.WINDOWS_PE, Launch.PXE, Launch.MEDIA)
    ),
    ("endpoints", deployed(GOOD_FACTS, endpoints=()), ["no endpoint is listed", "[[endpoint]]"]),
    (
        "boundary-groups",
        msgspec.structs.replace(
            deployed(
                GOOD_FACTS, boundary=BoundarySettings((BoundaryGroup("vpn", ("cmg1",), vpn=True),))
            ),
            place=Place(),
        ),
        ["no group describes this network", "[[boundary.group]]"],
    ),
    (
        "endpoints",
        deployed(GOOD_FACTS, endpoints=(DP,)),
        ["dp1 (an on-premises distribution point cannot be reached from the internet)"],
    ),
    (
        "unrunnable-steps",
        with_(
            obstacles=(
                StepNote(3, "Upgrade", "Windows Setup runs on Windows only"),
                StepNote(5, "Apps", "no executor is installed"),
            )
        ),
        [
            'cannot run step 3 "Upgrade": Windows Setup runs on Windows only; step 5 "Apps": no',
            "dlcore.step_executors",
            "--simulate",
        ],
    ),
    (
        "children-present",
        with_(missing_children=(StepNote(1, "Child: drivers", "ABC00090"),)),
        ['lacks task sequences: step 1 "Child: drivers": ABC00090', "Export"],
    ),
    (
        "references-resolved",
        with_(
            unresolved=(UnresolvedNeed("Apply image", "%IMAGE%"), UnresolvedNeed("Apps", "X001"))
        ),
        ['%IMAGE% (step "Apply image")', 'X001 (step "Apps")', "[variables]"],
    ),
    (
        "catalog",
        with_(catalog=frozenset({"ABC00001"})),
        ['not in the catalog: ABC00002 (step "Drivers").', "dlcore publish"],
    ),
    (
        "catalog",
        with_(catalog="cmg1: certificate has expired"),
        ["cannot be read: cmg1: certificate has expired", "catalog.path"],
    ),
    (
        "catalog",
        with_(catalog="w: token file is empty", catalog_remedy="Write a token into it."),
        ["cannot be read: w: token file is empty", "Write a token into it."],
    ),
    (
        "content-distributed",
        with_(holdings={"cmg1": frozenset({"ABC00001"}), "mirror": "timed out"}),
        ['ABC00002 (step "Drivers")', "cmg1: not there", "distribute these packages to cmg1"],
    ),
    (
        "content-distributed",
        with_(
            holdings={"cmg1": "401", "mirror": "the user is not accepted"},
            holding_remedies={"mirror": "Correct user and password."},
        ),
        [
            "cmg1: 401; mirror: the user is not accepted.",
            "cmg1: Make sure that it can be reached and answers.",
            "mirror: Correct user and password.",
        ],
    ),
    (
        "content-distributed",
        with_(holdings={"cmg1": frozenset({"ABC00002"})}),
        ['ABC00001 (step "Upgrade Windows")', "mirror: may not be used in this network"],
    ),
    (
        "disk-space",
        with_(free_bytes=5_999_999_999),
        [
            f"{Path('/var/lib/dlcore')} has 5,999 MB free",
            "5,000 MB",
            "1,000 MB to stay free",
            "Free 1 MB",
        ],
    ),
]


def test_every_prerequisite_is_one_check_and_passes_when_met() -> None:
    results = checks(GOOD_FACTS)
    assert [check.name for check in results] == NAMES
    assert failed(results) == ()


@pytest.mark.parametrize(("name", "facts", "said"), FAILURES)
def test_a_prerequisite_not_met_fails_alone_and_says_what_to_do(
    name: str, facts: Facts, said: list[str]
) -> None:
    (check,) = failed(checks(facts))
    assert check.name == name
    assert check.remedy
    line = render([check])
    for text in said:
        assert text in line


ONLY_WARN = {"content-foreseen", "references-explained", "path-lengths"}


def test_every_check_has_a_case_in_which_it_fails() -> None:
    assert {name for name, _, _ in FAILURES} == set(NAMES) - ONLY_WARN


@pytest.mark.parametrize(
    ("name", "facts", "said"),
    [
        (
            "content-foreseen",
            with_(untold=(StepNote(2, "apps", "known by its deployment types"),)),
            ['step 2 "apps": known by its deployment types', "by themselves"],
        ),
        (
            "path-lengths",
            with_(too_long=(TooLong("ABC00001", 3, 301),)),
            ["ABC00001 (3 paths, the longest of 301 characters)", "shorter path"],
        ),
        (
            "references-explained",
            with_(unexplained=("ABC00007", "ABC00008")),
            ["ABC00007, ABC00008"],
        ),
        (
            "catalog",
            with_(needs=(Need("ABC00001", "Upgrade"), Need("ABC00009", "D", is_certain=False))),
            ['may be needed and is not in the catalog: ABC00009 (step "D")', "dlcore publish"],
        ),
        (
            "catalog",
            with_(needs=(Need("ABC00009", "", is_certain=False),)),
            ["ABC00009 (reference list)"],
        ),
        (
            "content-distributed",
            with_(
                needs=(Need("ABC00002", "D", is_certain=False),),
                holdings={"cmg1": frozenset({"ABC00001"}), "mirror": "timed out"},
            ),
            ["may be needed and cannot be fetched", "mirror: timed out"],
        ),
    ],
)
def test_what_may_go_well_is_a_warning_that_names_it(
    name: str, facts: Facts, said: list[str]
) -> None:
    assert failed(checks(facts)) == ()
    check = check_named(name, facts)
    assert check.outcome is CheckOutcome.WARNING
    assert check.remedy
    for text in said:
        assert text in render([check])


def test_a_package_that_one_step_needs_for_certain_is_not_only_a_warning() -> None:
    needs = (Need("ABC00009", "First", is_certain=False), Need("ABC00009", "Second"))
    assert check_named("catalog", with_(needs=needs)).outcome is CheckOutcome.FAILED


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("upgrade-sequence", msgspec.structs.replace(INTRANET, upgrade_steps=())),
        ("internet-allowed", deployed(INTRANET, options=DeploymentOptions())),
        ("cmg-client-setting", client(INTRANET, use_cmg=False)),
        ("cloud-dp-client-setting", client(INTRANET, allow_cloud_dp=False)),
        ("cmg-serves-content", deployed(INTRANET, endpoints=(DP, OFF_CMG))),
        ("cmg-client-setting", client(deployed(GOOD_FACTS, endpoints=(HTTP,)), use_cmg=False)),
        ("cloud-dp-client-setting", client(deployed(GOOD_FACTS, endpoints=(HTTP,)))),
        ("cmg-serves-content", deployed(GOOD_FACTS, endpoints=(HTTP, FOLDER))),
        ("disk-space", with_(fetch_bytes=0, free_bytes=0)),
        ("content-distributed", with_(needs=())),
        ("unrunnable-steps", with_(simulated=True, obstacles=())),
    ],
)
def test_a_check_that_does_not_apply_says_so(name: str, changed: Facts) -> None:
    check = check_named(name, changed)
    assert check.outcome is CheckOutcome.DOES_NOT_APPLY
    assert not check.remedy


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("content-distributed", deployed(GOOD_FACTS, endpoints=())),
        ("unrunnable-steps", with_(obstacles=None)),
        ("content-distributed", with_(catalog="it is not there", holdings={})),
        ("content-distributed", with_(catalog=frozenset({"ABC00009"}), holdings={})),
        ("disk-space", with_(catalog="it is not there", fetch_bytes=0)),
        ("disk-space", with_(catalog=frozenset({"ABC00009"}), fetch_bytes=0)),
    ],
)
def test_a_check_that_could_not_look_says_so_and_never_passes(name: str, changed: Facts) -> None:
    """Fault: the catalog cannot be read. dlcore says which checks it therefore did not make."""
    check = check_named(name, changed)
    assert check.outcome is CheckOutcome.NOT_EXAMINED
    assert not check.remedy


def test_on_the_intranet_an_open_reference_is_a_warning_that_names_it() -> None:
    facts = msgspec.structs.replace(INTRANET, unresolved=(UnresolvedNeed("Apps", "APP001"),))
    check = check_named("references-resolved", facts)
    assert check.outcome is CheckOutcome.WARNING
    assert 'APP001 (step "Apps")' in check.detail
    assert "[variables]" in check.remedy


def test_what_an_endpoint_answered_is_told_also_if_others_have_everything() -> None:
    everything = frozenset({"ABC00001", "ABC00002"})
    check = check_named(
        "content-distributed", with_(holdings={"cmg1": everything, "mirror": "busy"})
    )
    assert check.outcome is CheckOutcome.PASSED
    assert check.detail.endswith("asked: cmg1, mirror (busy)")


def test_where_only_logins_are_refused_nothing_is_to_be_distributed() -> None:
    """Fault: every endpoint refuses the login. The preflight says to correct that, and nothing
    else.
    """
    refused = dict.fromkeys(("cmg1", "mirror"), "the user is not accepted")
    facts = with_(holdings=refused, holding_remedies=dict.fromkeys(refused, "Correct the user."))
    check = check_named("content-distributed", facts)
    assert check.outcome is CheckOutcome.FAILED
    assert check.remedy == "cmg1, mirror: Correct the user."


def test_who_was_not_asked_is_not_said_to_have_been() -> None:
    everything = frozenset({"ABC00001", "ABC00002"})
    check = check_named("content-distributed", with_(holdings={"cmg1": everything}))
    assert check.detail.endswith("asked: cmg1; not asked in this network: mirror")


def test_packages_that_are_not_in_the_catalog_are_not_said_to_be_there() -> None:
    check = check_named("content-distributed", with_(catalog=frozenset({"ABC00001"})))
    assert check.outcome is CheckOutcome.PASSED
    assert "in the catalog can be fetched (1 are not in it)" in check.detail


@pytest.mark.parametrize("download", [Download.WHEN_NEEDED, Download.BEFORE_START])
def test_both_ways_to_download_are_allowed(download: Download) -> None:
    facts = deployed(GOOD_FACTS, options=options(download))
    assert check_named("download-setting", facts).outcome is CheckOutcome.PASSED


def test_content_may_be_spread_over_endpoints_while_another_does_not_answer() -> None:
    facts = deployed(GOOD_FACTS, endpoints=(CLOUD_DP, CMG, HTTP))
    spread = {"cmg1": frozenset({"ABC00001"}), "mirror": frozenset({"ABC00002"})}
    facts = msgspec.structs.replace(facts, holdings={**spread, "cdp1": "timed out"})
    assert failed(checks(facts)) == ()


def test_content_on_an_endpoint_that_this_client_may_not_use_does_not_count() -> None:
    everything = frozenset({"ABC00001", "ABC00002"})
    facts = deployed(GOOD_FACTS, endpoints=(DP, CMG))
    facts = msgspec.structs.replace(facts, holdings={"dp1": everything, "cmg1": frozenset()})
    (check,) = failed(checks(facts))
    assert check.name == "content-distributed"
    assert "dp1" not in check.detail


def test_a_package_needed_twice_is_named_once_with_the_first_step() -> None:
    needs = (Need("ABC00009", "First"), Need("ABC00009", "Second"))
    (check,) = failed(checks(with_(needs=needs)))
    assert check.detail == 'not in the catalog: ABC00009 (step "First")'


def test_an_endpoint_left_out_is_named_although_the_check_passes() -> None:
    check = check_named("endpoints", deployed(GOOD_FACTS, endpoints=(HTTP, DP)))
    assert check.outcome is CheckOutcome.PASSED
    assert check.detail.startswith("in use: mirror; left out: dp1 (")


def test_a_sequence_without_packages_needs_none_in_the_catalog() -> None:
    assert failed(checks(with_(needs=(), catalog=frozenset(), holdings={}))) == ()


def test_disk_space_that_fits_to_the_byte_is_enough() -> None:
    facts = with_(fetch_bytes=7, reserve_bytes=3, free_bytes=10)
    assert check_named("disk-space", facts).outcome is CheckOutcome.PASSED
    less = msgspec.structs.replace(facts, free_bytes=9)
    assert check_named("disk-space", less).outcome is CheckOutcome.FAILED


def test_rendering_gives_one_printable_line_a_check_whatever_it_quotes() -> None:
    text = render(
        [
            Check("launch", CheckOutcome.PASSED, "started\nfrom \x1b[31mSoftware\u202e Center"),
            Check("catalog", CheckOutcome.FAILED, "not there", "Put it there."),
        ]
    )
    assert text.splitlines() == [
        "passed  launch: started\\nfrom \\x1b[31mSoftware\\u202e Center.",
        "failed  catalog: not there. Put it there.",
    ]
