"""What servers have said of accounts."""

from __future__ import annotations

import pytest

from dlcore.transfer.http.presented_accounts import PresentedAccounts
from dlcore.transfer.http.security_contexts import AccountPassword


@pytest.mark.parametrize(
    ("user", "same"),
    [(r"CORP\svc-dl", r"corp\SVC-dl"), ("svc@corp.example", "SVC@CORP.example")],
)
def test_a_user_is_the_same_in_upper_and_lower_case(user: str, same: str) -> None:
    """Fault: endpoints name one user with other capitals, and the password is wrong. It is shown to
    one of them.
    """
    presented = PresentedAccounts()
    presented.refused(AccountPassword(user, "Wrong"), "dp1")
    assert presented.refused_by(AccountPassword(same, "Wrong"), "dp2") == "dp1"
    assert not presented.refused_by(AccountPassword(same, "wrong"), "dp2")


def test_an_account_of_a_server_is_judged_by_it_alone() -> None:
    presented = PresentedAccounts()
    presented.refused(AccountPassword(r".\svc-dl", "wrong"), "dp1")
    assert presented.refused_by(AccountPassword(r".\SVC-DL", "wrong"), "dp1") == "dp1"
    assert not presented.refused_by(AccountPassword(r".\svc-dl", "wrong"), "dp2")
