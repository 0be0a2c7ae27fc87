"""Object stores as the environment describes them: reached by TLS, signed for or not."""

from __future__ import annotations

from pathlib import Path

import pytest
from obstore.exceptions import GenericError

from dlcore.buckets import CannotSignError, StoredBucket
from dlcore.buckets.faults import store_faults
from dlcore.buckets.opening import is_on_this_machine, shared_signature, skips_signatures
from dlcore.errors import ConfigError, Fault, TransferError

S3 = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "CANARY", "AWS_REGION": "eu-west-1"}


@pytest.mark.parametrize(
    ("scheme", "environment", "is_here"),
    [
        ("s3", {}, False),
        ("s3", {"AWS_ENDPOINT": "https://minio.contoso.com"}, False),
        ("s3", {"AWS_ENDPOINT_URL": "http://127.0.0.1:9000"}, True),
        ("s3", {"AZURE_STORAGE_ENDPOINT": "http://10.0.0.1"}, False),
        ("az", {"azure_storage_endpoint": "HTTP://localhost:10000"}, True),
        ("az", {"AZURE_STORAGE_USE_EMULATOR": "true"}, True),
        ("gs", {"AZURE_STORAGE_USE_EMULATOR": "true"}, False),
    ],
)
def test_plain_http_is_for_this_machine_alone(
    scheme: str, environment: dict[str, str], *, is_here: bool
) -> None:
    assert is_on_this_machine(scheme, environment) is is_here


def test_a_store_elsewhere_without_tls_is_refused() -> None:
    """Fault: the environment names a store without TLS. dlcore trusts nothing that comes so."""
    with pytest.raises(ConfigError, match="AWS_ENDPOINT names a store that is reached without TLS"):
        is_on_this_machine("s3", {"AWS_ENDPOINT": "http://10.0.0.1"})


def test_a_server_that_is_not_there_is_told_without_the_words_of_the_library() -> None:
    """Fault: a site's server does not run. dlcore says that, and not how its library retried."""
    text = (
        "Generic HTTP error: Error performing HEAD http://127.0.0.1:9/catalog.json in 5.677210912s,"
        " after 10 retries, max_retries: 10, retry_timeout: 180s  - HTTP error: error sending"
        " request"
    )
    with pytest.raises(TransferError) as raised, store_faults("http://127.0.0.1:9/"):
        raise GenericError(text)
    assert raised.value.fault is Fault.CONNECT
    assert raised.value.message.endswith("no connection, or it broke before an answer came")
    assert "Check the address" in raised.value.remedy


def test_an_environment_may_say_to_sign_nothing() -> None:
    assert skips_signatures("s3", {"AWS_SKIP_SIGNATURE": "True"})
    assert not skips_signatures("s3", {"AZURE_SKIP_SIGNATURE": "true"})


async def test_a_key_signs_a_url_without_asking_anyone(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("obstore")
    for name, value in S3.items():
        monkeypatch.setenv(name, value)
    url = await StoredBucket("s3://bucket/pre fix").sign("a b", 300)
    assert url.startswith("https://s3.eu-west-1.amazonaws.com/bucket/pre%20fix/a%20b?X-Amz-")
    assert "X-Amz-Expires=300&" in url
    assert "CANARY" not in url
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    with pytest.raises(CannotSignError):
        await StoredBucket("s3://bucket").sign("a", 300)


async def test_a_service_of_credentials_that_does_not_answer_may_do_so_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tmp_path / "token"
    token.write_text("CANARY")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/reader")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "https://127.0.0.1:9")
    with pytest.raises(CannotSignError) as asked:
        await StoredBucket("s3://bucket").sign("a", 300)
    assert asked.value.is_temporary
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    with pytest.raises(CannotSignError) as skipped:
        await StoredBucket("s3://bucket").sign("a", 300)
    assert not skipped.value.is_temporary


@pytest.mark.parametrize(
    ("scheme", "environment", "query"),
    [
        ("az", {"AZURE_STORAGE_SAS_TOKEN": "?sv=1&sig=a%2Bb%3D"}, "sv=1&sig=a%2Bb%3D"),
        ("az", {"azure_storage_sas_key": " sv=1&sig=a+b=\n"}, "sv=1&sig=a%2Bb%3D"),
        ("az", {"AZURE_STORAGE_SAS_KEY": "", "AZURE_STORAGE_SAS_TOKEN": "sig=b"}, "sig=b"),
        ("az", {}, ""),
        ("s3", {"AZURE_STORAGE_SAS_TOKEN": "sig=b"}, ""),
    ],
)
def test_a_signature_of_azure_is_read_as_its_library_does(
    scheme: str, environment: dict[str, str], query: str
) -> None:
    assert shared_signature(scheme, environment) == query


async def test_a_signature_in_the_environment_is_that_of_every_url(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("obstore")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", "sv=2024-11-04&sp=r&sig=a%2Fb%3D")
    url = await StoredBucket("az://bucket/pre fix").sign("a b", 300)
    at = "https://account.blob.core.windows.net/bucket/pre%20fix/a%20b"
    assert url == f"{at}?sv=2024-11-04&sp=r&sig=a%2Fb%3D"
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", "http://127.0.0.1:10000/account")
    url = await StoredBucket("az://bucket").sign("a", 300)
    assert url == "http://127.0.0.1:10000/account/bucket/a?sv=2024-11-04&sp=r&sig=a%2Fb%3D"
