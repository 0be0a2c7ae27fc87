"""What PowerShell printed on real machines when WMI did not answer. None of it decides a condition.

The texts were published by the people whose machines printed them; the addresses are beside them.
Answers that succeed are only ``True`` or ``False``, because the script of `SystemProbes` asks for
no more than that.
"""

from __future__ import annotations

import subprocess
from typing import NamedTuple

import pytest

from dlcore.tasksequence import Verdict, WmiExpression, windows_evaluator
from dlcore.tasksequence.windows_probes import SystemProbes


class Recorded(NamedTuple):
    """What one machine wrote to standard error, and what a person has to read of it."""

    printed: str
    code_page: str
    told: str


_ID = "HRESULT {},Microsoft.Management.Infrastructure.CimCmdlets.GetCimInstanceCommand"

RECORDED = {
    # Source: https://github.com/ayoubfaouzi/al-khaser/issues/280, Windows 10; wrapped by PowerShell
    "invalid class": Recorded(
        "get-ciminstance : Invalid class\r\n"
        "At line:1 char:1\r\n"
        "+ get-ciminstance MSAcpi_ThermalZoneTemperature\r\n"
        "+ ~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~\r\n"
        "    + CategoryInfo          : MetadataError: "
        "(root\\cimv2:MSAcpi_ThermalZoneTemperature:String) [Get-CimInstance], CimE\r\n"
        "   xception\r\n"
        f"    + FullyQualifiedErrorId : {_ID.format('0x80041010')}\r\n",
        "cp437",
        "Invalid class",
    ),
    # Source: https://github.com/microsoft/WSL/issues/10625
    "invalid query": Recorded(
        "GET-CimInstance : Invalid query\r\n"
        "At line:1 char:1\r\n"
        '+ GET-CimInstance -query "SELECT (size/1024) from Win32_DiskDrive"\r\n'
        "    + CategoryInfo          : InvalidArgument: (:) [Get-CimInstance], CimException\r\n"
        f"    + FullyQualifiedErrorId : {_ID.format('0x80041017')}\r\n",
        "cp437",
        "Invalid query",
    ),
    # Source: https://github.com/PowerShell/PowerShell/issues/16802, a Chinese Windows
    "invalid class in Chinese": Recorded(
        "Get-CimInstance: 指定的类不存在。\r\n", "cp936", "Get-CimInstance: "
    ),
    # Source: https://github.com/microsoft/Windows-Sandbox/issues/67, Windows 11
    "access denied": Recorded(
        "Get-CimInstance: Access is denied.\r\n", "cp437", "Access is denied."
    ),
    # Source: https://github.com/OSDeploy/OSD/issues/165, Windows PE
    "the provider does not load": Recorded(
        "Get-CimInstance : Provider load failure\r\n", "cp437", "Provider load failure"
    ),
    # Source: https://github.com/PowerShell/PowerShell/issues/8147, Windows Server 2008 R2
    "a generic failure": Recorded(
        "Get-CimInstance : FAILED\r\n"
        "At line:1 char:1\r\n"
        "+ Get-CimInstance Win32_Process\r\n"
        "+ CategoryInfo            : NotSpecified: (:) [Get-CimInstance], CimException\r\n",
        "cp437",
        "FAILED",
    ),
    # Source: https://github.com/oneget/oneget/issues/102, Windows 8.1 with a broken repository
    "a broken repository": Recorded(
        "get-netadapter : Cannot connect to CIM server. Invalid namespace \r\n",
        "cp437",
        "Cannot connect to CIM server. Invalid namespace",
    ),
}


def _probes(recorded: Recorded, exit_code: int) -> SystemProbes:
    def run(arguments: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        told = recorded.printed.encode(recorded.code_page)
        return subprocess.CompletedProcess(arguments, exit_code, b"", told)

    return SystemProbes(run=run)


@pytest.mark.parametrize("recorded", RECORDED.values(), ids=RECORDED)
@pytest.mark.parametrize("exit_code", [0, 1])  # 1 is what -ErrorAction Stop should lead to
def test_what_real_machines_printed_decides_nothing(recorded: Recorded, exit_code: int) -> None:
    """Fault: WMI fails. dlcore leaves the condition undecided, whatever PowerShell's status is."""
    probes = _probes(recorded, exit_code)
    query = WmiExpression("SELECT * FROM Win32_Tpm", r"root\cimv2\security\microsofttpm")
    assert windows_evaluator(probes)(query, {}) is Verdict.UNDECIDED


@pytest.mark.parametrize("recorded", RECORDED.values(), ids=RECORDED)
def test_the_reason_is_told(recorded: Recorded) -> None:
    with pytest.raises(OSError, match="PowerShell did not answer: exit code 1") as failure:
        _probes(recorded, 1).wmi_answers(r"root\cimv2", "SELECT * FROM X")
    assert recorded.told in str(failure.value)
