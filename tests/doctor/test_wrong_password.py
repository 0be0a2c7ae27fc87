"""A wrong Windows password is shown once, however many endpoints are examined."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcore.deployment import Check, CheckOutcome
from dlcore.doctor import examine
from dlcore.emulator.ntlm_acceptor import NtlmAcceptor
from dlcore.model import Authentication, EndpointKind, EndpointSettings, WebAccess
from tests.transfer.access import secret_file
from tests.transfer.refused_login import refusing_login
from tests.transfer.windows_auth import WindowsGuard, serving


@pytest.mark.posix_only(
    reason="Windows' own NTLM treats a server on the same machine in another way"
)
async def test_doctor_shows_a_wrong_password_once(tmp_path: Path) -> None:
    """Fault: many endpoints have one account with a wrong password. `dlcore doctor` shows it to one
    of them only, so that the account is not locked.
    """
    async with refusing_login(tmp_path) as (url, guard, login):
        endpoints = [
            EndpointSettings(f"site{number}", EndpointKind.HTTP, f"{url}/{number}", web=login)
            for number in range(3)
        ]
        diagnosis = await examine("1.0", endpoints, tmp_path)
    assert len(guard.shown) == 1
    assert all(checks[-1].name == "catalog" for checks in diagnosis.endpoints.values())
    assert not diagnosis.is_sound


@pytest.mark.posix_only(
    reason="Windows' own NTLM treats a server on the same machine in another way"
)
@pytest.mark.parametrize("kind", [EndpointKind.DP, EndpointKind.CONTENT_LIBRARY])
@pytest.mark.parametrize("is_right", [True, False])
async def test_doctor_tries_the_login_where_there_is_no_catalog(
    tmp_path: Path, kind: EndpointKind, is_right: bool
) -> None:
    """Fault: the password for distribution points is wrong. `dlcore doctor` shows it to one of
    them, and says what to correct.
    """
    accounts = Path(secret_file(tmp_path, "accounts", "CORP:svc-dl:canary-Pa55\n"))
    password = "canary-Pa55" if is_right else "canary-wrong"
    login = WebAccess(
        authentication=Authentication.NEGOTIATE,
        user="CORP\\svc-dl",
        password_file=secret_file(tmp_path, "password", f"{password}\n"),
        logs_in_without_tls=True,
    )
    guard = WindowsGuard(lambda: NtlmAcceptor("Negotiate", accounts))
    async with serving([], guard) as url:
        endpoints = [
            EndpointSettings(f"dp{number}", kind, f"{url}/SMS_DP_SMSPKG$", web=login)
            for number in range(3)
        ]
        diagnosis = await examine("1.0", endpoints, tmp_path)
    found = [named(checks)["login"] for checks in diagnosis.endpoints.values()]
    if is_right:
        assert {check.outcome for check in found} == {CheckOutcome.PASSED}
        return
    assert {check.outcome for check in found} == {CheckOutcome.FAILED}
    assert len(guard.shown) == 1
    assert any("does not accept the user CORP\\svc-dl" in check.detail for check in found)
    assert all("password" in check.remedy for check in found)
    assert not any("canary" in f"{check.detail}{check.remedy}" for check in found)


def named(checks: tuple[Check, ...]) -> dict[str, Check]:
    return {check.name: check for check in checks}
