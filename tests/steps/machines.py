"""Machines for tests: they answer what the test says, and nothing else."""

from __future__ import annotations

from typing import Any

from dlcore.steps.machine import Adapter, Identity, OperatingSystem, SilentMachine

GIB = 1 << 30


class ToldMachine(SilentMachine):
    """Answers what it was told. Implements `Machine`.

    Args:
        answers: By the name of the question.
    """

    def __init__(self, **answers: Any) -> None:
        super().__init__("nobody told it")
        for question, answer in answers.items():
            assert hasattr(SilentMachine, question)
            setattr(self, question, lambda answer=answer: answer)


WINDOWS_11 = OperatingSystem("CLIENT", "10.0.22631", 64, 1033)
LAPTOP: dict[str, Any] = {
    "memory_bytes": 8 * GIB,
    "processor_hz": 2_400_000_000,
    "free_disk_bytes": 100 * GIB,
    "is_uefi": True,
    "is_on_mains": True,
    "adapters": (
        Adapter("00:15:5D:01:02:03", ("192.0.2.7",), ("192.0.2.1",), is_connected=True),
        Adapter("00:15:5D:01:02:04", ("192.0.2.8",), is_connected=False, is_wired=False),
    ),
    "identity": Identity("Contoso", "Model 1", "SN-1", "TAG-9", "UUID-1"),
    "operating_system": WINDOWS_11,
    "client_version": "5.00.9128.1007",
    "has_tpm": True,
    "is_tpm_enabled": True,
    "is_tpm_activated": True,
}
"""What `ToldMachine` is told about a laptop with Windows 11."""
