"""What the commands of steps get as their environment."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.steps.commands.step_environment import (
    LOADER_PREFIXES,
    LOADER_VARIABLES,
    MAX_VALUE_CHARACTERS,
    step_environment,
)

CANARY = "canary"
_HARMLESS = """
    AWS_BUCKET AWS_BUCKET_NAME AWS_CHECKSUM_ALGORITHM AWS_CONDITIONAL_PUT AWS_COPY_IF_NOT_EXISTS
    AWS_DEFAULT_REGION AWS_DISABLE_BULK_DELETE AWS_DISABLE_TAGGING AWS_ENDPOINT AWS_ENDPOINT_URL
    AWS_ENDPOINT_URL_S3 AWS_IMDSV1_FALLBACK AWS_METADATA_ENDPOINT AWS_REGION AWS_REQUEST_PAYER
    AWS_ROLE_ARN AWS_ROLE_SESSION_NAME AWS_S3_EXPRESS AWS_SERVER_SIDE_ENCRYPTION AWS_SKIP_SIGNATURE
    AWS_STS_ENDPOINT AWS_UNSIGNED_PAYLOAD AWS_VIRTUAL_HOSTED_STYLE_REQUEST AZURE_AUTHORITY_HOST
    AZURE_AUTHORITY_ID AZURE_CLIENT_ID AZURE_CONTAINER_NAME AZURE_DISABLE_TAGGING AZURE_ENDPOINT
    AZURE_FABRIC_CLUSTER_IDENTIFIER AZURE_FABRIC_WORKLOAD_HOST AZURE_IDENTITY_ENDPOINT
    AZURE_MSI_ENDPOINT AZURE_MSI_RESOURCE_ID AZURE_OBJECT_ID AZURE_SKIP_SIGNATURE
    AZURE_STORAGE_ACCOUNT_NAME AZURE_STORAGE_AUTHORITY_HOST AZURE_STORAGE_AUTHORITY_ID
    AZURE_STORAGE_CLIENT_ID AZURE_STORAGE_ENDPOINT AZURE_STORAGE_TENANT_ID
    AZURE_STORAGE_USE_EMULATOR AZURE_TENANT_ID AZURE_USE_AZURE_CLI GOOGLE_BASE_URL GOOGLE_BUCKET
    GOOGLE_BUCKET_NAME GOOGLE_SKIP_SIGNATURE
"""
HARMLESS = frozenset(_HARMLESS.split())
"""What the library for object stores reads and holds no credential."""


@pytest.mark.parametrize(
    "name",
    [
        *("DLCORE_TOKEN", "DLCORE_SAS", "dlcore_token", "DLCORE_ANYTHING", "MY_TOKEN", "my_token"),
        *("OTEL_EXPORTER_OTLP_HEADERS", "otel_exporter_otlp_traces_headers"),
    ],
)
def test_no_credential_of_the_process_is_passed_on(name: str) -> None:
    """Fault K4: a token lies in dlcore's environment. dlcore passes it to no command."""
    made = step_environment({name: CANARY, "OTHER": "x"}, {}, {"MY_TOKEN"})
    assert made.values == {"OTHER": "x"}
    assert made.withheld == (name,)


def test_no_credential_that_the_library_for_buckets_reads_is_passed_on() -> None:
    """Fault K4: dlcore reads a bucket by its environment. dlcore passes no command the key."""
    obstore = pytest.importorskip("obstore")
    told = (Path(obstore.__file__).parent / "_store").glob("*.pyi")
    text = " ".join(path.read_text(encoding="utf-8") for path in told)
    read = set(re.findall(r"`((?:AWS|AZURE|GOOGLE)_[A-Z0-9_]+)`", text))
    assert {"AWS_SECRET_ACCESS_KEY", "AZURE_STORAGE_SAS_TOKEN", "GOOGLE_SERVICE_ACCOUNT"} <= read
    given = dict.fromkeys((*read, *map(str.lower, read), "IDENTITY_HEADER"), CANARY)
    made = step_environment(given, {}, ())
    assert {name.upper() for name in made.values} == read & HARMLESS
    assert set(step_environment({}, dict.fromkeys(read, "x"), ()).values) == read, "its own key"


@pytest.mark.parametrize(
    ("proxy", "passed"),
    [
        ("http://user:canary@proxy:8080", "http://proxy:8080"),
        ("http://user:can@ry@proxy:8080/", "http://proxy:8080/"),
        ("user:canary@proxy:8080", "http://proxy:8080"),
        ("http://[canary@proxy", ""),
        ("http://user:can/ary@proxy", ""),
        ("//user:canary@proxy", ""),
        ("http:/user:canary@proxy", ""),
        ("http://proxy:8080/?key=canary", "http://proxy:8080/"),
        ("http://proxy:8080", "http://proxy:8080"),
        ("proxy:8080", "proxy:8080"),
    ],
)
@pytest.mark.parametrize(
    "name",
    [
        *("HTTPS_PROXY", "http_proxy", "ALL_PROXY", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        *("otel_exporter_otlp_traces_endpoint", "AWS_ENDPOINT_URL", "AZURE_PROXY_URL"),
    ],
)
def test_the_password_of_a_proxy_is_not_passed_on(name: str, proxy: str, passed: str) -> None:
    """Fault: the proxy's URL contains a password. dlcore passes the URL on without it."""
    assert step_environment({name: proxy}, {}, ()).values == {name: passed}


@pytest.mark.parametrize(
    "name",
    [
        *sorted(LOADER_VARIABLES),
        *(f"{prefix}X" for prefix in LOADER_PREFIXES),
        *("ld_preload", "Path", "PythonPath", "HTTPS_PROXY", "DLCORE_VARIABLES"),
        *("BASH_FUNC_ls%%", "A=B", "", "a b", "A\nB"),
    ],
)
def test_a_task_sequence_variable_never_chooses_what_is_loaded(name: str) -> None:
    """Fault: a task sequence sets PATH, LD_PRELOAD or the like. dlcore does not pass it on."""
    made = step_environment({}, {name: "x", "Own-Name_1": "y"}, ())
    assert made.values == {"Own-Name_1": "y"}
    assert made.not_set == (name,)


@given(st.text(min_size=1), st.text(), st.text())
def test_a_task_sequence_variable_never_replaces_what_the_process_has(
    name: str, own: str, other: str
) -> None:
    values = step_environment({name: own}, {name.upper(): other, name.lower(): other}, ()).values
    assert other == own or other not in values.values()


@pytest.mark.parametrize("value", ["a\0b", "x" * (MAX_VALUE_CHARACTERS + 1)])
def test_a_value_that_no_environment_can_hold_is_left_out(value: str) -> None:
    made = step_environment({}, {"A": value, "B": "x" * MAX_VALUE_CHARACTERS}, ())
    assert (list(made.values), made.not_set) == (["B"], ("A",))
