"""The documents about settings and exit statuses tell what the code does."""

from __future__ import annotations

import enum
import re
from pathlib import Path

import msgspec
import pytest

from dlcore import deployment, errors
from dlcore.deployment import (
    CheckOutcome,
    Deployment,
    Place,
    check_boundary,
    checks,
    failed,
    parse_deployment,
    usable_endpoints,
    way_of,
)
from dlcore.model import EndpointKind, EndpointSettings, WebAccess
from tests.deployment.helpers import GOOD_FACTS

DOCS = Path(__file__).parent.parent.parent / "docs"
CONFIGURATION = (DOCS / "configuration.md").read_text(encoding="utf-8")
EXIT_CODES = (DOCS / "exit-codes.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```", CONFIGURATION, re.DOTALL)


def parsed(example: str) -> Deployment:
    return parse_deployment(example.encode(), Path("/etc/dlcore/deployment.toml"))


def rows(heading: str) -> dict[str, str]:
    """The first two cells of each row of the tables below a heading."""
    section = re.split(rf"^## {re.escape(heading)}", CONFIGURATION, flags=re.MULTILINE)[1]
    section = re.split(r"^## ", section, flags=re.MULTILINE)[0]
    return dict(re.findall(r"^\| `([^|]+)` \| ([^|]*) \|", section, re.MULTILINE))


def all_errors(
    root: type[errors.DlcoreError] = errors.DlcoreError,
) -> set[type[errors.DlcoreError]]:
    return {root}.union(*(all_errors(child) for child in root.__subclasses__()))


def test_the_full_example_uses_every_setting_and_would_pass() -> None:
    full = parsed(EXAMPLES[0])
    facts = msgspec.structs.replace(GOOD_FACTS, deployment=full)
    held = {endpoint.name: frozenset({"ABC00001", "ABC00002"}) for endpoint in full.endpoints}
    assert failed(checks(msgspec.structs.replace(facts, holdings=held))) == ()
    assert full.content.reserve_bytes == 2 << 30
    assert full.cache.max_share == 0.1
    assert len(full.cache.seeds) == 1
    assert full.conditions.facts["C:\\Windows\\System32\\reagentc.exe"] is True
    assert [endpoint.connections for endpoint in full.endpoints] == [64, 16, 64]
    assert [endpoint.cost for endpoint in full.endpoints] == [0, 1, 0]
    assert [endpoint.cap_bytes_per_s for endpoint in full.endpoints] == [0, 5_000_000, 0]


def test_the_least_example_passes_on_the_intranet() -> None:
    least = parsed(EXAMPLES[1])
    facts = msgspec.structs.replace(GOOD_FACTS, deployment=least)
    held = {"folder": frozenset({"ABC00001", "ABC00002"})}
    assert failed(checks(msgspec.structs.replace(facts, holdings=held))) == ()


@pytest.mark.parametrize(
    ("heading", "shape"),
    [
        ("`[deployment]`", deployment.DeploymentOptions),
        ("`[client]`", deployment.ClientSettings),
        ("`[launch]`", deployment.LaunchSettings),
        ("`[catalog]`", deployment.CatalogSettings),
        ("`[transfer]`", deployment.TransferSettings),
        ("`[content]`", deployment.ContentSettings),
        ("`[conditions]`", deployment.ConditionSettings),
        ("`[background]`", deployment.BackgroundSettings),
    ],
)
def test_every_key_has_a_row_with_its_default(heading: str, shape: type[msgspec.Struct]) -> None:
    defaults = rows(heading)
    fields = {field.encode_name: field for field in msgspec.structs.fields(shape)}
    assert {key.removeprefix("[conditions.").rstrip("]") for key in defaults} == set(fields)
    for key, field in fields.items():
        if isinstance(field.default, int | enum.Enum):
            default = msgspec.json.encode(field.default).decode()
            assert defaults[key].startswith(f"`{default}`")


def test_every_key_of_an_endpoint_has_a_row() -> None:
    shapes = (EndpointSettings, WebAccess)
    keys = {field.encode_name for shape in shapes for field in msgspec.structs.fields(shape)}
    keys = keys - {"web"} | {"path"}
    kinds = {kind.value for kind in EndpointKind}
    told = {key for cell in rows("`[[endpoint]]`") for key in cell.split("`, `")}
    assert told == keys | kinds


def test_every_check_has_a_row() -> None:
    assert list(rows("Preflight")) == [check.name for check in checks(GOOD_FACTS)]


def test_every_error_has_a_row_with_its_exit_status() -> None:
    told = {
        (int(status), code)
        for status, codes in re.findall(r"^\| (\d+) \| ([^|]*) \|", EXIT_CODES, re.MULTILINE)
        for code in re.findall(r"`([^`]+)`", codes)
    }
    signals = {(130, "interrupted"), (143, "terminated")}
    assert told == {(error.exit_status, error.code) for error in all_errors()} | signals


def test_the_statuses_that_are_no_errors_have_rows_too() -> None:
    for status in (0, 16, 141):
        assert re.search(rf"^\| {status} \| \|", EXIT_CODES, re.MULTILINE)


BOUNDARY_GROUPS = (DOCS / "boundary-groups.md").read_text(encoding="utf-8")
LAYOUTS = re.findall(r"```toml\n(.*?)```", BOUNDARY_GROUPS, re.DOTALL)


@pytest.mark.parametrize(
    ("heading", "shape"),
    [
        ("## Keys of `[boundary]`", deployment.BoundarySettings),
        ("## Keys of `[[boundary.group]]`", deployment.BoundaryGroup),
    ],
)
def test_every_key_of_boundary_groups_has_a_row(heading: str, shape: type[msgspec.Struct]) -> None:
    section = BOUNDARY_GROUPS.split(heading)[1].split("\n## ")[0]
    told = dict(re.findall(r"^\| `([^|]+)` \| ([^|]*) \|", section, re.MULTILINE))
    fields = {field.encode_name: field for field in msgspec.structs.fields(shape)}
    assert set(told) == set(fields)
    for key, field in fields.items():
        if isinstance(field.default, int | enum.Enum):
            assert told[key] == f"`{msgspec.json.encode(field.default).decode()}`"


@pytest.mark.parametrize(
    ("layout", "place", "groups"),
    [
        (0, Place(frozenset({"10.20.1.1"})), ["branch", "head-office", "site default"]),
        (0, Place(site="berlin"), ["head-office", "site default"]),
        (0, Place(frozenset({"10.30.1.1"})), ["site default"]),
        (1, Place(frozenset({"10.9.1.1"}), has_tunnel=True), ["vpn", "cloud"]),
        (1, Place(frozenset({"10.1.1.1"})), ["office", "cloud"]),
        (1, Place(frozenset({"192.168.1.2"})), ["cloud"]),
        (2, Place(frozenset({"10.50.1.1"})), ["shop-floor"]),
        (2, Place(frozenset({"10.51.1.1"})), ["factory-office", "shop-floor"]),
    ],
)
def test_the_layouts_of_sites_do_what_the_page_says(
    layout: int, place: Place, groups: list[str]
) -> None:
    settings = parsed(LAYOUTS[layout])
    assert [stage.group for stage in way_of(settings.boundary, place).stages] == groups
    assert check_boundary(settings, place).outcome is CheckOutcome.PASSED
    assert not any(obstacle for _, obstacle in usable_endpoints(settings))
